import { createHash } from 'node:crypto';
import { z } from 'zod';
import { agentKind, type AgentTarget } from './agent-kinds.ts';
import { AppError } from './errors.ts';

/** The one shape of every id that may become a subject token. No user text ever reaches a subject. */
export const ID_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;

export const Id = z
  .string()
  .regex(ID_PATTERN, 'expected 1 to 64 letters, digits, "-" or "_"')
  .describe('1 to 64 letters, digits, "-" and "_"');

export const ThreadId = Id;

/** An id of a run as a client names it and is shown it. Two tenants may name the same one. */
export const PublicRunId = Id;

/**
 * The id of a run inside the system, unique over all tenants: an id that we made, or one of a client, which carries the
 * tag of its tenant.
 */
export const RunId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,80}$/, 'expected 1 to 80 letters, digits, "-" or "_"')
  .describe('1 to 80 letters, digits, "-" and "_"');

const TAG_CHARS = 12;

/** The prefix of run ids that clients of a tenant choose: of fixed length, and not chosen by the tenant. */
function runTag(tenantId: string): string {
  return `t-${createHash('sha256').update(tenantId).digest('base64url').slice(0, TAG_CHARS)}-`;
}

/** The run that clients of this tenant mean by an id of theirs. Idempotent. */
export function scopedRunId(tenantId: string, publicRunId: string): string {
  const tag = runTag(tenantId);
  return publicRunId.startsWith(tag) ? publicRunId : tag + publicRunId;
}

/** A run id as clients of this tenant know it. Idempotent. */
export function publicRunId(tenantId: string, runId: string): string {
  if (!runId.startsWith('t-')) return runId;
  const tag = runTag(tenantId);
  return runId.startsWith(tag) && runId.length > tag.length ? runId.slice(tag.length) : runId;
}

/** The runs that an id of a request may mean, the likelier first: one that a client named, or one that we did. */
export function runIdsFor(tenantId: string, asked: string): readonly [string, string] {
  const named = scopedRunId(tenantId, asked);
  const ours = publicRunId(tenantId, asked);
  return MINTED.test(asked) ? [ours, named] : [named, ours];
}

/** ULID or UUID. Clients choose such ids, too: it says what is likely and no more. */
const MINTED = /^(?:[0-9A-HJKMNP-TV-Z]{26}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** Returns `value` if it may be the id of a run, else throws `invalid_id`. The value is not echoed. */
export function runIdOrThrow(value: unknown): string {
  if (RunId.safeParse(value).success) return value as string;
  throw new AppError('invalid_id', 'The run id must be 1 to 80 letters, digits, "-" or "_".');
}

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

/** UTF-8 cannot encode it, but JSON can: such a text is identified by its digest, as every long one is. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** `<runId>:<seq>`: the cursor everywhere (SSE `id:`, `after=`, message id on the bus). */
export function formatCursor(runId: string, seq: number): string {
  return `${runId}:${seq}`;
}

/** Parses `<runId>:<seq>`; answers undefined for anything else. */
export function parseCursor(text: string): { runId: string; seq: number } | undefined {
  const match = /^([A-Za-z0-9_-]{1,80}):(0|[1-9][0-9]{0,9})$/.exec(text);
  return match ? { runId: match[1]!, seq: Number(match[2]) } : undefined;
}

/** Step ids are numbered over the whole run: `step-mcp-001`, `step-cu-002`, `step-a2a-003`, `step-ask-004`. */
export function formatStepId(target: AgentTarget | 'user', number: number): string {
  const token = target === 'user' ? 'ask' : agentKind(target).token;
  return `step-${token}-${String(number).padStart(3, '0')}`;
}
