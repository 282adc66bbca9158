import type { z } from 'zod';
import type { ErrorCode } from '../../base/errors.ts';

/** One HTTP route as data. The server's routes and the OpenAPI document are checked against this table. */
export interface HttpRoute {
  /** The operation id of the OpenAPI document. Generated clients are named by it, so it never changes. */
  readonly id: string;
  readonly tag: Tag;
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** OpenAPI form: `/runs/{id}`. */
  readonly path: string;
  readonly summary: string;
  /**
   * `none`: needs no identity; `user`: any proved identity. What a role may see is decided by the answering service.
   * `operator`: an admin, an auditor, or the token of the metrics; in development nobody need say who it is.
   */
  readonly auth: 'none' | 'user' | 'operator';
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly headers?: readonly HeaderName[];
  /** It, or what it wraps, has a name in `HTTP_SCHEMAS`. */
  readonly body?: z.ZodType;
  /** Success answers by status. No schema: no body, or one that is not JSON (`type`). */
  readonly answers: Readonly<
    Record<number, { readonly summary: string; readonly schema?: z.ZodType; readonly type?: string }>
  >;
  /** Beside what every route of its kind may refuse; see openapi-refusals.ts. */
  readonly errors: readonly ErrorCode[];
}

/** The topics of routes, in the order of the document. */
export const TAGS = {
  Runs: 'Start a task, follow it, stop it, answer what it asks.',
  'AG-UI': 'The same runs for front ends that speak AG-UI.',
  Tools: 'Which tools there are, calling one, registering one, and who sees which.',
  Upstreams: 'MCP servers behind us, and what waits for a person before it is used.',
  Effects: 'What tools did to the world, and what is in doubt.',
  Providers: 'What a user authorises at other services, so that tools act there on its behalf.',
  MCP: 'Our tools for any MCP client.',
  A2A: 'The same runs as tasks for any agent that speaks A2A.',
  Audit: 'What happened.',
  'Dead letters': 'Runs that were given up.',
  System: 'The gateway itself.',
} as const satisfies Readonly<Record<string, string>>;
type Tag = keyof typeof TAGS;

/** Headers that routes read, with what may stand in them. */
export const HEADERS = {
  'Idempotency-Key': { maxLength: 256, description: 'The same key with the same request is one run, or one call' },
  'Last-Event-ID': {
    maxLength: 128,
    description: 'The `id` of the last event that was read: the stream goes on after it',
  },
  'X-Session-ID': { maxLength: 256, description: 'The conversation' },
  'Mcp-Session-Id': { maxLength: 128, description: 'The session that `initialize` gave' },
  'A2A-Version': { maxLength: 32, description: 'The revision of A2A that the client speaks; absent: 0.3' },
  'MCP-Protocol-Version': { maxLength: 32, description: 'The revision that client and server agreed on' },
} as const;
type HeaderName = keyof typeof HEADERS;

export const SSE = 'text/event-stream';
export const START_ERRORS = ['invalid_input', 'invalid_id', 'conflict', 'thread_busy', 'unavailable'] as const;
export const AUTH_ERRORS = ['unavailable'] as const;
export const IDEMPOTENCY = ['Idempotency-Key'] as const;
