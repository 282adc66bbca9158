import type { z } from 'zod';
import type { ErrorCode } from './errors.ts';

/** One HTTP route as data. The server's routes and the OpenAPI document are checked against this table. */
export interface HttpRoute {
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
  readonly headers?: readonly string[];
  readonly body?: z.ZodType;
  /** Success answers by status. No schema: no body, or one that is not JSON (`type`). */
  readonly answers: Readonly<
    Record<number, { readonly summary: string; readonly schema?: z.ZodType; readonly type?: string }>
  >;
  readonly errors: readonly ErrorCode[];
}

export const SSE = 'text/event-stream';
export const START_ERRORS = [
  'invalid_input',
  'invalid_id',
  'conflict',
  'thread_busy',
  'payload_too_large',
  'rate_limited',
  'unavailable',
] as const;
export const AUTH_ERRORS = ['rate_limited', 'unavailable'] as const;
export const IDEMPOTENCY = ['Idempotency-Key'] as const;
