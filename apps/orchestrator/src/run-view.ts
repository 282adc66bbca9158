import { type Principal, type RunEvent, type RunView, type StepSummary } from '@switchyard/contracts';
import { fold, openAsks, performedSteps, type RunState } from '@switchyard/run';

/** A caller sees runs of its own tenant: a user its own, admin and auditor all. */
export function maySee(principal: Principal, run: { tenantId: string; userId: string }): boolean {
  if (principal.tenantId !== run.tenantId) return false;
  return principal.userId === run.userId || principal.role === 'admin' || principal.role === 'auditor';
}

/** What a run looks like from outside, folded from its whole journal. */
export function toRunView(events: readonly RunEvent[], phase: RunView['phase']): RunView {
  const state = fold(events);
  const { run, terminal } = state;
  return {
    runId: state.runId,
    threadId: run?.thread_id ?? '',
    tenantId: state.tenantId,
    userId: run?.principal.userId ?? '',
    task: run?.task ?? '',
    phase: terminal ? 'ended' : phase,
    lastSeq: state.seq,
    createdAt: state.acceptedAt,
    endedAt: state.endedAt,
    status: terminal?.status ?? null,
    completionReason: terminal?.completion_reason ?? null,
    answer: terminal?.answer ?? null,
    error: terminal?.error ?? null,
    errorCode: terminal?.error_code ?? null,
    steps: stepSummaries(state),
    usage: state.usage,
    approvals: openAsks(state).map(({ request }) => request),
  };
}

function stepSummaries(state: RunState): StepSummary[] {
  return performedSteps(state).map(({ act, outcome }) => ({
    step_id: act.step_id,
    target: act.target,
    task: act.task,
    result: outcome?.result ?? null,
    success: outcome?.success ?? false,
    error: outcome?.error ?? null,
  }));
}
