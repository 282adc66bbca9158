import type { RunEvent, RunSummary } from '@switchyard/contracts';

/** Longest task text that a summary keeps, in characters. */
const SUMMARY_TASK_LENGTH = 500;

/** Audit's state of a run: the summary for lists, and how far the journal is known without a hole. */
export interface SummarisedRun extends RunSummary {
  readonly tenantId: string;
  /** Every event up to here was taken in, in order. */
  readonly lastSeq: number;
}

/**
 * The next summary after one event. Total and pure: the same events give the same summary. Events must come in order;
 * the first is `orchestrator.run.accepted`. Any other event returns the state unchanged.
 */
export function summarise(run: SummarisedRun | undefined, event: RunEvent): SummarisedRun | undefined {
  if (run === undefined)
    return event.type === 'orchestrator.run.accepted' && event.seq === 1 ? opened(event) : undefined;
  if (event.seq !== run.lastSeq + 1) return run;
  const next = { ...run, lastSeq: event.seq };
  switch (event.type) {
    case 'orchestrator.task.started':
    case 'orchestrator.planning.started':
    case 'orchestrator.approval.decided':
      return { ...next, phase: 'running' };
    case 'orchestrator.approval.requested':
      return { ...next, phase: 'waiting' };
    case 'orchestrator.step.dispatching':
      return event.data.attempt === 1 ? { ...next, totalSteps: run.totalSteps + 1 } : next;
    case 'orchestrator.task.completed':
      return {
        ...next,
        phase: 'ended',
        status: event.data.status,
        completionReason: event.data.completion_reason,
        totalSteps: event.data.total_steps,
        endedAt: event.ts,
      };
    default:
      return next;
  }
}

function opened(event: Extract<RunEvent, { type: 'orchestrator.run.accepted' }>): SummarisedRun {
  const { run } = event.data;
  return {
    runId: event.runId,
    tenantId: event.tenantId,
    threadId: run.thread_id,
    userId: run.principal.userId,
    task: run.task.slice(0, SUMMARY_TASK_LENGTH),
    phase: 'queued',
    status: null,
    completionReason: null,
    totalSteps: 0,
    createdAt: event.ts,
    endedAt: null,
    lastSeq: 1,
  };
}
