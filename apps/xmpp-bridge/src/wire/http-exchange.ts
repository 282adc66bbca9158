/*
 * One HTTP exchange between two bridges, independent of its encoding. Pure.
 *
 * - A body is bytes, and arrives unchanged: the receiving side compares length and digest.
 * - Hop-by-hop headers (RFC 9110 §7.6.1), and headers that name the caller, are never carried. The caller is taken from
 *   the stanza.
 * - A header that could end a line or begin another is refused.
 */

export type HeaderList = readonly (readonly [name: string, value: string])[];

export interface HttpRequest {
  readonly method: string;
  /** Path and query. */
  readonly resource: string;
  readonly headers: HeaderList;
  readonly body: Buffer;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Buffer;
}

/** The caller that waits for the response. */
export interface CarryCall {
  readonly signal: AbortSignal;
  readonly deadline: number;
  /**
   * Called with the head if the response comes in pieces; the pieces follow in order. The response then has no body.
   */
  onHead(head: Pick<HttpResponse, 'status' | 'headers'>): void;
  onPiece(piece: Buffer): void;
}

/** Thrown for invalid data of the other side; the text is public. */
export class ExchangeError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** A header of the bridges themselves: the number of bridges that a request has passed. */
export const HOP_HEADER = 'x-bridge-hop';
export const DIGEST_HEADER = 'x-bridge-digest';
/**
 * Names a request to its bridge if its stanza's id does not, so that a message can cancel it (`<cancel id xmlns/>`).
 */
export const CANCEL_HEADER = 'x-bridge-cancel';
export const NS_CANCEL = 'urn:switchyard:http:0';
export const FROM_HEADER = 'x-aztm-from-jid';
/**
 * The deadline as absolute time in ms since 1970, and the time left at sending: clocks differ, so the smaller counts.
 */
const DEADLINE_HEADER = 'x-request-deadline';
export const TIMEOUT_HEADER = 'x-request-timeout-ms';

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'host',
  'content-length',
  'accept-encoding',
  'proxy-authenticate',
  'proxy-authorization',
]);
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/;
// eslint-disable-next-line no-control-regex -- the characters that are refused
const BAD_VALUE = /[\u0000-\u0008\u000a-\u001f\u007f\ufffe\uffff]|\p{Surrogate}/u;
const MAX_HEADERS = 128;
const MAX_VALUE = 16_384;

/**
 * The headers that travel, with lower-case names: no hop-by-hop header, none that names the caller. Throws
 * ExchangeError 400 for a header that could end a line.
 */
export function carriedHeaders(headers: HeaderList): [string, string][] {
  if (headers.length > MAX_HEADERS) throw new ExchangeError(400, `A request has at most ${MAX_HEADERS} headers.`);
  return headers.flatMap(([name, value]): [string, string][] => {
    const lower = name.toLowerCase();
    if (!NAME.test(name) || BAD_VALUE.test(value) || value.length > MAX_VALUE)
      throw new ExchangeError(400, 'A header has a name or a value that cannot be carried.');
    return HOP_BY_HOP.has(lower) || isBridgeHeader(lower) ? [] : [[lower, value]];
  });
}

/** True for headers that only a bridge may set. */
function isBridgeHeader(lower: string): boolean {
  return lower.startsWith('x-bridge-') || lower.startsWith('x-aztm-') || lower === 'x-forwarded-for';
}

export function headerOf(headers: HeaderList, name: string): string | undefined {
  return headers.find(([each]) => each.toLowerCase() === name)?.[1];
}

/** The Idempotency-Key: requests with the same key are the same request. */
export function keyOf({ headers }: Pick<HttpRequest, 'headers'>): string | undefined {
  return headerOf(headers, 'idempotency-key');
}

const METHOD = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/;
// eslint-disable-next-line no-control-regex -- what a request line cannot hold
const RESOURCE = /^\/[^\s\u0000-\u0020\u007f#\\]{0,8191}$/;

/** Throws ExchangeError 400 unless HTTP could carry this request. */
export function checkRequest({ method, resource }: Pick<HttpRequest, 'method' | 'resource'>): void {
  if (!METHOD.test(method)) throw new ExchangeError(405, 'This method cannot be carried.');
  if (!RESOURCE.test(resource)) throw new ExchangeError(400, 'The path must begin with "/" and hold no spaces.');
}

/** The time left for a request, in ms; undefined if it sets no limit. */
export function timeLeft(headers: HeaderList, now: number): number | undefined {
  const absolute = Number(headerOf(headers, DEADLINE_HEADER) ?? Number.NaN);
  const relative = Number(headerOf(headers, TIMEOUT_HEADER) ?? Number.NaN);
  if (Number.isFinite(relative)) return relative; // clocks may differ: of two, only the relative time is trusted
  return Number.isFinite(absolute) ? absolute - now : undefined;
}
