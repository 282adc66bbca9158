/*
 * One HTTP exchange as it travels between two bridges, whatever carries it. Pure.
 *
 * - A body is bytes, and arrives as the bytes that were sent: the side that decodes compares length and digest.
 * - Headers that belong to one hop (RFC 9110 §7.6.1), and headers that name the caller, are never carried. The caller
 *   is taken from the stanza.
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

/** Who waits for the response. */
export interface CarryCall {
  readonly signal: AbortSignal;
  readonly deadline: number;
  /** Where the response comes in pieces: its head, and then they, in order. The response then has no body. */
  onHead(head: Pick<HttpResponse, 'status' | 'headers'>): void;
  onPiece(piece: Buffer): void;
}

/** Thrown for what the other side sent and should not have; the text is public. */
export class ExchangeError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** Of the bridges themselves: how many bridges a request has passed, and what its body is. */
export const HOP_HEADER = 'x-bridge-hop';
export const DIGEST_HEADER = 'x-bridge-digest';
/** Names a request to its bridge, where its stanza's id does not, so that it can be cancelled by a message (`<cancel id xmlns/>`). */
export const CANCEL_HEADER = 'x-bridge-cancel';
export const NS_CANCEL = 'urn:switchyard:http:0';
export const FROM_HEADER = 'x-aztm-from-jid';
/** Absolute time in ms since 1970, and the time left when it was sent: clocks differ, so the smaller counts. */
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
 * The headers that travel, with lower-case names: none of one hop, none that names the caller. Throws ExchangeError 400 for
 * a header that could end a line.
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

/** Headers that a bridge sets and nobody else may. */
function isBridgeHeader(lower: string): boolean {
  return lower.startsWith('x-bridge-') || lower.startsWith('x-aztm-') || lower === 'x-forwarded-for';
}

export function headerOf(headers: HeaderList, name: string): string | undefined {
  return headers.find(([each]) => each.toLowerCase() === name)?.[1];
}

/** What makes a request that comes again the same request. */
export function keyOf({ headers }: Pick<HttpRequest, 'headers'>): string | undefined {
  return headerOf(headers, 'idempotency-key');
}

const METHOD = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/;
// eslint-disable-next-line no-control-regex -- what a request line cannot hold
const RESOURCE = /^\/[^\s\u0000-\u0020\u007f#\\]{0,8191}$/;

/** Throws ExchangeError 400 where this is no request that HTTP could carry. */
export function checkRequest({ method, resource }: Pick<HttpRequest, 'method' | 'resource'>): void {
  if (!METHOD.test(method)) throw new ExchangeError(405, 'This method cannot be carried.');
  if (!RESOURCE.test(resource)) throw new ExchangeError(400, 'The path must begin with "/" and hold no spaces.');
}

/** How long a request may still take, in ms; undefined where it says nothing. */
export function timeLeft(headers: HeaderList, now: number): number | undefined {
  const absolute = Number(headerOf(headers, DEADLINE_HEADER) ?? Number.NaN);
  const relative = Number(headerOf(headers, TIMEOUT_HEADER) ?? Number.NaN);
  if (Number.isFinite(relative)) return relative; // of a clock that may differ, only the relative time is trusted
  return Number.isFinite(absolute) ? absolute - now : undefined;
}
