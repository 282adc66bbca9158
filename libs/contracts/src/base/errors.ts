/**
 * The closed table of error codes. A code is stable: clients, dashboards and tests rely on it.
 * `http` is the status at the gateway; `retry` tells a caller what to do:
 *   never  the same request will fail again
 *   safe   the same request may be sent again at once, with the same idempotency key
 *   after  the same request may be sent again after a pause (Retry-After where it is known)
 * `summary` is public text; it never carries internals.
 */
export const ERROR_CODES = {
  invalid_input: { http: 400, retry: 'never', summary: 'The request does not have the documented shape.' },
  invalid_id: { http: 400, retry: 'never', summary: 'An id may hold 1 to 64 letters, digits, "-" and "_".' },
  invalid_cursor: { http: 400, retry: 'never', summary: 'The cursor is not one that this run has handed out.' },
  unauthenticated: { http: 401, retry: 'never', summary: 'Send valid credentials.' },
  forbidden: { http: 403, retry: 'never', summary: 'Your role does not allow this.' },
  not_found: { http: 404, retry: 'never', summary: 'Not found: there is no such thing, or it is not yours to see.' },
  method_not_allowed: { http: 405, retry: 'never', summary: 'This path does not take this method.' },
  conflict: { http: 409, retry: 'never', summary: 'This id or idempotency key is in use for another request.' },
  thread_busy: { http: 409, retry: 'after', summary: 'Another run of this thread is under way.' },
  history_expired: { http: 410, retry: 'never', summary: 'This part of the history is no longer kept.' },
  payload_too_large: { http: 413, retry: 'never', summary: 'The request is larger than the limit.' },
  unsupported_media_type: { http: 415, retry: 'never', summary: 'Send the body as application/json.' },
  rate_limited: { http: 429, retry: 'after', summary: 'Too many requests; wait for Retry-After.' },
  overloaded: { http: 503, retry: 'after', summary: 'All workers are busy; try again soon.' },
  caller_not_trusted: {
    http: 502,
    retry: 'never',
    summary: 'The services do not trust each other here; an operator must check BUS_KEYS and the clocks.',
  },
  unavailable: { http: 503, retry: 'after', summary: 'A part of the system does not answer at the moment.' },
  no_responders: { http: 503, retry: 'after', summary: 'Nobody answers this request at the moment.' },
  worker_lost: { http: 503, retry: 'safe', summary: 'The worker stopped before it answered.' },
  deadline_exceeded: { http: 504, retry: 'safe', summary: 'The deadline passed before the answer came.' },
  cancelled: { http: 499, retry: 'never', summary: 'The request was cancelled.' },
  not_implemented: { http: 501, retry: 'never', summary: 'This is not implemented.' },
  not_supported: { http: 501, retry: 'never', summary: 'The other side does not support this.' },
  internal: { http: 500, retry: 'safe', summary: 'Something went wrong here; the details are in our logs.' },

  tool_not_found: { http: 404, retry: 'never', summary: 'There is no such tool for this caller.' },
  tool_invalid_arguments: { http: 400, retry: 'never', summary: 'The arguments do not fit the tool.' },
  tool_failed: { http: 502, retry: 'never', summary: 'The tool answered with an error.' },
  tool_timeout: { http: 504, retry: 'safe', summary: 'The tool did not answer in time.' },
  tool_in_doubt: {
    http: 502,
    retry: 'never',
    summary: 'The effect of the tool call is not known; a person must check.',
  },
  input_required: {
    http: 422,
    retry: 'never',
    summary: 'The tool needs an answer that only an interactive MCP client can give.',
  },
  question_closed: { http: 410, retry: 'never', summary: 'The call that asked this is over; call the tool again.' },
  effect_not_in_doubt: { http: 409, retry: 'never', summary: 'The outcome of this effect is not in doubt.' },
  credentials_missing: { http: 424, retry: 'never', summary: 'A credential that the tool needs is not set.' },
  provider_not_connected: {
    http: 424,
    retry: 'never',
    summary: 'Authorise the provider first, under /api/mcp/auth.',
  },
  provider_unusable: { http: 502, retry: 'never', summary: 'The provider does not do what a safe login needs.' },
  authorisation_refused: {
    http: 400,
    retry: 'never',
    summary: 'The authorisation was not completed; start it again.',
  },
  approval_required: {
    http: 403,
    retry: 'never',
    summary: 'A person must approve each call of this tool; use it in a run.',
  },
  approval_denied: { http: 403, retry: 'never', summary: 'A person did not allow this call.' },
  approval_expired: { http: 410, retry: 'never', summary: 'Nobody answered the question in time.' },
  approval_closed: { http: 409, retry: 'never', summary: 'This question is not open any more.' },
  agent_not_found: { http: 404, retry: 'never', summary: 'There is no such agent.' },
  agent_failed: { http: 502, retry: 'never', summary: 'The agent answered with an error.' },
  agent_not_trusted: { http: 502, retry: 'never', summary: 'The card of the agent is not trusted.' },
  agent_unreachable: { http: 502, retry: 'safe', summary: 'The agent could not be reached.' },

  model_unavailable: { http: 502, retry: 'after', summary: 'The language model does not answer.' },
  model_rejected: { http: 502, retry: 'never', summary: 'The language model refused the request.' },
  model_context_too_long: {
    http: 422,
    retry: 'never',
    summary: 'The conversation is longer than the language model takes.',
  },
  model_filtered: { http: 422, retry: 'never', summary: 'The content filter of the model server refused this.' },
  model_key_refused: { http: 502, retry: 'never', summary: 'The model server refused the key of this deployment.' },
  model_not_found: { http: 422, retry: 'never', summary: 'The model server has no model of this name.' },
  model_quota_exceeded: {
    http: 502,
    retry: 'never',
    summary: 'The account of this deployment at the model server has no credit left.',
  },
  model_invalid_answer: { http: 502, retry: 'safe', summary: 'The language model gave no usable answer.' },
  guardrail_blocked: { http: 422, retry: 'never', summary: 'A guardrail stopped this text.' },
  history_damaged: { http: 500, retry: 'never', summary: 'A part of the history of this run cannot be read.' },
  history_full: { http: 422, retry: 'never', summary: 'The history of this run has no room for more.' },
  budget_exceeded: { http: 422, retry: 'never', summary: 'The budget of this run is used up.' },

  not_mapped: { http: 421, retry: 'never', summary: 'This host is not one that is reached over XMPP.' },
  egress_blocked: { http: 502, retry: 'never', summary: 'The address is not allowed for outbound calls.' },
  upstream_failed: { http: 502, retry: 'safe', summary: 'The other server failed.' },
  upstream_timeout: { http: 504, retry: 'safe', summary: 'The other server did not answer in time.' },
  response_too_large: { http: 502, retry: 'never', summary: 'The answer is larger than the limit.' },

  fenced: { http: 409, retry: 'never', summary: 'Another worker owns this run now.' },
  poisoned: { http: 500, retry: 'never', summary: 'The run was given up: nobody could go on with it.' },
  run_ended: { http: 409, retry: 'never', summary: 'This run has already ended.' },
} as const satisfies Record<string, { http: number; retry: 'never' | 'safe' | 'after'; summary: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERROR_CODES, value);
}

