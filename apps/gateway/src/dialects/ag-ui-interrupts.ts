import type { FactOf, OpenApproval } from '@switchyard/contracts';
import { isWaiting, openAsks } from '@switchyard/run';
import { type AgUiEvent, type AgUiState, type Change, closeAll, closeText, isModern } from './ag-ui-state.ts';
import { called, join, VENDOR } from './ag-ui-steps.ts';

/*
 * A run that waits for people, in AG-UI: the AG-UI run ends with one interrupt per question, while the run of the
 * journal keeps waiting. The answers come as `resume` of a later input (see ag-ui/resume.ts).
 *
 * - The id of an interrupt names its run and its question, so that any client can answer it on any replica.
 * - A client is shown the call that a question is about before the interrupt that names the call.
 * - A call that the client itself performs is no interrupt. The AG-UI run ends as a success, and the client sends the
 *   result as a tool message of the next input.
 */

const WAITS = { message: 'The run waits for a person.', code: 'waiting' } as const;

/** A call that the client performs: a question whose answer is the result. */
export function isClientCall({ kind, tool }: Pick<OpenApproval, 'kind' | 'tool'>): boolean {
  return kind === 'question' && tool !== undefined;
}

export function waitsForPerson({ run, context: { answered = [] } }: AgUiState): boolean {
  if (run.cancel !== null || !isWaiting(run)) return false;
  return !openAsks(run).some(({ request }) => answered.includes(request.approval_id));
}

/** Shows the call that the question is about, before the interrupt that names it. */
export function asked(state: AgUiState, data: FactOf<'orchestrator.approval.requested'>['data']): Change {
  const { step_id: stepId, kind } = data;
  const step = state.run.steps.find(({ act }) => act.step_id === stepId);
  const text = closeText(state);
  if (stepId === null || kind === 'budget') return text;
  const call = step?.act ?? {
    step_id: stepId,
    tool_call_id: data.tool_call_id ?? stepId,
    target: kind === 'question' ? ('user' as const) : ('mcp' as const),
    task: data.question,
    ...(data.tool === undefined ? {} : { tool: data.tool, arguments: data.arguments }),
  };
  return join(text, called(text.state, kind === 'question' ? { ...call, task: data.question } : call));
}

/** Ends the AG-UI run: everything closed, the conversation whole, one interrupt per open question. */
export function pause(state: AgUiState): Change {
  const closed = closeAll(state, WAITS);
  const { threadId, runId, peerRunId } = state.context;
  const requests = openAsks(state.run).map(({ request }) => request);
  const interrupts = requests.filter((request) => !isClientCall(request)).map((one) => interruptOf(state, one));
  const pending = requests.filter(isClientCall).flatMap(({ step_id: id }) => state.calls[id ?? ''] ?? []);
  return {
    state: { ...closed.state, started: false },
    events: [
      ...closed.events,
      { type: 'MESSAGES_SNAPSHOT', messages: state.messages },
      {
        type: 'RUN_FINISHED',
        threadId,
        runId: peerRunId ?? runId,
        ...(interrupts.length > 0 ? { outcome: { type: 'interrupt', interrupts } } : pendingOutcome(state, pending)),
      },
    ],
  };
}

/**
 * A success with the calls that the client performs. Older peers know these calls by their names alone, and take a run
 * without an outcome for a success.
 */
function pendingOutcome(state: AgUiState, pendingToolCallIds: readonly string[]): object {
  return isModern(state) ? { outcome: { type: 'success', pendingToolCallIds } } : {};
}

/** `<runId>:<approvalId>`; neither part can hold a colon. */
function interruptId(runId: string, approvalId: string): string {
  return `${runId}:${approvalId}`;
}

const REASONS = { approval: 'tool_call', question: 'input_required', budget: 'confirmation' } as const;

function interruptOf(state: AgUiState, request: OpenApproval): Record<string, unknown> {
  const { approval_id: approvalId, kind, step_id: stepId, question, tool, expires_at: expiresAt } = request;
  const { runId } = state.context;
  const toolCallId = stepId === null ? undefined : state.calls[stepId];
  return {
    id: interruptId(runId, approvalId),
    reason: REASONS[kind],
    message: question,
    ...(toolCallId === undefined ? {} : { toolCallId }),
    responseSchema: RESPONSES[kind],
    expiresAt: new Date(expiresAt).toISOString(),
    metadata: {
      [`${VENDOR}.approval`]: {
        run_id: runId,
        approval_id: approvalId,
        kind,
        ...(tool === undefined ? {} : { tool, arguments: request.arguments ?? {} }),
        ...(request.required_role === undefined ? {} : { required_role: request.required_role }),
      },
    },
  } satisfies AgUiEvent[string];
}

/** The format of an answer; ag-ui/resume.ts reads it. */
const RESPONSES = {
  approval: {
    type: 'object',
    properties: {
      approved: { type: 'boolean' },
      editedArgs: { type: 'object', description: 'The arguments to use instead of all those proposed' },
      text: { type: 'string', description: 'A remark that the planner is given' },
    },
    required: ['approved'],
  },
  question: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
  budget: {
    type: 'object',
    properties: { approved: { type: 'boolean' }, limit: { type: 'number', description: 'The new limit' } },
    required: ['approved'],
  },
} as const;
