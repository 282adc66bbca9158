import type { FactOf } from '@switchyard/contracts';
import { ASK_USER } from '@switchyard/run';
import { parentOf, withCall, withMessage } from './ag-ui-copies.ts';
import {
  type AgUiEvent,
  type AgUiState,
  type Change,
  closeStep,
  closeSubagent,
  closeText,
  isModern,
  openStep,
  openSubagent,
  type SubagentEnd,
} from './ag-ui-state.ts';

/* Plans and steps in AG-UI: a plan is an activity, a step a tool call and, inside it, a subagent. */

/** Prefix of producer-specific names in AG-UI: metadata keys and CUSTOM names. */
export const VENDOR = 'switchyard';

const LOST = { message: 'The worker was lost; the step is tried again.', code: 'worker_lost' } as const;

export function join(first: Change, second: Change): Change {
  return { state: second.state, events: [...first.events, ...second.events] };
}

export function planned(state: AgUiState, data: FactOf<'orchestrator.planning.completed'>['data']): Change {
  const { step_number: number, decision, model } = data;
  const closed = closeStep(state, `planning#${number}`, null);
  const after = { ...closed.state, planned: number, model, parentMessageId: `${state.context.runId}-p${number}` };
  if (decision.kind !== 'act') return { state: after, events: closed.events };
  const plan = {
    messageId: `${state.context.runId}-plan${number}`,
    steps: decision.acts.map(({ step_id, target, task }) => ({ step_id, target, task, status: 'pending' })),
  };
  const earlierPlans = state.plan === null ? state.earlierPlans : [...state.earlierPlans, state.plan];
  return { state: { ...after, plan, earlierPlans }, events: [...closed.events, planSnapshot(plan)] };
}

export function planSnapshot(plan: NonNullable<AgUiState['plan']>): AgUiEvent {
  return { type: 'ACTIVITY_SNAPSHOT', messageId: plan.messageId, activityType: 'PLAN', content: { steps: plan.steps } };
}

/** Marks a step of the current plan; the patch fits the snapshot that the client has. */
function mark(state: AgUiState, stepId: string, status: string): Change {
  const index = state.plan?.steps.findIndex((step) => step.step_id === stepId) ?? -1;
  if (state.plan === null || index < 0) return { state, events: [] };
  const plan = { ...state.plan, steps: state.plan.steps.with(index, { ...state.plan.steps[index]!, status }) };
  const patch = [{ op: 'replace', path: `/steps/${index}/status`, value: status }];
  return {
    state: { ...state, plan },
    events: [{ type: 'ACTIVITY_DELTA', messageId: plan.messageId, activityType: 'PLAN', patch }],
  };
}

export function dispatched(state: AgUiState, data: FactOf<'orchestrator.step.dispatching'>['data']): Change {
  const { step_id: stepId, target, task, attempt, agent } = data;
  const text = closeText(state);
  const call = called(text.state, data);
  // The person is no subagent: the answer is the result of the call.
  if (target === 'user') return join(text, call);
  const marked = mark(call.state, stepId, 'running');
  const events = [...text.events, ...call.events, ...marked.events];
  if (!isModern(state)) {
    const opened = openStep(marked.state, `${target}:${stepId}`, null);
    return { state: opened.state, events: [...events, ...opened.events] };
  }
  const earlier = marked.state.subagents.find((open) => open.stepId === stepId && open.parent === null);
  const lost =
    earlier === undefined ? { state: marked.state, events: [] } : closeSubagent(marked.state, earlier.id, LOST);
  const subagent = {
    id: `${state.context.runId}-${stepId}-${attempt}`,
    name: agent ?? target,
    stepId,
    parent: null,
    toolCallId: lost.state.calls[stepId] ?? null,
  };
  const opened = openSubagent(lost.state, subagent, task);
  return { state: opened.state, events: [...events, ...lost.events, ...opened.events] };
}

type Call = Pick<
  FactOf<'orchestrator.step.dispatching'>['data'],
  'step_id' | 'target' | 'task' | 'tool' | 'arguments' | 'agent' | 'tool_call_id'
>;

/** Announces the tool call of a step, once. Its id is unique over all runs; a model's own ids are not. */
export function called(state: AgUiState, data: Call): Change {
  const { step_id: stepId, target, task, tool, agent, tool_call_id: modelCallId } = data;
  if (Object.hasOwn(state.calls, stepId)) return { state, events: [] };
  const toolCallId = `${state.context.runId}-${stepId}`;
  const name = agent === undefined ? (tool ?? (target === 'user' ? ASK_USER : target)) : `delegate_to_${agent}`;
  const words = target === 'user' ? { question: task } : { task };
  const args = JSON.stringify(tool === undefined ? words : (data.arguments ?? {}));
  const parentMessageId = parentOf(state.messages, state.parentMessageId, stepId, toolCallId);
  const toolCall = { id: toolCallId, type: 'function', function: { name, arguments: args } };
  const messages = withCall(state.messages, parentMessageId, toolCall);
  return {
    state: { ...state, messages, calls: { ...state.calls, [stepId]: toolCallId } },
    events: [
      {
        type: 'TOOL_CALL_START',
        toolCallId,
        toolCallName: name,
        parentMessageId,
        ...(isModern(state) ? { metadata: { [`${VENDOR}.tool_call_id`]: modelCallId } } : {}),
      },
      { type: 'TOOL_CALL_ARGS', toolCallId, delta: args },
      { type: 'TOOL_CALL_END', toolCallId },
    ],
  };
}

export function stepDone(state: AgUiState, data: FactOf<'orchestrator.step.completed'>['data']): Change {
  const { step_id: stepId, target, success, status, result } = data;
  const problem = { message: data.error ?? 'The step failed.', code: data.error_code ?? 'tool_failed' };
  const end: SubagentEnd = success ? { result } : problem;
  const subagent = state.subagents.find((open) => open.stepId === stepId && open.parent === null);
  const ended = subagent === undefined ? { state, events: [] } : closeSubagent(state, subagent.id, end);
  const closed = join(ended, closeStep(ended.state, `${target}:${stepId}`, null));
  const marked = join(closed, mark(closed.state, stepId, status));
  const toolCallId = state.calls[stepId];
  if (toolCallId === undefined) return marked;
  // The client performed this call: its own message has the result.
  if (target === 'user' && state.messages.some((message) => message['toolCallId'] === toolCallId)) return marked;
  const messageId = `${toolCallId}-result`;
  const content = success
    ? typeof result === 'string'
      ? result
      : JSON.stringify(result ?? null)
    : JSON.stringify({ error: problem.message, code: problem.code });
  const answered: AgUiEvent = {
    type: 'TOOL_CALL_RESULT',
    messageId,
    toolCallId,
    content,
    role: 'tool',
    ...(isModern(state) && !success ? { metadata: { [`${VENDOR}.ok`]: false } } : {}),
  };
  const messages = withMessage(marked.state.messages, { id: messageId, role: 'tool', toolCallId, content });
  const said = [...marked.state.said, messageId];
  return { state: { ...marked.state, messages, said }, events: [...marked.events, answered] };
}
