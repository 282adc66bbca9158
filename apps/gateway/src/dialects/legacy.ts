import { ERROR_CODES, formatCursor, isErrorCode, type RunEvent, undecided, UNFINISHED } from '@switchyard/contracts';
import { evolve, INITIAL, isWaiting, type RunState } from '@switchyard/run';
import { type Dialect, messageIdInThread, type Projected } from './dialect.ts';
import { type Frame, group } from './frame.ts';

/*
 * GET /ag-ui/events: `{event_type, data, message}` with seven types and no others. A lossy view: it leaves out what it
 * cannot express. `data.run_id` and `data.seq` say where a frame comes from.
 */

type LegacyType =
  | 'AGENT_RESPONSE'
  | 'TOOL_CALL_START'
  | 'TOOL_OUTPUT'
  | 'A2A_DELEGATION_START'
  | 'A2A_DELEGATION_RESULT'
  | 'GUARDRAIL_VIOLATION'
  | 'ERROR';

interface LegacyState {
  readonly runId: string;
  /** Steps that were announced: step id -> what was called. */
  readonly called: Readonly<Record<string, string>>;
  readonly answered: boolean;
  readonly run: RunState;
}

export const legacyDialect: Dialect<LegacyState> = {
  initial: ({ runId }) => ({ runId, called: {}, answered: false, run: INITIAL }),

  project(state, event): Projected<LegacyState> {
    const { state: after, frames } = step({ ...state, run: evolve(state.run, event) }, event);
    return { state: after, frames: group(frames, formatCursor(event.runId, event.seq)) };
  },

  pauses: ({ run }) => run.cancel === null && isWaiting(run),

  interrupted: (state, problem) => [
    { data: { event_type: 'ERROR', data: { run_id: state.runId, code: problem.code }, message: problem.message } },
  ],
};

function step(state: LegacyState, event: RunEvent): Projected<LegacyState> {
  const frame = (type: LegacyType, data: Record<string, unknown>, message?: string): Frame => ({
    data: {
      event_type: type,
      data: { run_id: event.runId, seq: event.seq, ...data },
      ...(message === undefined ? {} : { message }),
    },
  });

  switch (event.type) {
    // A frame without data: a client that is cut off before the first real one returns with a cursor.
    case 'orchestrator.run.accepted':
      return { state, frames: [{}] };

    case 'orchestrator.step.dispatching': {
      const { step_id: stepId, target, task, tool, agent, arguments: args } = event.data;
      // A question to the person is shown as the assistant's text; the answer is the person's own.
      if (target === 'user' || Object.hasOwn(state.called, stepId)) return { state, frames: [] };
      const name = (target === 'a2a' ? agent : tool) ?? target;
      const after = { ...state, called: { ...state.called, [stepId]: name } };
      return target === 'a2a'
        ? {
            state: after,
            frames: [frame('A2A_DELEGATION_START', { step_id: stepId, agent: name, task }, `Delegating to ${name}`)],
          }
        : {
            state: after,
            frames: [
              frame('TOOL_CALL_START', { step_id: stepId, tool: name, arguments: args ?? {}, task }, `Calling ${name}`),
            ],
          };
    }

    case 'orchestrator.step.completed': {
      const { step_id: stepId, target, success, result, error, error_code: code } = event.data;
      if (target === 'user') return { state, frames: [] };
      const name = state.called[stepId] ?? target;
      const outcome = success ? { success, result } : { success, error, error_code: code };
      return target === 'a2a'
        ? { state, frames: [frame('A2A_DELEGATION_RESULT', { step_id: stepId, agent: name, ...outcome })] }
        : { state, frames: [frame('TOOL_OUTPUT', { step_id: stepId, tool: name, ...outcome })] };
    }

    case 'orchestrator.message.completed': {
      const { text, final } = event.data;
      const messageId = messageIdInThread(event.runId, event.data.message_id);
      return {
        state: { ...state, answered: state.answered || final },
        frames: [frame('AGENT_RESPONSE', { message_id: messageId, final }, text)],
      };
    }

    case 'orchestrator.approval.requested': {
      const { approval_id: approvalId, kind, question, tool, arguments: args, expires_at: expiresAt } = event.data;
      const hint = kind === 'question' ? '' : ' (answer "approve" or "deny")';
      const call = tool === undefined ? {} : { tool, arguments: args ?? {} };
      const data = { approval_id: approvalId, kind, waiting: true, expires_at: expiresAt, ...call, final: false };
      return { state, frames: [frame('AGENT_RESPONSE', data, question + hint)] };
    }

    case 'orchestrator.guardrail.violated': {
      const { where, rule, message, step_id: stepId } = event.data;
      const step = stepId === undefined ? {} : { step_id: stepId };
      return { state, frames: [frame('GUARDRAIL_VIOLATION', { where, rule, ...step }, message)] };
    }

    case 'orchestrator.task.completed': {
      const { status, completion_reason: reason, answer, error, error_code: code, finish_reason: cut } = event.data;
      const end = { status, completion_reason: reason };
      if (status === 'failed' || status === 'cancelled') {
        const errorCode = status === 'cancelled' ? 'CANCELLED' : (code ?? 'internal');
        const text = error ?? (isErrorCode(code) ? ERROR_CODES[code].summary : 'The run failed.');
        return { state, frames: [frame('ERROR', { ...end, code: errorCode }, text)] };
      }
      // The answer was the last text already; only the cursor moves to the end.
      const warning = { ...end, finish_reason: cut, warning: true, final: false };
      if (state.answered) return { state, frames: [cut ? frame('AGENT_RESPONSE', warning, UNFINISHED[cut]) : {}] };
      return { state, frames: [frame('AGENT_RESPONSE', { ...end, final: true }, answer ?? error ?? '')] };
    }

    // This dialect has no type for them.
    case 'orchestrator.task.started':
    case 'orchestrator.planning.started':
    case 'orchestrator.planning.completed':
    case 'orchestrator.model.waiting':
    case 'orchestrator.budget.exceeded':
    case 'orchestrator.cancel.requested':
    case 'orchestrator.approval.decided':
    case 'mcp.task.started':
    case 'mcp.toolbox.generated':
    case 'mcp.tool.search':
    case 'mcp.tool.selected':
    case 'mcp.tool.execution':
    case 'mcp.task.completed':
    case 'a2a.delegation.started':
    case 'a2a.delegation.completed':
    case 'a2a.delegation.failed':
    case 'computer_use.task.started':
    case 'computer_use.task.completed':
    case 'computer_use.session.opened':
    case 'computer_use.action.performed':
    case 'computer_use.session.closed':
    case 'worker.step.started':
    case 'worker.step.completed':
    case 'worker.reflection.started':
    case 'worker.reflection.completed':
    case 'code_agent.session.started':
    case 'code_agent.session.completed':
    case 'code_agent.step.started':
    case 'grounding.generate_coords.started':
    case 'grounding.generate_coords.completed':
    case 'grounding.code_agent.started':
      return { state, frames: [] };
    default:
      return undecided(event, { state, frames: [] });
  }
}
