import type { AgUiState } from './ag-ui-state.ts';
import type { AgUiMessage } from './dialect.ts';

/*
 * A client sends its whole conversation with every input, also what it has of the very run that it asks for. Its copies
 * keep their places; the journal says what is in them, and each is in the conversation once. Pure.
 */

interface ToolCall {
  readonly id: string;
}

/** The conversation with this message: where there is one of its id, that one's fields are replaced. */
export function withMessage(messages: readonly AgUiMessage[], message: AgUiMessage): AgUiMessage[] {
  const at = messages.findIndex(({ id }) => id === message.id);
  return at < 0 ? [...messages, message] : messages.with(at, { ...messages[at], ...message });
}

/** The conversation with this call, in the message that has it already or else in the one named. */
export function withCall(messages: readonly AgUiMessage[], parentId: string, call: ToolCall): AgUiMessage[] {
  const holder = messages.find((message) => callsOf(message).some(({ id }) => id === call.id));
  const parent = holder ?? messages.find(({ id }) => id === parentId);
  const calls = callsOf(parent);
  const at = calls.findIndex(({ id }) => id === call.id);
  const toolCalls = at < 0 ? [...calls, call] : calls.with(at, call);
  return withMessage(messages, { id: parent?.id ?? parentId, role: 'assistant', toolCalls });
}

/** Without the copies of what this run has not done yet at this place, or has only begun: it is shown whole. */
export function withoutLater({ messages, context, said, calls }: AgUiState): AgUiMessage[] {
  const { runId } = context; // an id: nothing in it means anything to a pattern
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

/** The calls of a message, which a client may have sent and in any shape. */
function callsOf(message: AgUiMessage | undefined): ToolCall[] {
  const calls: unknown = message?.['toolCalls'];
  if (!Array.isArray(calls)) return [];
  return calls.filter((call): call is ToolCall => typeof (call as Partial<ToolCall> | null)?.id === 'string');
}