/** The public part of an error: a stable code, a sentence, and the faulty fields if known. */
export interface PublicError {
  code: ErrorCode;
  message: string;
  /** Pause before the next try, in milliseconds. */
  retryAfterMs?: number;
  /** At most 20 places in the input that are wrong, as "path: what is expected". */
  details?: string[];
  /** The run that stands in the way. */
  runId?: string;
}

/**
 * A broken promise. `message` is public; `cause` and the stack are for the logs alone.
 * Expected outcomes (a tool that fails, an agent that says no) are values, not AppErrors.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly retryAfterMs?: number;
  readonly details?: string[];
  readonly runId?: string;

  constructor(
    code: ErrorCode,
    message: string = ERROR_CODES[code].summary,
    options: { cause?: unknown; retryAfterMs?: number; details?: string[]; runId?: string } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
    if (options.details !== undefined) this.details = options.details.slice(0, 20);
    if (options.runId !== undefined) this.runId = options.runId;
  }
}

/** Any thrown value as a public error. A foreign error says only `internal`. */
export function toPublicError(error: unknown): PublicError {
  if (!(error instanceof AppError)) return { code: 'internal', message: ERROR_CODES.internal.summary };
  return {
    code: error.code,
    message: error.message,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
    ...(error.details === undefined ? {} : { details: error.details }),
    ...(error.runId === undefined ? {} : { runId: error.runId }),
  };
}
