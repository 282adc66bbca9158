import type { CompletionReason, RunStatus } from '@switchyard/contracts';
import { type Exceeded, exceededLimit, leavesRoomForAnswer } from './budget.ts';
import { performedSteps, stepsToPerform } from './evolve.ts';
import type { RunState, StepState } from './state.ts';

export interface Finish {
  readonly do: 'finish';
  readonly status: RunStatus;
  readonly reason: CompletionReason;
  readonly answer: string | null;
  readonly error: string | null;
  readonly errorCode: string | null;
}

/** What a run needs next. The shell does it, appends what came of it, and asks again. */
export type Next =
  | { readonly do: 'nothing' }
  | { readonly do: 'begin' }
  /** `final`: no functions are offered; the planner must answer from what is known. */
  | { readonly do: 'plan'; readonly stepNumber: number; readonly lastFailed: boolean; readonly final: boolean }
  /** Hand the whole task to one agent, without a planner. */
  | { readonly do: 'hand-over' }
  | { readonly do: 'perform'; readonly steps: readonly StepState[] }
  | { readonly do: 'exceed'; readonly exceeded: Exceeded }
  | Finish;

/** Decides what the run needs next. Total and pure; `now` in ms since 1970 serves the time limit alone. */
export function next(state: RunState, now: number): Next {
  if (state.phase === 'new' || state.phase === 'ended' || !state.run) return { do: 'nothing' };
  if (state.cancel) return finish('cancelled', 'cancelled', null, 'The run was cancelled.', 'cancelled');
  if (state.violation) return finish('failed', 'error', null, state.violation.message, 'guardrail_blocked');
  if (state.phase === 'accepted') return { do: 'begin' };

  // A limit that leaves no room ends the run also while steps are open.
  if (state.exceeded && !leavesRoomForAnswer(state.exceeded)) return overBudget(state, state.exceeded);

  const open = stepsToPerform(state);
  if (open.length > 0) return { do: 'perform', steps: open };

  const last = state.plannings.at(-1)?.decision;
  if (state.phase === 'idle' && last?.kind === 'answer') return answered(state, last.text);
  if (state.phase === 'idle' && last?.kind === 'fail') {
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
  };
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
    ? finish(
        'success',
        'ok',
        typeof outcome.result === 'string' ? outcome.result : JSON.stringify(outcome.result ?? null),
        null,
        null,
      )
    : finish('failed', 'error', null, outcome.error, outcome.error_code);
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
  return `The limit of ${exceeded.limit} ${exceeded.kind} was reached.`;
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
