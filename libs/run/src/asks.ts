import type { FactOf } from '@switchyard/contracts';
import { MAX_APPROVAL_SECONDS } from '@switchyard/contracts';
import type { Exceeded } from './budget.ts';
import type { Ask, RunState, StepState } from './state.ts';
import { roomFor } from './room.ts';
import { openSteps } from './steps.ts';

/* Questions to people. A run that only waits for answers holds no lease and no slot. */

type Requested = FactOf<'orchestrator.approval.requested'>['data'];

/** How long the question about raising a limit stays open. */
const BUDGET_ASK_SECONDS = 86_400;

export function isOpen(ask: Ask | null): ask is Ask {
  return ask !== null && ask.decision === null;
}

/** True if a person must decide on this step and was not asked yet. */
export function mustAsk(step: StepState): boolean {
  return step.act.approval !== undefined && step.act.invalid === undefined && step.ask === null;
}

/** True if this step can be performed, or refused, now. */
export function isCleared(step: StepState): boolean {
  return !mustAsk(step) && !isOpen(step.ask);
}

/** Every open question, oldest first. */
export function openAsks(state: RunState): readonly Ask[] {
  if (state.phase === 'ended') return [];
  return [...openSteps(state).map((step) => step.ask), state.budgetAsk].filter(isOpen);
}

/** True if the run can only wait for a person. */
export function isWaiting(state: RunState): boolean {
  if (isOpen(state.budgetAsk)) return true;
  const open = openSteps(state).filter((step) => roomFor(state, step) !== 'ask');
  return open.length > 0 && open.every((step) => isOpen(step.ask));
}

/** The question of a step. `now` in ms since 1970. */
export function askForStep(step: StepState, now: number): Requested {
  const { act } = step;
  const { question = act.task, timeout_seconds = BUDGET_ASK_SECONDS } = act.approval ?? {};
  return {
    approval_id: `ask-${act.step_id}`,
    kind: act.target === 'user' ? 'question' : 'approval',
    step_id: act.step_id,
    tool_call_id: act.tool_call_id,
    question,
    ...(act.tool === undefined ? {} : { tool: act.tool, arguments: act.arguments ?? {} }),
    expires_at: now + Math.min(timeout_seconds, MAX_APPROVAL_SECONDS) * 1_000,
  };
}

/** The question whether a limit may be raised. Only an admin may raise a limit of a user or a tenant. */
export function askForBudget(state: RunState, exceeded: Exceeded, now: number): Requested {
  const whose = exceeded.scope === 'run' ? 'this run' : `this ${exceeded.scope} today`;
  const timeout = state.run?.approvals?.timeout_seconds ?? BUDGET_ASK_SECONDS;
  return {
    approval_id: `ask-budget-${state.budgetAsks + 1}`,
    kind: 'budget',
    step_id: null,
    question: `The limit of ${exceeded.limit} ${exceeded.kind} for ${whose} was reached. May the run go on with as much again?`,
    expires_at: now + timeout * 1_000,
    ...(exceeded.scope === 'run' ? {} : { required_role: 'admin' as const }),
  };
}

/** When the first open question expires, in ms since 1970; null if none is open. */
export function firstExpiry(state: RunState): number | null {
  const times = openAsks(state).map(({ request }) => request.expires_at);
  return times.length === 0 ? null : Math.min(...times);
}
