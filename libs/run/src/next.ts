import { type CompletionReason, type FinishReason, isRecord, type RunStatus } from '@switchyard/contracts';
import { firstExpiry, isCleared, isOpen, mustAsk, openAsks } from './asks.ts';
import { type Exceeded, exceededLimit, leavesRoomForAnswer, onExceeded } from './budget.ts';
import { isFull } from './history-size.ts';
import type { Ask, RunState, StepState } from './state.ts';
import { roomFor } from './room.ts';
import { openSteps, performedSteps } from './steps.ts';

export interface Finish {
  readonly do: 'finish';
  readonly status: RunStatus;
  readonly reason: CompletionReason;
  readonly answer: string | null;
  readonly error: string | null;
  readonly errorCode: string | null;
}

/** The next action for a run. The owner performs it, appends the outcome, and asks again. */
export type Next =
  | { readonly do: 'nothing' }
  | { readonly do: 'begin' }
  /** `final`: no functions are offered; the planner must answer from what is known. */
  | { readonly do: 'plan'; readonly stepNumber: number; readonly lastFailed: boolean; readonly final: boolean }
  /** Hand the whole task to one agent, without a planner. */
  | { readonly do: 'hand-over' }
  /** Includes steps that a person refused or answered: they need no worker. */
  | { readonly do: 'perform'; readonly steps: readonly StepState[] }
  | { readonly do: 'exceed'; readonly exceeded: Exceeded }
  | { readonly do: 'ask'; readonly steps: readonly StepState[] }
  | { readonly do: 'ask-budget'; readonly exceeded: Exceeded }
  | { readonly do: 'expire'; readonly asks: readonly Ask[] }
  /** Nothing can be done until a person decides or `until` (ms since 1970) is reached. */
  | { readonly do: 'wait'; readonly until: number }
  | Finish;

/** Decides the next action for a run. Total and pure; `now` in ms since 1970 serves only the time limit. */
export function next(state: RunState, now: number): Next {
  if (state.phase === 'new' || state.phase === 'ended' || !state.run) return { do: 'nothing' };
  if (state.cancel) return finish('cancelled', 'cancelled', null, 'The run was cancelled.', 'cancelled');
  if (state.violation) return finish('failed', 'error', null, state.violation.message, 'guardrail_blocked');
  if (state.phase === 'accepted') return { do: 'begin' };

  const last = state.phase === 'idle' ? state.plannings.at(-1)?.decision : undefined;
  const decided = last?.kind === 'answer' || last?.kind === 'fail';
  if (isFull(state) && !decided) return historyFull(state);

  const expired = openAsks(state).filter(({ request }) => request.expires_at <= now);
  if (expired.length > 0) return { do: 'expire', asks: expired };
  if (state.exceeded) {
    if (onExceeded(state) === 'ask' && !state.budgetAsk) return { do: 'ask-budget', exceeded: state.exceeded };
    if (isOpen(state.budgetAsk)) return { do: 'wait', until: state.budgetAsk.request.expires_at };
    // A limit that leaves no room ends the run also while steps are open.
    if (onExceeded(state) === 'fail' || !leavesRoomForAnswer(state.exceeded)) return overBudget(state, state.exceeded);
  }

  const acting = withOpenSteps(state, now);
  if (acting) return acting;

  if (last?.kind === 'answer') return answered(state, last.text);
  if (last?.kind === 'fail') {
    const reason = state.exceeded ? 'max_steps_reached' : 'error';
    const answer = state.exceeded && state.lastText !== '' ? state.lastText : null;
    return finish(anySuccess(state) ? 'partial' : 'failed', reason, answer, last.message, last.code);
  }
  if (!state.run.use_orchestrator) return handedOver(state);

  const exceeded = state.exceeded ? null : exceededLimit(state, now);
  if (exceeded) return { do: 'exceed', exceeded };

  return {
    do: 'plan',
    stepNumber: state.plannings.length + 1,
    lastFailed: performedSteps(state).at(-1)?.outcome?.success === false,
    final: state.exceeded !== null,
  };
}

