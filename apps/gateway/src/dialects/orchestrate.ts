import {
  ERROR_CODES,
  type FactOf,
  formatCursor,
  isErrorCode,
  type RunEvent,
  type RunEventType,
  type StepSummary,
  UNFINISHED,
} from '@switchyard/contracts';
import type { OrchestrateAnswer } from '@switchyard/contracts/http';
import type { Dialect, DialectContext, Projected } from './dialect.ts';
import { type Frame, group } from './frame.ts';

/*
 * /orchestrate/stream: named events. Order: response.created, response.in_progress, a switchyard.notice for each unused
 * part of the request, the run's events, then `response` and response.completed; or, if the run failed, response.failed
 * and error.
 */

/** The documented fields of each event. `*`: all of its data. `hidden`: the event is shown with `view=all` alone. */
const FIELDS: { readonly [T in RunEventType]: readonly (keyof FactOf<T>['data'])[] | '*' | 'hidden' } = {
  'orchestrator.run.accepted': 'hidden',
  'orchestrator.task.started': ['request_id', 'task', 'max_steps', 'tenant_id'],
  'orchestrator.planning.started': ['step_number', 'last_failed'],
  'orchestrator.planning.completed': ['decision_type', 'target', 'task_preview'],
  'orchestrator.step.dispatching': ['step_id', 'target', 'task'],
  'orchestrator.step.completed': ['step_id', 'status', 'success', 'result', 'error'],
  'orchestrator.task.completed': ['status', 'total_steps', 'successful_steps', 'failed_steps', 'finish_reason'],
  'orchestrator.model.waiting': '*',
  'orchestrator.message.completed': '*',
  'orchestrator.approval.requested': '*',
  'orchestrator.approval.decided': '*',
  'orchestrator.guardrail.violated': '*',
  'orchestrator.budget.exceeded': '*',
  'orchestrator.cancel.requested': '*',
  'mcp.task.started': ['task', 'user_id', 'step_id', 'tool_constraints'],
  'mcp.toolbox.generated': ['tool_count', 'providers', 'cache_hit'],
  'mcp.tool.search': ['query', 'top_k'],
  'mcp.tool.selected': ['tool', 'provider', 'description'],
  'mcp.tool.execution': ['tool', 'params', 'success', 'result', 'error'],
  'mcp.task.completed': ['step_id', 'success', 'result'],
  'a2a.delegation.started': '*',
  'a2a.delegation.completed': '*',
  'a2a.delegation.failed': '*',
  'computer_use.task.started': ['task', 'step_id', 'controller'],
  'computer_use.task.completed': ['step_id', 'success', 'result'],
  'computer_use.session.opened': 'hidden',
  'computer_use.action.performed': 'hidden',
  'computer_use.session.closed': 'hidden',
  'worker.step.started': ['step', 'turn_count', 'max_steps'],
  'worker.step.completed': ['step', 'plan', 'has_reflection', 'action_type'],
  'worker.reflection.started': ['step', 'has_prior_reflection'],
  'worker.reflection.completed': 'hidden',
  'code_agent.session.started': ['task', 'budget'],
  'code_agent.session.completed': ['completion_reason', 'steps_executed', 'summary'],
  'code_agent.step.started': ['step', 'budget_remaining'],
  'grounding.generate_coords.started': ['ref_expr'],
  'grounding.generate_coords.completed': ['ref_expr', 'coords', 'method'],
  'grounding.code_agent.started': ['ref_expr'],
};

const FIELDS_OF = new Map<string, readonly string[] | '*' | 'hidden'>(Object.entries(FIELDS));

export interface OrchestrateState {
  readonly view: DialectContext['view'];
  readonly runId: string;
  readonly notices: readonly string[];
  readonly task: string;
  /** In the order of their first dispatch. */
  readonly steps: readonly StepSummary[];
  readonly answer: OrchestrateAnswer | null;
}

