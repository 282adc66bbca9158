import { fit, type RunEvent, type RunView, type StepSummary, TERMINAL_TYPE } from '@switchyard/contracts';
import { fold, openAsks, performedSteps, type RunState } from '@switchyard/run';
import type { RunHead } from '@switchyard/store';

/** The public view of a run, folded from its whole journal. */
export function toRunView(events: readonly RunEvent[], phase: RunView['phase']): RunView {
  const state = fold(events);
  const { run } = state;
  const last = events.at(-1);
  // Not from the state: a journal that could not be followed has a terminal event all the same.
  const end = last?.type === TERMINAL_TYPE ? last : undefined;
  const terminal = end?.data;
  return {
    runId: state.runId,
    threadId: run?.thread_id ?? '',
    tenantId: state.tenantId,
    userId: run?.principal.userId ?? '',
    task: run?.task ?? '',
    phase: terminal ? 'ended' : phase,
    lastSeq: last?.seq ?? 0,
    createdAt: state.acceptedAt,
    endedAt: end?.ts ?? null,
    status: terminal?.status ?? null,
    completionReason: terminal?.completion_reason ?? null,
    answer: terminal?.answer ?? null,
    error: terminal?.error ?? null,
    errorCode: terminal?.error_code ?? null,
    ...(terminal?.finish_reason === undefined ? {} : { finishReason: terminal.finish_reason }),
    ...(terminal?.retry_after_ms === undefined ? {} : { retryAfterMs: terminal.retry_after_ms }),
    steps: stepSummaries(state),
    usage: state.usage,
    approvals: openAsks(state).map(({ request }) => request),
  };
}

/** The view of a run from its row, if its events cannot be read. */
export function viewOfHead(head: RunHead): RunView {
  const { runId, threadId, tenantId, userId, task, phase, lastSeq, createdAt, endedAt } = head;
  const { status, completionReason, answer } = head;
  return {
    runId,
    threadId,
    tenantId,
    userId,
    task,
    phase,
    lastSeq,
    createdAt,
    endedAt,
    status,
    completionReason,
    answer,
    error: null,
    errorCode: null,
    steps: [],
    usage: { input_tokens: 0, output_tokens: 0 },
    approvals: [],
  };
}

/** The view fits one message of the bus. */
const MAX_VIEW_BYTES = 800_000;

/** Cuts texts that do not fit one message; the events have them in full. */
export function fitView(view: RunView): RunView {
  return fit(view, MAX_VIEW_BYTES);
}

/** The text that replaces a run's events. */
export function toSnapshot(view: RunView): string {
  return JSON.stringify(fitView(view));
}

/** Reads a snapshot; fields that an older version did not store come from the row. */
export function fromSnapshot(head: RunHead, snapshot: string): RunView {
  return { ...viewOfHead(head), ...(JSON.parse(snapshot) as Partial<RunView>) };
}

function stepSummaries(state: RunState): StepSummary[] {
  return performedSteps(state).map(({ act, outcome }) => ({
    step_id: act.step_id,
    target: act.target,
    task: act.task,
    result: outcome?.result ?? null,
    success: outcome?.success ?? false,
    error: outcome?.error ?? null,
    ...(outcome?.status === 'in_doubt' ? { in_doubt: true as const } : {}),
  }));
}
