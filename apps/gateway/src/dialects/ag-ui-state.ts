import type { RunSpec } from '@switchyard/contracts';
import { INITIAL, type RunState } from '@switchyard/run';
import { eachOnce, withMessage } from './ag-ui-copies.ts';
import type { AgUiMessage, DialectContext } from './dialect.ts';

/*
 * The state of the AG-UI projection: the conversation so far, and everything that is open and must be closed before the
 * run may finish. Plain data; every function returns a new state and its events.
 */

/** An AG-UI event in its wire form. */
export type AgUiEvent = { readonly type: string } & Record<string, unknown>;

interface OpenStep {
  readonly name: string;
  /** The subagent it belongs to; null: the run itself. */
  readonly owner: string | null;
}

export interface OpenSubagent {
  readonly id: string;
  readonly name: string;
  readonly stepId: string;
  readonly parent: string | null;
  readonly toolCallId: string | null;
}

/** A message that is being shown; `sent` is what the client has of it. */
interface OpenText {
  readonly messageId: string;
  readonly sent: string;
  /** Index of the next expected piece; a missing piece ends live text until the whole message comes. */
  readonly nextIndex: number;
}

interface Plan {
  readonly messageId: string;
  readonly steps: readonly { step_id: string; target: string; task: string; status: string }[];
}

export interface AgUiState {
  readonly context: DialectContext;
  /** The run's own state, which tells whether it can only wait for a person. */
  readonly run: RunState;
  /** False before the first event, and while the run waits for a person: the next event begins an AG-UI run. */
  readonly started: boolean;
  /** True once the conversation is known. */
  readonly opened: boolean;
  readonly messages: readonly AgUiMessage[];
  readonly text: OpenText | null;
  /** Ids of completed texts and results. */
  readonly said: readonly string[];
  readonly finalSaid: boolean;
  readonly steps: readonly OpenStep[];
  readonly subagents: readonly OpenSubagent[];
  /** Step id -> the tool call that announced it. */
  readonly calls: Readonly<Record<string, string>>;
  readonly plan: Plan | null;
  /** The earlier plans, in their last state. */
  readonly earlierPlans: readonly Plan[];
  readonly planned: number;
  /** The assistant message that holds the tool calls of the current decision. */
  readonly parentMessageId: string;
  readonly model: string | null;
}

export interface Change {
  readonly state: AgUiState;
  readonly events: AgUiEvent[];
}

export function initialState(context: DialectContext): AgUiState {
  return {
    context,
    run: INITIAL,
    started: false,
    opened: false,
    messages: [],
    text: null,
    said: [],
    finalSaid: false,
    steps: [],
    subagents: [],
    calls: {},
    plan: null,
    earlierPlans: [],
    planned: 0,
    parentMessageId: `${context.runId}-p0`,
    model: null,
  };
}

/** The conversation before the run: as the client sent it, or rebuilt from what the run was accepted with. */
export function conversationOf(context: DialectContext, run: RunSpec): AgUiMessage[] {
  if (context.messages !== undefined) {
    // Activity and reasoning are the client's own; naming one would make us the owner of all of them.
    return eachOnce(context.messages.filter(({ role }) => role !== 'activity' && role !== 'reasoning'));
  }
  return [
    ...(run.history ?? []).map(({ role, text }, index) => ({ id: `${context.runId}-h${index}`, role, content: text })),
    { id: `${context.runId}-task`, role: 'user', content: run.task },
  ];
}

export function isModern(state: AgUiState): boolean {
  return state.context.profile === '1.0';
}

/** The owner tag of events inside a step; legacy peers know no subagents. */
export function ownerOf(state: AgUiState, stepId: string | null): string | null {
  if (!isModern(state) || stepId === null) return null;
  return state.subagents.findLast((open) => open.stepId === stepId)?.id ?? null;
}

/** The subagent that performs the step itself, whatever it has started meanwhile. */
export function stepOwner(state: AgUiState, stepId: string | null): string | null {
  return state.subagents.find((open) => open.stepId === stepId && open.parent === null)?.id ?? null;
}

export function tag(owner: string | null): { subagentRunId?: string } {
  return owner === null ? {} : { subagentRunId: owner };
}

export function openStep(state: AgUiState, name: string, owner: string | null): Change {
  if (state.steps.some((open) => open.name === name && open.owner === owner)) return { state, events: [] };
  return {
    state: { ...state, steps: [...state.steps, { name, owner }] },
    events: [{ type: 'STEP_STARTED', stepName: name, ...tag(owner) }],
  };
}

