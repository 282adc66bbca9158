import { type Element, xml } from '@xmpp/client';
import { safeParse } from '@switchyard/contracts';
import { z } from 'zod';
import { decodedPath, encodedPath } from './aztm-path.ts';
import {
  ExchangeError,
  type HeaderList,
  headerOf,
  type HttpRequest,
  type HttpResponse,
  isCarried,
  isXmlText,
  MAX_STANZA_BYTES,
} from '../wire/index.ts';
import { rawPayload } from './raw-payload.ts';

/*
 * HTTP in chat messages: the envelope `urn:aztm:v1` of the Python library. Pure.
 *
 * - A body in the envelope is JSON or text. The codec copies a JSON body into the envelope and out of it letter for
 *   letter. It refuses any other bytes and never damages them.
 * - An answer counts only if its sender (bare JID), its id and, if present, its `corr` are those of the question. The
 *   library's server answers an exception without our id; such an answer counts by its `corr`. Our answers repeat the
 *   id.
 * - A request that a server stored on the way (<delay/>), or that is older than MAX_AGE_S by its sender's clock, is not
 *   performed.
 * - Our messages ask servers not to store them. A message without an envelope is ignored here.
 * - A message that servers would not carry in its wire form is refused and never sent.
 * - A body that is shorter or longer than its headers say counts as damaged, because the library drops bytes that are
 *   not UTF-8. The length of JSON is not compared, because the library re-serialises JSON.
 */

export const NS_AZTM = 'urn:aztm:v1';
const VERSION = '1.0';
const NS_HINTS = 'urn:xmpp:hints';
const NS_DELAY = 'urn:xmpp:delay';
/** Clocks may differ by ten minutes; an older request was stored somewhere. */
export const MAX_AGE_S = 900;
/** Answers repeat the id of their question. */
const MAX_ID_CHARS = 1_024;
/** The limit of an envelope, before XML escapes it. */
export const MAX_AZTM_BYTES = 196_608;

const Headers = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).nullish()).nullish();
const RequestEnvelope = z.object({
  _aztm: z.object({
    ns: z.literal(NS_AZTM).optional(),
    method: z.string().min(1).max(16),
    path: z.string().max(8_192),
    query: z.string().max(8_192).nullish(),
    headers: Headers,
    corr: z.string().min(1).max(200),
    ts: z.number().nullish(),
  }),
  payload: z.unknown(),
});
const ResponseEnvelope = z.object({
  _aztm: z.object({
    status: z.number().int().min(200).max(599),
    headers: Headers,
    corr: z.string().max(200).nullish(),
    error: z.string().nullish(),
  }),
  payload: z.unknown(),
});

export interface AztmRequest {
  readonly kind: 'request';
  readonly id: string;
  readonly corr: string;
  readonly subject: string;
  /** Seconds since 1970 by the sender's clock, if it says so. */
  readonly ts: number | undefined;
  readonly delayed: boolean;
  readonly request: HttpRequest;
  /** False where the body is shorter or longer than its headers say. */
  readonly whole: boolean;
}

export interface AztmResponse {
  readonly kind: 'response';
  readonly corr: string | undefined;
  readonly response: HttpResponse;
  /** False where the body is shorter or longer than its headers say. */
  readonly whole: boolean;
}

/** A message with a damaged envelope; its id lets us answer the sender. */
export interface AztmDamaged {
  readonly kind: 'damaged';
  readonly id: string;
  readonly subject: string;
  readonly delayed: boolean;
}

export interface Naming {
  readonly to: string;
  readonly id: string;
  readonly corr: string;
  /** The number of bytes that a server takes as one stanza. */
  readonly most?: number;
}

/** Throws ExchangeError if this format cannot carry the request. */
export function encodeAztmRequest(request: HttpRequest, naming: Naming & { readonly nowMs: number }): Element {
  const [encoded, query] = splitOnce(request.resource, '?');
  const path = decodedPath(encoded);
  const control = {
    ns: NS_AZTM,
    version: VERSION,
    method: request.method,
    path,
    query,
    headers: asObject(request.headers),
    corr: naming.corr,
    ts: Math.floor(naming.nowMs / 1_000),
  };
  return message(naming, isXmlText(path) ? path : encoded, envelope(control, request));
}

/** `subject` is that of the request. `error`: the request was not performed, and why. */
export function encodeAztmResponse(
  response: HttpResponse,
  naming: Naming & { readonly subject: string },
  error?: string,
): Element {
  const control = {
    status: response.status,
    headers: asObject(response.headers),
    corr: naming.corr,
    ...(error === undefined ? {} : { error }),
  };
  return message(
    naming,
    `${naming.subject}:${error === undefined ? 'response' : 'error'}`,
    envelope(control, response),
  );
}

