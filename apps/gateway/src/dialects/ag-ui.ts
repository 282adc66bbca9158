import { formatCursor, type LiveDelta, type RunEvent, TERMINAL_TYPE, undecided } from '@switchyard/contracts';
import {
  type AgUiEvent,
  type AgUiState,
  announce,
  type Change,
  closeStep,
  closeText,
  conversationOf,
  initialState,
  isModern,
  openStep,
  say,
  stepOwner,
  tag,
} from './ag-ui-state.ts';
import { evolve } from '@switchyard/run';
import { finished } from './ag-ui-end.ts';
import { custom, nested, unnested, workerStep } from './ag-ui-nested.ts';
import { withoutLater } from './ag-ui-copies.ts';
import { asked, pause, waitsForPerson } from './ag-ui-interrupts.ts';
import { dispatched, join, planned, planSnapshot, stepDone, VENDOR } from './ag-ui-steps.ts';
import { type Dialect, messageIdInThread } from './dialect.ts';
import { type Frame, group } from './frame.ts';

/*
 * AG-UI. Profile `1.0` for peers that send protocolVersion; `legacy` for older ones: no SUBAGENT_*, no
 * cancelled outcome, no metadata.
 *
 * - The first event is RUN_STARTED. The last is RUN_FINISHED or RUN_ERROR, and there is exactly one of the two. When a
 *   run waits for a person, the AG-UI run ends with the interrupts; what happens after that is the next AG-UI run.
 * - Whatever is opened is closed before the run finishes, and nothing is opened twice.
 * - No optional field is null. Every type is one that the protocol describes; the rest is CUSTOM `switchyard.*`.
 * - The text of a completed message is exact at the client, whatever pieces of it were shown live.
 * - Ids of messages and calls are unique in a thread. The conversation holds each message and call once, whatever copies
 *   the client sent along with its input.
 */
export const agUiDialect: Dialect<AgUiState> = {
  initial: initialState,

  project(state, event) {
    const started = start({ ...state, run: evolve(state.run, event) }, event);
    const change = react(started.state, event);
    const pauses = event.type !== TERMINAL_TYPE && waitsForPerson(change.state);
    const end = pauses ? pause(change.state) : { state: change.state, events: [] };
    const events = [...started.events, ...change.events, ...end.events];
    return { state: end.state, frames: framesOf(state, event, events) };
  },

  speak(state, delta) {
    const { state: after, events } = hear(state, delta);
    return { state: after, frames: events.map((data): Frame => ({ data })) };
  },

  prelude(folded, goesOn) {
    const state = { ...folded, messages: withoutLater(folded) };
    const open = { ...state, started: true };
    const end = !state.started && !goesOn && waitsForPerson(state) ? pause(open) : { state: open, events: [] };
    const events: AgUiEvent[] = [
      runStarted(state),
      { type: 'MESSAGES_SNAPSHOT', messages: state.messages },
      ...notices(state),
      ...[...state.earlierPlans, ...(state.plan === null ? [] : [state.plan])].map(planSnapshot),
      ...state.subagents.map((open) => announce(open)),
      ...state.steps.map(({ name, owner }) => ({ type: 'STEP_STARTED', stepName: name, ...tag(owner) })),
      ...end.events,
    ];
    return { state: end.state, frames: events.map((data) => ({ data })) };
  },

  pauses: (state) => state.opened && !state.started,

  interrupted(state, problem) {
    // A run that waits for a person was ended already, as far as this client is concerned.
    if (state.opened && !state.started) return [];
    const first = state.started ? [] : [runStarted(state)];
    return [...first, { type: 'RUN_ERROR', message: problem.message, code: problem.code }].map((data) => ({ data }));
  },
};

function framesOf(state: AgUiState, event: RunEvent, events: AgUiEvent[]): Frame[] {
  const frames = events.map((data, index): Frame => {
    if (index > 0 || !isModern(state)) return { data };
    const run = { seq: event.seq, type: event.type };
    const metadata = { ...(data['metadata'] as object | undefined), [`${VENDOR}.run`]: run };
    return { data: { ...data, timestamp: event.ts, metadata } };
  });
  return group(frames, formatCursor(event.runId, event.seq));
}

function runStarted(state: AgUiState): AgUiEvent {
  const { threadId, runId, peerRunId } = state.context;
  return {
    type: 'RUN_STARTED',
    threadId,
    ...(peerRunId === undefined ? { runId } : { runId: peerRunId, parentRunId: runId }),
    ...(isModern(state) ? { protocolVersion: '1.0' } : {}),
  };
}

function start(state: AgUiState, event: RunEvent): Change {
  if (state.started) return { state, events: [] };
  if (state.opened) return { state: { ...state, started: true }, events: [runStarted(state)] };
  const run = event.type === 'orchestrator.run.accepted' ? event.data.run : undefined;
  // Where the caller attached by run id alone, the thread is known only now.
  const known = run === undefined || state.context.threadId !== '';
  const context = known ? state.context : { ...state.context, threadId: run.thread_id };
  const messages = run === undefined ? [] : conversationOf(context, run);
  const after = { ...state, started: true, opened: true, context, messages };
  return { state: after, events: [runStarted(after), ...notices(after)] };
}

