import { ERROR_CODES, type ErrorCode, type Problem, type PublicError, toPublicError } from '@switchyard/contracts';

/* Errors as RFC 9457 problems. The one place where a code becomes an HTTP status. */

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';
const DEFAULT_RETRY_AFTER_S = 1;

export interface ProblemAnswer {
  readonly status: number;
  readonly body: Problem;
  readonly headers: Readonly<Record<string, string>>;
}

/** Any thrown value as a problem; what is not one of ours says nothing but `internal`. */
export function toProblem(error: unknown): ProblemAnswer {
  return problemOf(ours(error) ?? toPublicError(error));
}

export function problemOf(error: PublicError): ProblemAnswer {
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
    },
    headers: {
      ...(retry === 'after' ? { 'retry-after': String(retryAfterS) } : {}),
      ...(error.code === 'unauthenticated' ? { 'www-authenticate': 'Bearer' } : {}),
    },
  };
}

/** What the HTTP server itself refuses, in our codes. Its texts are fixed ones, without anything of the request. */
const SERVER_CODES: Readonly<Record<string, { code: ErrorCode; message: string }>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'payload_too_large', message: 'The body is larger than 8 MiB.' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: { code: 'unsupported_media_type', message: 'Send the body as application/json.' },
  FST_ERR_CTP_EMPTY_JSON_BODY: { code: 'invalid_input', message: 'The body is empty; send a JSON object.' },
  FST_ERR_CTP_INVALID_JSON_BODY: { code: 'invalid_input', message: 'The body is not valid JSON.' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    code: 'invalid_input',
    message: 'The body has another length than Content-Length says.',
  },
  FST_ERR_BAD_URL: { code: 'invalid_input', message: 'The address of the request is not valid.' },
  FST_ERR_ASYNC_CONSTRAINT: { code: 'not_found', message: ERROR_CODES.not_found.summary },
};

function ours(error: unknown): PublicError | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  if (typeof code === 'string' && Object.hasOwn(SERVER_CODES, code)) return SERVER_CODES[code];
  // secure-json-parse and the JSON parser throw a SyntaxError that Fastify marks as the client's fault.
  if (error instanceof SyntaxError && statusCode === 400)
    return { code: 'invalid_input', message: 'The body is not valid JSON.' };
  return undefined;
}