/** The content of a message; undefined if it holds no envelope. */
export function decodeAztm(stanza: Element): AztmRequest | AztmResponse | AztmDamaged | undefined {
  const text = stanza.getChildText('body') ?? '';
  if (stanza.attrs['type'] === 'error' || !/^\s*\{/.test(text) || !text.includes('"_aztm"')) return undefined;
  const document = parsed(text);
  const named = stanza.attrs['id'] ?? '';
  const id = named.length > MAX_ID_CHARS ? '' : named;
  const subject = (stanza.getChildText('subject') ?? '').slice(0, 1_000);
  const delayed = stanza.getChild('delay', NS_DELAY) !== undefined;
  const answer = safeParse(ResponseEnvelope, document);
  if (answer.success) {
    const { status, headers, corr } = answer.data._aztm;
    const list = asList(headers);
    const { payload } = answer.data;
    const response = { status, headers: list, body: bytesOf(payload, list, text) };
    return { kind: 'response', corr: corr ?? undefined, response, whole: isWhole(payload, response) };
  }
  const asked = safeParse(RequestEnvelope, document);
  if (!asked.success || id === '') return { kind: 'damaged', id, subject, delayed };
  const { method, path, query, headers, corr, ts } = asked.data._aztm;
  const list = asList(headers);
  const encoded = encodedPath(path, list);
  if (encoded === undefined) return { kind: 'damaged', id, subject, delayed };
  const resource = query ? `${encoded}?${query.replace(/^\?/, '')}` : encoded;
  const request = {
    method: method.toUpperCase(),
    resource,
    headers: list,
    body: bytesOf(asked.data.payload, list, text),
  };
  const whole = isWhole(asked.data.payload, request);
  return { kind: 'request', id, corr, subject, ts: ts ?? undefined, delayed, request, whole };
}

/** True if a request was stored on the way, or is older than MAX_AGE_S, and must not be performed. */
export function isTooOld({ ts, delayed }: Pick<AztmRequest, 'ts' | 'delayed'>, nowMs: number): boolean {
  return delayed || (ts !== undefined && nowMs / 1_000 - ts > MAX_AGE_S);
}

/** Builds the message, which asks not to be stored. Throws ExchangeError 413 if servers would not carry it. */
function message({ to, id, most = MAX_STANZA_BYTES }: Naming, subject: string, body: string): Element {
  const stanza = xml(
    'message',
    { type: 'chat', to, id },
    xml('subject', {}, subject),
    xml('body', {}, body),
    xml('no-store', { xmlns: NS_HINTS }),
  );
  if (!isCarried(stanza, most)) throw tooLarge();
  return stanza;
}

function envelope(control: object, content: Pick<HttpRequest, 'headers' | 'body'>): string {
  const text = escaped(`{"_aztm":${JSON.stringify(control)},"payload":${payloadOf(content)}}`);
  if (Buffer.byteLength(text) > MAX_AZTM_BYTES) throw tooLarge();
  return text;
}

function tooLarge(): ExchangeError {
  return new ExchangeError(413, 'The body is larger than one message of urn:aztm:v1 can carry.');
}

/** The body as the envelope holds it: JSON letter for letter, text as a string. Throws ExchangeError 415 for other bytes. */
function payloadOf({ headers, body }: Pick<HttpRequest, 'headers' | 'body'>): string {
  if (body.length === 0) return 'null';
  const text = textOf(body);
  if (text === undefined)
    throw new ExchangeError(415, 'Messages of urn:aztm:v1 carry JSON and text; this body is neither.');
  return isJson(headers) && parsed(text) !== undefined ? text : JSON.stringify(text);
}

function bytesOf(payload: unknown, headers: HeaderList, written: string): Buffer {
  if (payload === undefined || payload === null) return Buffer.alloc(0);
  if (typeof payload !== 'string') return Buffer.from(rawPayload(written)); // letter for letter
  // The library puts the value of a JSON body here, so a text that is no JSON document was a JSON string.
  const wasString = isJson(headers) && parsed(payload) === undefined;
  return Buffer.from(wasString ? rawPayload(written) : payload);
}

/** False if the body is shorter or longer than its headers say. JSON is not compared: the library re-serialises it. */
function isWhole(payload: unknown, { headers, body }: Pick<HttpRequest, 'headers' | 'body'>): boolean {
  const length = headerOf(headers, 'content-length');
  if (length === undefined || !/^\d{1,15}$/.test(length) || isJson(headers)) return true;
  const isText = typeof payload === 'string' || payload === null || payload === undefined;
  return !isText || body.length === Number(length);
}

function isJson(headers: HeaderList): boolean {
  return /^application\/([\w.+-]+\+)?json\b/i.test(headerOf(headers, 'content-type') ?? '');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function textOf(body: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return undefined;
  }
}

/** Characters that XML forbids occur in JSON only within strings, where they may be written as \uXXXX. */
function escaped(json: string): string {
  if (isXmlText(json)) return json;
  return json.replace(/[\ufffe\uffff]|\p{Surrogate}/gu, (char) => `\\u${char.charCodeAt(0).toString(16)}`);
}

/** An object holds each name once, so repeated headers are joined. */
function asObject(headers: HeaderList): Record<string, string> {
  const byName = new Map<string, string>();
  for (const [name, value] of headers) {
    const before = byName.get(name);
    byName.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return Object.fromEntries(byName);
}

function asList(headers: z.output<typeof Headers>): HeaderList {
  return Object.entries(headers ?? {})
    .slice(0, 256)
    .flatMap(([name, value]) =>
      value === null || value === undefined ? [] : [[name.toLowerCase(), String(value)] as const],
    );
}

function splitOnce(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
