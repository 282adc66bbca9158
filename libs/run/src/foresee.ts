import type { FactOf, PlannedAct, Provenance, RunEvent, RunFact, RunFactDraft, Usage } from '@switchyard/contracts';
import { formatStepId, isProgressType, parseFact, publicRunId } from '@switchyard/contracts';
import { askForBudget, askForStep } from './asks.ts';
import { evolve, objection } from './evolve.ts';
import { isNearlyFull } from './history-size.ts';
import { next, terminalData } from './next.ts';
import { NO_STEPS_LEFT, summaryOf } from './planned.ts';
import { roomFor } from './room.ts';
import type { RunState, StepState } from './state.ts';

/*
 * Extends the facts of an action with all facts that follow without I/O: announcements of the next steps, rejected
 * calls, a reached limit, the terminal event. So they are appended together, in one round trip. Pure.
 *
 * - An effect leaves only after its announcement: the facts end with the announcement, never beyond it.
 * - Only facts that the run machine accepts pass. Others are returned for the log.
 */

export interface Foresight {
  readonly facts: RunFact[];
  readonly refused: { type: string; reason: string }[];
  /** The run as it will be once the facts are committed. */
  readonly state: RunState;
}

export interface ForeseeContext {
  /** ms since 1970, for the time limit. */
  readonly now: number;
  readonly epoch: number;
  /** The rule that the task violates, or null. */
  readonly checkTask: (task: string) => string | null;
  /** False if the run moves to another replica: nothing new is announced. */
  readonly announce: boolean;
}

const MAX_ROUNDS = 200;

export function foresee(start: RunState, drafts: readonly RunFactDraft[], context: ForeseeContext): Foresight {
  const facts: RunFact[] = [];
  const refused: { type: string; reason: string }[] = [];
  let state = start;

  const take = (draft: RunFactDraft): void => {
    const fact = parseFact(draft);
    const event = fact && provisional(state, fact, context);
    const reason = event ? (objection(state, event) ?? noRoom(state, event)) : 'the data does not fit its contract';
    if (!fact || !event || reason !== null) {
      refused.push({ type: draft.type, reason: reason ?? 'unknown' });
      return;
    }
    facts.push(fact);
    state = evolve(state, event);
  };

  drafts.forEach(take);
  if (!context.announce) return { facts, refused, state };
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const announcements = announcementsFor(state, context);
    if (announcements.length === 0) break;
    const before = refused.length;
    announcements.forEach(take);
    if (refused.length > before) break; // a defect: better to stop than to loop
  }
  return { facts, refused, state };
}

/** When a history is nearly full, workers' progress is the first to be dropped. */
function noRoom(state: RunState, event: RunEvent): string | null {
  return isProgressType(event.type) && isNearlyFull(state) ? 'the history is nearly full' : null;
}

/** The next announcements, without I/O; empty if the run waits for something. */
export function announcementsFor(state: RunState, context: Pick<ForeseeContext, 'now' | 'checkTask'>): RunFactDraft[] {
  const step = next(state, context.now);
  switch (step.do) {
    case 'nothing':
      return [];
    case 'begin':
      return begin(state, context);
    case 'plan':
      return state.phase === 'planning'
        ? []
        : [
            {
              type: 'orchestrator.planning.started',
              data: { step_number: step.stepNumber, last_failed: step.lastFailed },
            },
          ];
    case 'hand-over':
      return handOver(state);
    case 'perform':
      return step.steps.filter((open) => open.attempt === 0).flatMap((open) => dispatch(state, open));
    case 'ask':
      return step.steps.map((open) => ({
        type: 'orchestrator.approval.requested',
        data: askForStep(open, context.now),
      }));
    case 'ask-budget':
      return [{ type: 'orchestrator.approval.requested', data: askForBudget(state, step.exceeded, context.now) }];
    case 'expire':
      return step.asks.map(({ request: { approval_id, step_id } }) => ({
        type: 'orchestrator.approval.decided',
        data: { approval_id, step_id, decision: 'expired', by: 'system' },
      }));
    case 'wait':
      return [];
    case 'exceed':
      return [{ type: 'orchestrator.budget.exceeded', data: step.exceeded }];
    case 'finish':
      return [{ type: 'orchestrator.task.completed', data: terminalData(state, step) }];
  }
}

