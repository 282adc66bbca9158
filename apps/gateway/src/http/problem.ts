import { AppError, ERROR_CODES, type ErrorCode, type PublicError, toPublicError } from '@switchyard/contracts';
import type { Problem } from '@switchyard/contracts/http';

/* Errors as RFC 9457 problems: the only place that maps a code to an HTTP status. */

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';
const DEFAULT_RETRY_AFTER_S = 1;

export interface ProblemAnswer {
  readonly status: number;
  readonly body: Problem;
  readonly headers: Readonly<Record<string, string>>;
}

/** Any thrown value as a problem; a foreign error says only `internal`. */
export function toProblem(error: unknown): ProblemAnswer {
  return problemOf(toPublicError(error));
}

function problemOf(error: PublicError): ProblemAnswer {
  const { http: status, retry, summary } = ERROR_CODES[error.code];
  const retryAfterS =
    error.retryAfterMs === undefined ? DEFAULT_RETRY_AFTER_S : Math.max(1, Math.ceil(error.retryAfterMs / 1000));
  return {
    status,
    body: {
      type: `urn:switchyard:problem:${error.code}`,
      title: summary,
      status,
      detail: error.message,
      code: error.code,
      ...(error.details === undefined ? {} : { details: error.details }),
      ...(error.runId === undefined ? {} : { run_id: error.runId }),
      ...(error.code === 'history_expired' && error.runId !== undefined
        ? { snapshot_url: `/runs/${error.runId}` }
        : {}),
    },
    headers: {
      ...(retry === 'after' ? { 'retry-after': String(retryAfterS) } : {}),
      ...(error.code === 'unauthenticated' ? { 'www-authenticate': 'Bearer' } : {}),
    },
  };
}

/** Refusals of the HTTP server itself, by status. The texts are fixed and hold no part of the request. */
const SERVER_REFUSALS: Readonly<Record<number, { code: ErrorCode; message: string }>> = {
  404: { code: 'not_found', message: 'There is nothing under this path.' },
  408: { code: 'invalid_input', message: 'The request took too long to arrive. Send it again.' },
  413: { code: 'payload_too_large', message: 'The body is larger than 8 MiB.' },
  414: { code: 'invalid_input', message: 'The address of the request is too long.' },
  431: { code: 'invalid_input', message: 'The headers of the request are larger than 16 KiB.' },
  415: { code: 'unsupported_media_type', message: ERROR_CODES.unsupported_media_type.summary },
};

/** A refusal of the HTTP server or the framework, in our codes. */
export function refusalOf(status: number): AppError {
  const known = SERVER_REFUSALS[status];
  if (known !== undefined) return new AppError(known.code, known.message);
  if (status >= 400 && status < 500) return new AppError('invalid_input', 'The request is not valid.');
  return new AppError('internal');
}
