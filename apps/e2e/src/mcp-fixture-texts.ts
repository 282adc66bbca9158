import { createHmac, timingSafeEqual } from 'node:crypto';
import {
  CLIENT_CAPABILITIES_META_KEY,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server';

/* The contents of the fixture, its questions to the client with their answers, and the states that it signs. */

export type Json = Record<string, unknown>;
export type Run = (args: Json, context: ServerContext) => Promise<Json> | Json;

export const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';
const SECRET = 'the fixture signs its states with this';

export const STRING = { type: 'string' };
export const text = (value: string) => ({ type: 'text', text: value });
export const said = (value: string): Json => ({ content: [text(value)] });
export const form = (message: string, properties: Json, required = Object.keys(properties)) => ({
  method: 'elicitation/create',
  params: { message, requestedSchema: { type: 'object', properties, required } },
});
export const sample = (prompt: string, maxTokens = 100) => ({
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: text(prompt) }], maxTokens },
});

export function needs(inputRequests: Json, requestState?: string): Json {
  return { resultType: 'input_required', inputRequests, ...(requestState ? { requestState } : {}) };
}

/** The answer to `key`, if it is complete. */
export function answer(context: ServerContext, key: string): Json | undefined {
  const given = context.mcpReq.inputResponses?.[key];
  return typeof given === 'object' && given !== null ? (given as Json) : undefined;
}

/** The accepted value of a form, if it is complete. */
export function accepted(context: ServerContext, key: string, field: string): unknown {
  const { action, content } = answer(context, key) ?? {};
  return action === 'accept' ? ((content ?? {}) as Json)[field] : undefined;
}

export function textOf(response: Json | undefined): string | undefined {
  const content = response?.['content'];
  const first = (Array.isArray(content) ? content[0] : content) as { text?: string } | undefined;
  return first?.text;
}

const sign = (state: string) => createHmac('sha256', SECRET).update(state).digest('base64url');
export const sealed = (state: string) => `${state}.${sign(state)}`;

/** The signed state of this round; a forged or old one is refused. */
export function stateOf({ mcpReq }: ServerContext): string | undefined {
  const given = mcpReq.requestState<string>();
  if (given === undefined) return undefined;
  const at = given.lastIndexOf('.');
  const state = given.slice(0, Math.max(0, at));
  const [mine, theirs] = [Buffer.from(sign(state)), Buffer.from(given.slice(at + 1))];
  if (mine.length !== theirs.length || !timingSafeEqual(mine, theirs))
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'Invalid requestState');
  return state;
}

export const capabilitiesOf = ({ mcpReq }: ServerContext) =>
  ((mcpReq.envelope as Json | undefined)?.[CLIENT_CAPABILITIES_META_KEY] ?? {}) as Json;