/** The unused parts of the client's input, announced once. */
function notices({ context }: AgUiState): AgUiEvent[] {
  return (context.notices ?? []).map((message) => ({ type: 'CUSTOM', name: `${VENDOR}.notice`, value: { message } }));
}

function react(state: AgUiState, event: RunEvent): Change {
  switch (event.type) {
    case 'orchestrator.run.accepted':
      return { state, events: [] };
    case 'orchestrator.planning.started': {
      // A restarted planning (its owner was lost) leaves the text of the old one unfinished.
      const text = closeText(state);
      return join(text, openStep(text.state, `planning#${event.data.step_number}`, null));
    }
    case 'orchestrator.planning.completed':
      return planned(state, event.data);
    case 'orchestrator.step.dispatching':
      return dispatched(state, event.data);
    case 'orchestrator.step.completed':
      return stepDone(state, event.data);
    case 'orchestrator.message.completed': {
      const messageId = messageIdInThread(event.runId, event.data.message_id);
      const said = say(state, messageId, event.data.text);
      const finalSaid = state.finalSaid || event.data.final;
      // Tool calls after a remark belong to the same message.
      const parentMessageId = event.data.final ? state.parentMessageId : messageId;
      return { state: { ...said.state, finalSaid, parentMessageId }, events: said.events };
    }
    case 'orchestrator.task.completed':
      return finished(state, event.data);
    case 'orchestrator.approval.requested': {
      const call = asked(state, event.data);
      return join(call, custom(call.state, event));
    }
    case 'a2a.delegation.started':
      return nested(state, event, `${event.data.step_id}-${event.seq}-a2a`, event.data.agent, event.data.task);
    case 'a2a.delegation.completed':
      return unnested(state, event, event.data.agent, { result: event.data.result });
    case 'a2a.delegation.failed': {
      const { error, error_code: code, agent } = event.data;
      return unnested(state, event, agent, {
        message: error ?? 'The delegation failed.',
        code: code ?? 'agent_failed',
      });
    }
    case 'code_agent.session.started':
      return nested(state, event, `${event.stepId ?? 'run'}-${event.seq}-code`, 'code_agent', event.data.task);
    case 'code_agent.session.completed': {
      const { completion_reason: reason, summary } = event.data;
      return unnested(
        state,
        event,
        'code_agent',
        reason === 'ERROR' ? { message: summary, code: reason } : { result: summary },
      );
    }
    case 'worker.step.started':
      return openStep(state, workerStep(state, event.stepId, event.data.step), stepOwner(state, event.stepId));
    case 'worker.step.completed':
      return closeStep(state, workerStep(state, event.stepId, event.data.step), stepOwner(state, event.stepId));
    case 'orchestrator.task.started':
    case 'orchestrator.model.waiting':
    case 'orchestrator.guardrail.violated':
    case 'orchestrator.budget.exceeded':
    case 'orchestrator.cancel.requested':
    case 'orchestrator.approval.decided':
    case 'mcp.task.started':
    case 'mcp.toolbox.generated':
    case 'mcp.tool.search':
    case 'mcp.tool.selected':
    case 'mcp.tool.execution':
    case 'mcp.task.completed':
    case 'computer_use.task.started':
    case 'computer_use.task.completed':
    case 'computer_use.session.opened':
    case 'computer_use.action.performed':
    case 'computer_use.session.closed':
    case 'worker.reflection.started':
    case 'worker.reflection.completed':
    case 'code_agent.step.started':
    case 'grounding.generate_coords.started':
    case 'grounding.generate_coords.completed':
    case 'grounding.code_agent.started':
      return custom(state, event);
    default:
      return undecided(event, custom(state, event));
  }
}

/** Live text: pieces in order from the first; otherwise the finished message replaces them. */
function hear(state: AgUiState, delta: LiveDelta): Change {
  const { index, text, stepNumber } = delta;
  const messageId = messageIdInThread(state.context.runId, delta.messageId);
  const nothing = { state, events: [] };
  if (!state.started || text === '' || stepNumber <= state.planned || state.said.includes(messageId)) return nothing;
  const content: AgUiEvent = { type: 'TEXT_MESSAGE_CONTENT', messageId, delta: text };
  if (state.text?.messageId === messageId) {
    if (state.text.nextIndex !== index) return nothing;
    const open = { messageId, sent: state.text.sent + text, nextIndex: index + 1 };
    return { state: { ...state, text: open }, events: [content] };
  }
  if (index !== 0) return nothing;
  const other = closeText(state);
  return {
    state: { ...other.state, text: { messageId, sent: text, nextIndex: 1 } },
    events: [...other.events, { type: 'TEXT_MESSAGE_START', messageId, role: 'assistant' }, content],
  };
}
