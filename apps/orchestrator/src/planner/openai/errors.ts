import { AppError, type ErrorCode } from '@switchyard/contracts';
import { fieldsOf, firstText, isObject, listOf, parsedJson, textOf } from './json.ts';

/*
 * Maps an endpoint's error to our error code, the sentence for people, and the next action. Pure.
 *
 * - The sentence contains no text of the endpoint: it may hold keys and prompts. That text goes to the log as the
 *   cause.
 * - Words in the body count before the status: servers and proxies answer the same fault with 400, 404, 413, 422 or
 *   500.
 */

/** A request that the endpoint answered with an error, or an error in the middle of its stream. */
export class EndpointError extends Error {
  constructor(
    /** The HTTP status; 200: the error came in the body of an answer. */
    readonly status: number,
    readonly body: string,
    readonly headers: Headers,
  ) {
    super(`the model endpoint answered ${status}: ${body.slice(0, 2_000)}`);
  }
}

/** A parameter of the request that not every server knows. */
export type Optional = 'stream_options' | 'max_completion_tokens';

export interface Verdict {
  readonly code: ErrorCode;
  readonly sentence: string;
  /** The same request may succeed after a pause. */
  readonly retry: boolean;
  /** The request may succeed without this parameter. */
  readonly leaveOut?: Optional;
}

export function judge({ status: http, body, headers }: EndpointError): Verdict {
  const said = saidIn(body);
  const status = http >= 300 ? http : said.status;
  const verdict = byWords(status, said, headers) ?? byStatus(status);
  const ordered = headers.get('x-should-retry');
  return ordered === null || verdict.code !== 'model_unavailable'
    ? verdict
    : { ...verdict, retry: ordered !== 'false' };
}