/** The action for the steps of the current decision; undefined if none is open. */
function withOpenSteps(state: RunState, now: number): Next | undefined {
  const all = openSteps(state);
  const open = all.filter((step) => roomFor(state, step) !== 'ask');
  const unasked = open.filter(mustAsk);
  if (unasked.length > 0) return { do: 'ask', steps: unasked };
  const cleared = open.filter(isCleared);
  if (cleared.length > 0) return { do: 'perform', steps: cleared };
  const until = firstExpiry(state);
  if (until !== null) return { do: 'wait', until };
  const exceeded = all.length > 0 ? exceededLimit(state, now) : null;
  return exceeded ? { do: 'exceed', exceeded } : undefined;
}

/** The data of the one terminal event. */
export function terminalData(state: RunState, end: Finish) {
  const successful = state.steps.filter((step) => step.outcome?.success).length;
  return {
    status: end.status,
    completion_reason: end.reason,
    answer: end.answer,
    total_steps: performedSteps(state).length,
    successful_steps: successful,
    failed_steps: state.steps.filter((step) => step.outcome !== null && !step.outcome.success).length,
    usage: state.usage,
    error: end.error,
    error_code: end.errorCode,
    ...lastWord(state, end),
  };
}

/** What the last planning adds to the end: why its answer is incomplete, or the model server's requested pause. */
function lastWord(state: RunState, end: Finish): { finish_reason?: FinishReason; retry_after_ms?: number } {
  const { decision, finishReason } = state.plannings.at(-1) ?? {};
  if (decision?.kind === 'answer' && finishReason && end.answer === decision.text)
    return { finish_reason: finishReason };
  const isReason = decision?.kind === 'fail' && decision.code === end.errorCode;
  return isReason && decision.retry_after_ms !== undefined ? { retry_after_ms: decision.retry_after_ms } : {};
}

function answered(state: RunState, text: string): Finish {
  if (state.exceeded)
    return finish('partial', 'max_steps_reached', text, limitSentence(state.exceeded), 'budget_exceeded');
  const failedOnly = state.steps.length > 0 && !anySuccess(state);
  return finish(failedOnly ? 'partial' : 'success', state.steps.length === 0 ? 'no_steps' : 'ok', text, null, null);
}

function handedOver(state: RunState): Next {
  const outcome = state.steps.at(0)?.outcome;
  if (!outcome) return { do: 'hand-over' };
  return outcome.success
    ? finish('success', 'ok', textOf(outcome.result), null, null)
    : finish('failed', 'error', null, outcome.error, outcome.error_code);
}

/** The answer of an agent that was handed the whole task: its words, or all that it told where it said none. */
function textOf(result: unknown): string {
  const said = isRecord(result) ? result['answer'] : result;
  return typeof said === 'string' ? said : JSON.stringify(result ?? null);
}

function historyFull(state: RunState): Finish {
  const status = anySuccess(state) ? 'partial' : 'failed';
  const sentence = 'The history of this run is full: it has become too long to go on. Start a new run for the rest.';
  return finish(status, 'error', state.lastText === '' ? null : state.lastText, sentence, 'history_full');
}

function overBudget(state: RunState, exceeded: Exceeded): Finish {
  const answer = state.lastText === '' ? null : state.lastText;
  return finish(
    anySuccess(state) ? 'partial' : 'failed',
    'budget_exceeded',
    answer,
    limitSentence(exceeded),
    'budget_exceeded',
  );
}

function limitSentence(exceeded: Exceeded): string {
  const whose = exceeded.scope === 'run' ? '' : ` of this ${exceeded.scope} for today`;
  return `The limit of ${exceeded.limit} ${exceeded.kind}${whose} was reached.`;
}

function anySuccess(state: RunState): boolean {
  return state.steps.some((step) => step.outcome?.success === true);
}

function finish(
  status: RunStatus,
  reason: CompletionReason,
  answer: string | null,
  error: string | null,
  errorCode: string | null,
): Finish {
  return { do: 'finish', status, reason, answer, error, errorCode };
}
