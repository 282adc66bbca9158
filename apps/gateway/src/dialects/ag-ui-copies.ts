import type { AgUiMessage, DialectContext } from './dialect.ts';

/*
 * Handles the copies that a client sends: its input holds its whole conversation, including parts of the run that it
 * asks for. A copy keeps its place, the journal decides its content, and each message is in the conversation once.
 * Pure.
 */

interface ToolCall {
  readonly id: string;
}

/** What the client was shown of a run: its conversation, the completed texts, and the calls by step. */
interface Shown {
  readonly messages: readonly AgUiMessage[];
  readonly context: Pick<DialectContext, 'runId'>;
  readonly said: readonly string[];
  readonly calls: Readonly<Record<string, string>>;
}

/** True if the client has been shown a part of this run already. */
export function hasCopies(messages: readonly AgUiMessage[], runId: string): boolean {
  const isOfRun = ({ id }: ToolCall) => id.startsWith(`${runId}-`);
  return messages.some((message) => isOfRun(message) || callsOf(message).some(isOfRun));
}

/** The conversation with this message added, or with the fields of the message with its id replaced. */
export function withMessage(messages: readonly AgUiMessage[], message: AgUiMessage): AgUiMessage[] {
  const at = messages.findIndex(({ id }) => id === message.id);
  return at < 0 ? [...messages, message] : messages.with(at, { ...messages[at], ...message });
}

/**
 * The message that a call of this step belongs to: the one that has it already, else the named one, as long as no
 * message follows. Older clients look for it only at the end of the conversation.
 */
export function parentOf(messages: readonly AgUiMessage[], parentId: string, stepId: string, callId: string): string {
  const holder = messages.find((message) => callsOf(message).some(({ id }) => id === callId));
  if (holder !== undefined) return holder.id;
  const at = messages.findIndex(({ id }) => id === parentId);
  return at < 0 || at === messages.length - 1 ? parentId : `${parentId}-${stepId}`;
}

/** The conversation with this call in the message `parentId`. */
export function withCall(messages: readonly AgUiMessage[], parentId: string, call: ToolCall): AgUiMessage[] {
  const calls = callsOf(messages.find(({ id }) => id === parentId));
  const at = calls.findIndex(({ id }) => id === call.id);
  const toolCalls = at < 0 ? [...calls, call] : calls.with(at, call);
  return withMessage(messages, { id: parentId, role: 'assistant', toolCalls });
}

/** Each message once, at its first place with its last content: some clients keep several with one id. */
export function eachOnce(messages: readonly AgUiMessage[]): AgUiMessage[] {
  const byId = new Map<string, AgUiMessage>();
  for (const message of messages) byId.set(message.id, { ...byId.get(message.id), ...message });
  return [...byId.values()];
}

/**
 * Removes copies of messages that this run has not reached at this place, or has only begun: they are shown in full.
 */
export function withoutLater({ messages, context, said, calls }: Shown): AgUiMessage[] {
  const { runId } = context; // an id holds no special characters of a pattern
  const text = new RegExp(`^${runId}-msg-[A-Za-z0-9]+(-[0-9]+)?$`);
  const step = new RegExp(`^${runId}-step-[a-z0-9]+-[0-9]+(-result)?$`);
  const done = new Set([...said, ...Object.values(calls)]);
  return messages.flatMap((message) => {
    const { id, role, toolCalls: _replaced, ...rest } = message;
    if ((text.test(id) || step.test(id)) && !done.has(id)) return [];
    const before = callsOf(message);
    const after = before.filter((call) => !step.test(call.id) || done.has(call.id));
    if (after.length === before.length) return [message];
    if (after.length > 0) return [{ id, role, ...rest, toolCalls: after }];
    return isSilent(rest['content']) ? [] : [{ id, role, ...rest }];
  });
}

function isSilent(content: unknown): boolean {
  return content === undefined || content === null || content === '';
}

/** The calls of a message, which a client may have sent in any shape. */
function callsOf(message: AgUiMessage | undefined): ToolCall[] {
  const calls: unknown = message?.['toolCalls'];
  if (!Array.isArray(calls)) return [];
  return calls.filter((call): call is ToolCall => typeof (call as Partial<ToolCall> | null)?.id === 'string');
}