export function toAppError(verdict: Verdict, cause: unknown, retryAfterMs?: number): AppError {
  return new AppError(verdict.code, verdict.sentence, {
    cause,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

interface Said {
  /** Code, type and message together, in lower case. */
  readonly words: string;
  /** The status in the body; 500 if there is none. */
  readonly status: number;
}

const MAX_WORDS = 8_000;

/** Reads the error in a body: of OpenAI, FastAPI (`detail`), Google (a list), vLLM (without `error`), or plain text. */
function saidIn(body: string): Said {
  const json = parsedJson(body);
  const outer = fieldsOf(Array.isArray(json) ? json[0] : json);
  const nested = outer['error'] ?? outer['detail'] ?? outer;
  const error = fieldsOf(nested);
  const { code, type, param, message, status, status_code } = error;
  const parts = isObject(nested) ? [code, type, param, status, message ?? JSON.stringify(nested)] : [nested ?? body];
  const words = (
    json === undefined ? body : parts.map((part) => (typeof part === 'string' ? part : JSON.stringify(part))).join(' ')
  )
    .slice(0, MAX_WORDS)
    .toLowerCase();
  const named = [code, status_code, status, outer['code'], outer['status']].map(Number);
  return { words, status: named.find((value) => value >= 400 && value <= 599) ?? statusOf(words) };
}

function statusOf(words: string): number {
  if (/rate.?limit|too many requests|resource_exhausted/.test(words)) return 429;
  if (/overloaded|unavailable|capacity/.test(words)) return 503;
  return /invalid_request|bad.?request|invalid argument/.test(words) ? 400 : 500;
}

const CONTEXT =
  /context[_ ]?(length|window|size)|maximum context|max_model_len|prompt (is )?too long|too many (input )?tokens|input (token count|length)|reduce the length|string_above_max_length|token limit exceeded|request too large/;
const FILTERED =
  /content[_ -]?filter|content management policy|responsible ?ai|content[_ ]policy|data_inspection_failed|flagged|prohibited_content/;
const NO_TOOLS =
  /not support (tools|tool|function)|support tool use|enable-auto-tool-choice|tools? (is|are) not supported|tool_use_not_supported|tools param requires|function calling is not/;
const NO_MODEL =
  /model_not_found|deploymentnotfound|unknown_model|invalid_model|no such model|not a valid model|unknown model|invalid model|no endpoints found|model [^.]{0,200}(not found|not exist|does not exist|is not supported|not available)|models\/[^.]{0,100} is not found|try pulling it/;
const WRONG_KEY =
  /api.?key (is )?(not valid|invalid|missing|expired)|invalid.api.?key|incorrect api key|api_key_invalid|no auth credentials|unauthorized|authentication/;
const NO_CREDIT =
  /insufficient_quota|insufficient (balance|credit|funds)|billing|credit balance|payment required|more credits/;
const OVERLOADED = /overloaded|capacity|loading model|server (is )?busy|no slot|too busy|queue/;

function byWords(status: number, { words }: Said, headers: Headers): Verdict | null {
  const bad = status === 400 || status === 422;
  const about = (parameter: string) => (bad || status === 500) && words.includes(parameter);
  if (about('stream_options')) return { ...refused(status), leaveOut: 'stream_options' };
  if (about('max_completion_tokens') && !/max_tokens.{0,40}(too large|exceed)/.test(words))
    return { ...refused(status), leaveOut: 'max_completion_tokens' };
  if (status === 413 || (status !== 429 && CONTEXT.test(words))) return TOO_LONG;
  if (status < 500 && status !== 429 && FILTERED.test(words)) return WITHHELD;
  if (status <= 500 && NO_TOOLS.test(words)) return TOOLLESS;
  if (status === 401 || ((status === 403 || bad) && WRONG_KEY.test(words))) return KEY_REFUSED;
  if ((status === 404 || bad || status === 500) && NO_MODEL.test(words)) return UNKNOWN_MODEL;
  // Google mentions billing even when a pause is enough.
  const pauseHelps = headers.has('retry-after') || /resource_exhausted|retrydelay/.test(words);
  if (status === 402 || (status === 429 && !pauseHelps && NO_CREDIT.test(words))) return CREDIT_GONE;
  return status >= 500 && OVERLOADED.test(words) ? OVERLOAD : null;
}

function byStatus(status: number): Verdict {
  if (status === 429) return RATE_LIMITED;
  if (status === 503 || status === 529) return OVERLOAD;
  if (status === 408 || status === 409 || status === 425 || status >= 500)
    return { code: 'model_unavailable', sentence: `The language model failed (HTTP ${status}).`, retry: true };
  if (status === 403) return FORBIDDEN;
  return status === 404 || status === 405 ? WRONG_ADDRESS : refused(status);
}

const never = (code: ErrorCode, sentence: string): Verdict => ({ code, sentence, retry: false });
const later = (sentence: string): Verdict => ({ code: 'model_unavailable', sentence, retry: true });

const TOO_LONG = never(
  'model_context_too_long',
  'The conversation is longer than the language model takes. Start a new one, or use a model with a longer context.',
);
const WITHHELD = never('model_filtered', 'The content filter of the model server refused this request.');
const TOOLLESS = never(
  'model_rejected',
  'This language model, or the way its server is set up, does not take tools. Choose another model.',
);
const KEY_REFUSED = never('model_key_refused', 'The model server refused the key of this deployment.');
const FORBIDDEN = never(
  'model_key_refused',
  'The model server knows the key of this deployment and does not allow it this.',
);
const UNKNOWN_MODEL = never('model_not_found', 'The model server has no model of this name for this deployment.');
const CREDIT_GONE = never(
  'model_quota_exceeded',
  'The account of this deployment at the model server has no credit left.',
);
const WRONG_ADDRESS = never(
  'model_rejected',
  'The model server has no chat completions at its configured address (OPENAI_BASE_URL).',
);
const RATE_LIMITED = later('The model server takes no more requests for now: its rate limit is reached.');
const OVERLOAD = later('The model server is overloaded or not ready yet.');

function refused(status: number): Verdict {
  return never('model_rejected', `The language model refused the request (HTTP ${status}).`);
}

/** The longest pause that is believed; a longer one is cut to this. */
const MAX_PAUSE_MS = 30 * 86_400_000;

/** How long the endpoint asks the client to wait; undefined: it does not say, or nothing sensible. */
export function askedPauseMs({ headers, body }: EndpointError, now: number): number | undefined {
  const seconds = headers.get('retry-after');
  const asked = [
    numberOf(headers.get('retry-after-ms')),
    numberOf(seconds, 1_000),
    seconds === null ? NaN : Date.parse(seconds) - now,
    retryInfoMs(body),
  ].find((ms) => !Number.isNaN(ms));
  return asked === undefined ? undefined : Math.min(MAX_PAUSE_MS, Math.max(0, Math.ceil(asked)));
}

function numberOf(text: string | null, unit = 1): number {
  return text === null || !/^\s*\d+(\.\d+)?\s*$/.test(text) ? NaN : Number(text) * unit;
}

/** The pause of google.rpc.RetryInfo, in the body. */
function retryInfoMs(body: string): number {
  const json = parsedJson(body);
  const details = listOf(fieldsOf(fieldsOf(Array.isArray(json) ? json[0] : json)['error'])['details']);
  const delay = firstText(...details.map((detail) => fieldsOf(detail)['retryDelay']));
  return numberOf(/^([\d.]+)s$/.exec(textOf(delay))?.[1] ?? null, 1_000);
}
