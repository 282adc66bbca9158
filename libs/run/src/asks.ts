import type { FactOf } from '@switchyard/contracts';
import { MAX_APPROVAL_SECONDS } from '@switchyard/contracts';
import type { Exceeded } from './budget.ts';
import type { Ask, RunState, StepState } from './state.ts';
import { roomFor } from './room.ts';
import { openSteps } from './steps.ts';

/*
 * Questions to people. A run that has nothing to do but to wait for them holds no lease and takes no slot.
 */

type Requested = FactOf<'orchestrator.approval.requested'>['data'];

/** How long the question whether a limit may be raised stays open. */
const BUDGET_ASK_SECONDS = 86_400;

export function isOpen(ask: Ask | null): ask is Ask {
  return ask !== null && ask.decision === null;
}

/** True where a person must decide on this step and was not asked yet. */
export function mustAsk(step: StepState): boolean {
  return step.act.approval !== undefined && step.act.invalid === undefined && step.ask === null;
}

/** True where nothing stands between this step and its performance, or its refusal. */
export function isCleared(step: StepState): boolean {
  return !mustAsk(step) && !isOpen(step.ask);
}

/** Every question that waits for a person, oldest first. */
export function openAsks(state: RunState): readonly Ask[] {
  if (state.phase === 'ended') return [];
  return [...openSteps(state).map((step) => step.ask), state.budgetAsk].filter(isOpen);
}

/** True where the run can do nothing until a person decides. */
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

/** The question whether a limit may be raised. A limit of a whole user or tenant is an administrator's to raise. */
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

/** When the first of the open questions expires, in ms since 1970; null where none is open. */
export function firstExpiry(state: RunState): number | null {
  const times = openAsks(state).map(({ request }) => request.expires_at);
  return times.length === 0 ? null : Math.min(...times);
}