export const orchestrateDialect: Dialect<OrchestrateState> = {
  initial: ({ runId, view, notices = [] }) => ({ view, runId, notices, task: '', steps: [], answer: null }),

  project(state, event): Projected<OrchestrateState> {
    const after = remember(state, event);
    return { state: after, frames: group(framesOf(after, event), formatCursor(event.runId, event.seq)) };
  },

  speak(state, delta) {
    if (state.view !== 'all') return { state, frames: [] };
    const data = { message_id: delta.messageId, index: delta.index, delta: delta.text };
    return { state, frames: [{ event: 'orchestrator.message.delta', data }] };
  },

  interrupted: (_state, problem) => failure(problem.message),

  keepAlive: (nowMs) => ({ event: 'server.keepalive', data: { ts: nowMs } }),
};

function framesOf(state: OrchestrateState, event: RunEvent): Frame[] {
  const frames: Frame[] = [];
  if (event.type === 'orchestrator.run.accepted') {
    frames.push({ event: 'response.created', data: { status: 'accepted' } });
    frames.push({ event: 'response.in_progress', data: { status: 'running' } });
    for (const message of state.notices) frames.push({ event: 'switchyard.notice', data: { message } });
  }
  const fields = FIELDS_OF.get(event.type) ?? 'hidden'; // one of a newer version
  if (fields !== 'hidden' || state.view === 'all')
    frames.push({ event: event.type, data: dataOf(event, fields === 'hidden' ? '*' : fields) });
  if (event.type === 'orchestrator.task.completed' && state.answer !== null) {
    const { status, completion_reason } = state.answer;
    if (event.data.status === 'failed') frames.push(...failure(sentence(event.data.error, event.data.error_code)));
    else {
      frames.push({ event: 'response', data: state.answer });
      frames.push({ event: 'response.completed', data: { status, completion_reason } });
    }
  }
  return frames;
}

function failure(error: string): Frame[] {
  return [
    { event: 'response.failed', data: { error } },
    { event: 'error', data: { error } },
  ];
}

function sentence(error: string | null, code: string | null): string {
  return error ?? (isErrorCode(code) ? ERROR_CODES[code].summary : 'The run failed.');
}

/** The documented fields of an event, and the step it belongs to. */
function dataOf(event: RunEvent, fields: readonly string[] | '*'): Record<string, unknown> {
  const source: Record<string, unknown> = event.data;
  const data: Record<string, unknown> = {};
  for (const field of fields === '*' ? Object.keys(source) : fields) {
    if (source[field] !== undefined) data[field] = source[field];
  }
  if (event.type === 'orchestrator.step.completed' && event.data.status === 'in_doubt') {
    // Clients know only `completed` and `failed`; a field beside it has the exact status.
    data['status'] = 'failed';
    data['in_doubt'] = true;
  }
  if (event.type === 'mcp.tool.execution') delete data[event.data.success ? 'error' : 'result'];
  if (event.stepId !== null) data['step_id'] ??= event.stepId;
  return data;
}

function remember(state: OrchestrateState, event: RunEvent): OrchestrateState {
  switch (event.type) {
    case 'orchestrator.run.accepted':
      return { ...state, task: event.data.run.task };
    case 'orchestrator.step.dispatching': {
      const { step_id, target, task } = event.data;
      if (state.steps.some((known) => known.step_id === step_id)) return state;
      return {
        ...state,
        steps: [...state.steps, { step_id, target, task, result: null, success: false, error: null }],
      };
    }
    case 'orchestrator.step.completed': {
      const { step_id, success, status, result, error } = event.data;
      const doubt = status === 'in_doubt' ? { in_doubt: true as const } : {};
      const outcome = { success, result: result ?? null, error, ...doubt };
      return {
        ...state,
        steps: state.steps.map((known) => (known.step_id === step_id ? { ...known, ...outcome } : known)),
      };
    }
    case 'orchestrator.task.completed': {
      const { status, completion_reason, answer, finish_reason: cut } = event.data;
      return {
        ...state,
        answer: {
          task: state.task,
          // Clients know three outcomes; the reason says that it was cancelled.
          status: status === 'cancelled' ? 'failed' : status,
          completion_reason,
          steps: [...state.steps],
          run_id: state.runId,
          answer,
          ...(state.notices.length === 0 ? {} : { notices: [...state.notices] }),
          ...(cut === undefined ? {} : { finish_reason: cut, warning: UNFINISHED[cut] }),
        },
      };
    }
    default:
      return state;
  }
}
