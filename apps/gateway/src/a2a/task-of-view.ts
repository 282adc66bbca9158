import { type Principal, publicRunId, type RunSummary, type RunView } from '@switchyard/contracts';
import type { A2aTask, TaskStateName } from '@switchyard/contracts/http';

/* Tasks from what is known of a run without its events. Pure. */

type Known = Pick<RunSummary, 'phase' | 'status'>;

/** Where the run is, as far as its summary tells. */
export function stateOf({ phase, status }: Known): TaskStateName {
  switch (phase) {
    case 'queued':
      return 'TASK_STATE_SUBMITTED';
    case 'running':
      return 'TASK_STATE_WORKING';
    case 'waiting':
      return 'TASK_STATE_INPUT_REQUIRED';
    case 'ended':
      if (status === 'cancelled') return 'TASK_STATE_CANCELED';
      return status === 'failed' ? 'TASK_STATE_FAILED' : 'TASK_STATE_COMPLETED';
  }
}

export function taskOfSummary({ tenantId }: Principal, run: RunSummary): A2aTask {
  return {
    id: publicRunId(tenantId, run.runId),
    contextId: run.threadId,
    status: { state: stateOf(run), timestamp: new Date(run.endedAt ?? run.createdAt).toISOString() },
    ...(run.status === null ? {} : { metadata: { status: run.status } }),
  };
}

/** A task whose events have expired: its end and its answer are kept. */
export function taskOfView(principal: Principal, view: RunView): A2aTask {
  const { answer, error, status, completionReason, errorCode } = view;
  const task = taskOfSummary(principal, { ...view, totalSteps: view.steps.length });
  const told =
    error === null
      ? {}
      : { message: { messageId: `${task.id}-end`, role: 'ROLE_AGENT' as const, parts: [{ text: error }] } };
  return {
    ...task,
    status: { ...task.status, ...told },
    artifacts:
      answer === null
        ? []
        : [{ artifactId: 'answer', name: 'answer', parts: [{ text: answer, mediaType: 'text/plain' }] }],
    metadata: { status, completion_reason: completionReason, error_code: errorCode, events_expired: true },
  };
}
