import { isRecord } from '@switchyard/contracts';
import type { ChatMessage } from './openai.ts';

/** A call that the model made in this turn, with the result where it is there already. */
export interface MadeCall {
  name: string;
  arguments: Record<string, unknown>;
  result: ToolOutcome | undefined;
}

export interface ToolOutcome {
  ok: boolean;
  /** The value of a good result; undefined where the tool gave text or an error. */
  value: unknown;
  /** The result or the error as plain text. */
  text: string;
  code: string | undefined;
}

export interface Turn {
  user: string;
  assistant: string | undefined;
}

export interface Conversation {
  task: string;
  /** 1 for the first answer to the task, 2 after the first tool results, and so on. */
  turn: number;
  calls: MadeCall[];
  lastToolName: string | undefined;
  /** The turns before this one, oldest first. */
  history: Turn[];
}

/** Reads what a chat request says: the last user message is the task, what follows it is the work done so far. */
export function readConversation(messages: readonly ChatMessage[]): Conversation {
  const lastUser = messages.findLastIndex(({ role }) => role === 'user');
  const after = lastUser < 0 ? [] : messages.slice(lastUser + 1);
  const results = new Map<string, ToolOutcome>();
  for (const message of after) {
    if (message.role === 'tool' && message.tool_call_id)
      results.set(message.tool_call_id, readOutcome(textOf(message)));
  }
  const calls: MadeCall[] = after.flatMap((message) =>
    (message.tool_calls ?? []).map((call) => ({
      name: call.function.name,
      arguments: parseArguments(call.function.arguments),
      result: results.get(call.id),
    })),
  );
  return {
    task: lastUser < 0 ? '' : textOf(messages[lastUser]!),
    turn: 1 + after.filter(({ role }) => role === 'assistant').length,
    calls,
    lastToolName: calls.findLast(({ result }) => result !== undefined)?.name,
    history: readHistory(messages.slice(0, Math.max(lastUser, 0))),
  };
}

/** How many images a request shows. */
export function imagesIn(messages: readonly ChatMessage[]): number {
  return messages
    .flatMap(({ content }) => (Array.isArray(content) ? (content as unknown[]) : []))
    .filter((part) => (part as { type?: unknown } | null)?.type === 'image_url').length;
}

function readHistory(messages: readonly ChatMessage[]): Turn[] {
  const turns: Turn[] = [];
  for (const message of messages) {
    if (message.role === 'user') turns.push({ user: textOf(message), assistant: undefined });
    const turn = turns.at(-1);
    const said = message.role === 'assistant' ? textOf(message) : '';
    if (turn && said !== '') turn.assistant = said;
  }
  return turns;
}

/** The text of a message, whether it is a string or a list of parts. */
function textOf(message: ChatMessage): string {
  if (typeof message.content === 'string') return message.content;
  if (!Array.isArray(message.content)) return '';
  return message.content
    .map((part: unknown) => (isRecord(part) && typeof part.text === 'string' ? part.text : ''))
    .join('');
}

function parseArguments(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

/** A tool message as a result or an error, in any of the usual spellings. */
export function readOutcome(content: string): ToolOutcome {
  const value = parseJson(content);
  if (isRecord(value)) {
    const error = errorOf(value);
    if (error) return { ok: false, value: undefined, ...error };
    const inner = value.status === 'succeeded' && 'output' in value ? value.output : value;
    return { ok: true, value: inner, text: typeof inner === 'string' ? inner : JSON.stringify(inner), code: undefined };
  }
  if (value === undefined && /^\s*(?:error\b|failed\b|tool (?:call )?failed)/i.test(content)) {
    return { ok: false, value: undefined, text: content.replace(/^\s*error:?\s*/i, ''), code: undefined };
  }
  const plain = value === undefined ? content : value;
  return { ok: true, value: plain, text: typeof plain === 'string' ? plain : JSON.stringify(plain), code: undefined };
}

function errorOf(value: Record<string, unknown>): { text: string; code: string | undefined } | undefined {
  const nested = isRecord(value.error) ? value.error : value;
  const failed =
    (value.error !== undefined && value.error !== null && value.error !== false) ||
    value.isError === true ||
    value.success === false ||
    (typeof value.status === 'string' && /^(?:failed|error|in_doubt|skipped|rejected|denied)$/.test(value.status));
  if (!failed) return undefined;
  const text = [nested.message, value.message, value.error, nested.detail].find((each) => typeof each === 'string');
  const code = [nested.code, value.code, value.error_code].find((each) => typeof each === 'string');
  const known = value.status === 'in_doubt' ? 'in_doubt' : code;
  return { text: (text as string | undefined) ?? 'it gave no reason', code: known as string | undefined };
}

function parseJson(text: string): unknown {
  if (!/^\s*[[{"\d-]|^\s*(?:true|false|null)\s*$/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