function begin(state: RunState, context: Pick<ForeseeContext, 'checkTask'>): RunFactDraft[] {
  const run = state.run;
  if (!run) return [];
  const rule = context.checkTask(run.task);
  const started: RunFactDraft = {
    type: 'orchestrator.task.started',
    data: {
      request_id: publicRunId(state.tenantId, state.runId),
      task: run.task,
      max_steps: run.budget.max_steps,
      tenant_id: state.tenantId,
    },
  };
  if (rule === null) return [started];
  const message = 'The task was refused by a guardrail.';
  return [started, { type: 'orchestrator.guardrail.violated', data: { where: 'task', rule, message } }];
}

/** Without a planner the whole task is one step of the computer-use agent. */
function handOver(state: RunState): RunFactDraft[] {
  const task = state.run?.task ?? '';
  const act: PlannedAct = {
    step_id: formatStepId('computer_use', 1),
    tool_call_id: 'call_1',
    target: 'computer_use',
    task,
  };
  const decision = { kind: 'act' as const, order: 'sequence' as const, acts: [act] };
  const planning: FactOf<'orchestrator.planning.completed'>['data'] = {
    step_number: 1,
    ...summaryOf(decision),
    decision,
    text: '',
    model: 'none',
    usage: { input_tokens: 0, output_tokens: 0 },
    duration_ms: 0,
  };
  return [
    { type: 'orchestrator.planning.started', data: { step_number: 1, last_failed: false } },
    { type: 'orchestrator.planning.completed', data: planning },
  ];
}

/** The announcement of a step; a call that needs no worker has its outcome at once. */
function dispatch(state: RunState, step: StepState): RunFactDraft[] {
  const { act } = step;
  const announced = dispatching(act, 1);
  const outcome =
    roomFor(state, step) === 'no' ? ({ status: 'failed', ...NO_STEPS_LEFT } as const) : outcomeWithoutWorker(step);
  return outcome === null ? [announced] : [announced, stepCompleted(act, outcome, 0)];
}

/** The outcome of a call that cannot be performed, or that a person did not approve. */
function outcomeWithoutWorker({ act, ask }: StepState): StepOutcome | null {
  if (act.invalid) return { status: 'failed', ...act.invalid };
  const said = ask?.decision;
  if (!said || (said.decision === 'approve' && act.target !== 'user')) return null;
  if (act.target === 'user' && said.decision === 'answer') return { status: 'succeeded', output: said.text ?? '' };
  if (said.decision === 'expired')
    return { status: 'failed', code: 'approval_expired', message: 'Nobody answered the question in time.' };
  const remark = said.text === undefined ? '' : ` The person said: ${said.text.slice(0, 3_000)}`;
  return { status: 'failed', code: 'approval_denied', message: `A person did not allow this.${remark}` };
}

export function dispatching(act: PlannedAct, attempt: number): RunFactDraft {
  const { step_id, target, task, tool_call_id, tool, agent } = act;
  return {
    type: 'orchestrator.step.dispatching',
    data: {
      step_id,
      target,
      task,
      attempt,
      tool_call_id,
      ...(tool === undefined ? {} : { tool, arguments: act.arguments ?? {} }),
      ...(agent === undefined ? {} : { agent }),
    },
  };
}

export type StepOutcome = {
  readonly provenance?: Provenance | undefined;
  readonly usage?: Usage | undefined;
} & ({ status: 'succeeded'; output: unknown } | { status: 'failed' | 'in_doubt'; code: string; message: string });

export function stepCompleted(act: PlannedAct, outcome: StepOutcome, durationMs: number): RunFactDraft {
  const success = outcome.status === 'succeeded';
  return {
    type: 'orchestrator.step.completed',
    data: {
      step_id: act.step_id,
      target: act.target,
      status: success ? 'completed' : outcome.status === 'in_doubt' ? 'in_doubt' : 'failed',
      success,
      result: success ? outcome.output : null,
      error: success ? null : outcome.message,
      error_code: success ? null : outcome.code,
      duration_ms: durationMs,
      ...(outcome.provenance ? { provenance: outcome.provenance } : {}),
      ...(outcome.usage ? { usage: outcome.usage } : {}),
    },
  };
}

/** The place that the fact will have if it is committed next. */
function provisional(state: RunState, fact: RunFact, context: ForeseeContext): RunEvent {
  return {
    ...fact,
    runId: state.runId,
    tenantId: state.tenantId,
    seq: state.seq + 1,
    epoch: context.epoch,
    stepId: factStepId(fact),
    ts: context.now,
  };
}

export function factStepId(fact: RunFact): string | null {
  return 'step_id' in fact.data ? (fact.data.step_id ?? null) : null;
}