export function closeStep(state: AgUiState, name: string, owner: string | null): Change {
  const steps = state.steps.filter((open) => open.name !== name || open.owner !== owner);
  if (steps.length === state.steps.length) return { state, events: [] };
  return { state: { ...state, steps }, events: [{ type: 'STEP_FINISHED', stepName: name, ...tag(owner) }] };
}

export function openSubagent(state: AgUiState, subagent: OpenSubagent, description: string): Change {
  return { state: { ...state, subagents: [...state.subagents, subagent] }, events: [announce(subagent, description)] };
}

export function announce(subagent: OpenSubagent, description?: string): AgUiEvent {
  return {
    type: 'SUBAGENT_STARTED',
    subagentRunId: subagent.id,
    name: subagent.name,
    ...(description === undefined ? {} : { description }),
    ...(subagent.parent === null ? {} : { parentSubagentRunId: subagent.parent }),
    ...(subagent.toolCallId === null ? {} : { parentToolCallId: subagent.toolCallId }),
  };
}

export type SubagentEnd = { readonly result: unknown } | { readonly message: string; readonly code: string };

/** Ends a subagent after everything that is open inside it. */
export function closeSubagent(state: AgUiState, id: string, end: SubagentEnd): Change {
  if (!state.subagents.some((open) => open.id === id)) return { state, events: [] };
  const events: AgUiEvent[] = [];
  let current = state;
  for (const child of state.subagents.filter((open) => open.parent === id)) {
    const closed = closeSubagent(current, child.id, end);
    current = closed.state;
    events.push(...closed.events);
  }
  for (const open of current.steps.filter(({ owner }) => owner === id)) {
    const closed = closeStep(current, open.name, id);
    current = closed.state;
    events.push(...closed.events);
  }
  events.push(
    'message' in end
      ? { type: 'SUBAGENT_ERROR', subagentRunId: id, message: end.message, code: end.code }
      : { type: 'SUBAGENT_FINISHED', subagentRunId: id, ...(end.result === undefined ? {} : { result: end.result }) },
  );
  return { state: { ...current, subagents: current.subagents.filter((open) => open.id !== id) }, events };
}

export function closeText(state: AgUiState): Change {
  if (state.text === null) return { state, events: [] };
  return {
    state: { ...state, text: null, said: [...state.said, state.text.messageId] },
    events: [{ type: 'TEXT_MESSAGE_END', messageId: state.text.messageId }],
  };
}

/** Closes all that is open, innermost first, so that the run may finish. */
export function closeAll(state: AgUiState, reason: { message: string; code: string }): Change {
  const text = closeText(state);
  const events = text.events;
  let current = text.state;
  for (const { id } of current.subagents.filter((open) => open.parent === null)) {
    const closed = closeSubagent(current, id, reason);
    current = closed.state;
    events.push(...closed.events);
  }
  for (const { name, owner } of current.steps) {
    const closed = closeStep(current, name, owner);
    current = closed.state;
    events.push(...closed.events);
  }
  return { state: current, events };
}

/** A whole message, or the missing rest of one whose beginning was shown live. */
export function say(state: AgUiState, messageId: string, text: string): Change {
  const messages = withMessage(state.messages, { id: messageId, role: 'assistant', content: text });
  const shownOtherwise =
    state.text?.messageId === messageId ? !text.startsWith(state.text.sent) : state.said.includes(messageId);
  if (shownOtherwise) {
    // The live text differs from the final text: a snapshot corrects the whole conversation.
    const closed = closeText({ ...state, messages });
    return { state: closed.state, events: [...closed.events, { type: 'MESSAGES_SNAPSHOT', messages }] };
  }
  const other = state.text !== null && state.text.messageId !== messageId ? closeText(state) : { state, events: [] };
  const shown = other.state.text?.sent ?? '';
  const missing = text.slice(shown.length);
  return {
    state: { ...other.state, messages, text: null, said: [...other.state.said, messageId] },
    events: [
      ...other.events,
      ...(other.state.text === null ? [{ type: 'TEXT_MESSAGE_START', messageId, role: 'assistant' }] : []),
      ...(missing === '' ? [] : [{ type: 'TEXT_MESSAGE_CONTENT', messageId, delta: missing }]),
      { type: 'TEXT_MESSAGE_END', messageId },
    ],
  };
}
