import { createHash } from 'node:crypto';
import { z } from 'zod';
import { AppError } from './errors.ts';

/** The one shape of every id that may become a subject token. No user text ever reaches a subject. */
export const ID_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;

export const Id = z
  .string()
  .regex(ID_PATTERN, 'expected 1 to 64 letters, digits, "-" or "_"')
  .describe('1 to 64 letters, digits, "-" and "_"');

export const RunId = Id;
export const ThreadId = Id;

/** Returns `value` if it may be a subject token, else throws `invalid_id`. The value is not echoed. */
export function idOrThrow(value: unknown, name: string): string {
  if (typeof value === 'string' && ID_PATTERN.test(value)) return value;
  throw new AppError('invalid_id', `${name} must be 1 to 64 letters, digits, "-" or "_".`);
}

/**
 * Encodes foreign text (an e-mail address, a JID, an OIDC subject) as an id. Two texts never share one, also where
 * somebody chose a text for that: text that is an id already and does not start with "x-" stays as it is; all else
 * becomes "x-" + base64url, or, where that is longer than 64 characters or says nothing, "x-h-" + SHA-256 in base64url.
 * (No base64url of UTF-8 starts with "h-".)
 */
export function encodeId(text: string): string {
  if (ID_PATTERN.test(text) && !text.startsWith('x-')) return text;
  const encoded = `x-${Buffer.from(text, 'utf8').toString('base64url')}`;
  if (encoded.length <= 64 && text !== '' && !LONE_SURROGATE.test(text)) return encoded;
  return `x-h-${createHash('sha256').update(JSON.stringify(text)).digest('base64url')}`;
}

/** UTF-8 cannot say it, JSON can: such a text is told apart by its digest, as every long one is. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** `<runId>:<seq>`: the cursor everywhere (SSE `id:`, `after=`, message id on the bus). */
export function formatCursor(runId: string, seq: number): string {
  return `${runId}:${seq}`;
}

/** Parses `<runId>:<seq>`; answers undefined for anything else. */
export function parseCursor(text: string): { runId: string; seq: number } | undefined {
  const match = /^([A-Za-z0-9_-]{1,64}):(0|[1-9][0-9]{0,9})$/.exec(text);
  return match ? { runId: match[1]!, seq: Number(match[2]) } : undefined;
}

const TARGET_TOKEN = { mcp: 'mcp', a2a: 'a2a', computer_use: 'cu', user: 'ask' } as const;

/** Step ids are numbered over the whole run: `step-mcp-001`, `step-cu-002`, `step-a2a-003`, `step-ask-004`. */
export function formatStepId(target: keyof typeof TARGET_TOKEN, number: number): string {
  return `step-${TARGET_TOKEN[target]}-${String(number).padStart(3, '0')}`;
}
