import { createHash } from 'node:crypto';
import { type Element, xml } from '@xmpp/client';
import {
  DIGEST_HEADER,
  ExchangeError,
  headerOf,
  type HeaderList,
  type HttpRequest,
  type HttpResponse,
} from './http-exchange.ts';
import { isXmlText } from './xml-stream.ts';

/*
 * HTTP over XMPP IQs (XEP-0332 0.5.1), and the dialect of slixmpp's plugin for it, which names its elements
 * <request/> and <response/> and knows text bodies alone. Pure.
 *
 * C1 A body travels as text only where XML gives back exactly the same bytes; else in base64.
 * C2 Length and SHA-256 travel with each body that is not empty; a body that does not match them is refused.
 * C3 A body larger than INLINE_LIMIT is not put into one stanza: servers end the whole stream at about 256 KB.
 */

export const NS_HTTP = 'urn:xmpp:http';
export const NS_SHIM = 'http://jabber.org/protocol/shim';

export type Dialect = 'standard' | 'slixmpp';
const ELEMENTS: Readonly<Record<Dialect, { request: string; response: string }>> = {
  standard: { request: 'req', response: 'resp' },
  slixmpp: { request: 'request', response: 'response' },
};

/** Most characters of a body within a stanza. */
export const INLINE_LIMIT = 65_536;

/** With `chunks` the body follows in messages, as the stream of that name. */
export function encodeRequest(request: HttpRequest, dialect: Dialect, chunks?: string): Element {
  const { method, resource, headers, body } = request;
  return xml(
    ELEMENTS[dialect].request,
    { xmlns: NS_HTTP, method, resource, version: '1.1', maxChunkSize: '65536' },
    shim(withDigest(headers, body), dialect),
    chunks === undefined ? data(body, dialect) : xml('data', {}, xml('chunkedBase64', { streamId: chunks })),
  );
}

/** With `sid` the body follows as an in-band bytestream of that name. */
export function encodeResponse(response: HttpResponse, dialect: Dialect, sid?: string): Element {
  const { status, headers, body } = response;
  return xml(
    ELEMENTS[dialect].response,
    { xmlns: NS_HTTP, version: '1.1', statusCode: String(status) },
    shim(withDigest(headers, body), dialect),
    sid === undefined ? data(body, dialect) : xml('data', {}, xml('ibb', { sid })),
  );
}

export interface DecodedRequest {
  readonly request: HttpRequest;
  readonly dialect: Dialect;
  /** The body follows in messages, as the stream of this name. */
  readonly chunks?: string;
}

/** The request in an IQ, and the dialect it came in; undefined where the IQ holds none. Throws ExchangeError. */
export function decodeRequest(iq: Element): DecodedRequest | undefined {
  for (const dialect of ['standard', 'slixmpp'] as const) {
    const element = iq.getChild(ELEMENTS[dialect].request, NS_HTTP);
    if (!element) continue;
    const { method = '', resource = '' } = element.attrs;
    const headers = headersOf(element);
    const chunks = chunksOf(element);
    const body = chunks === undefined ? bodyOf(element, headers) : Buffer.alloc(0);
    const request = { method: method.toUpperCase(), resource, headers, body };
    return { dialect, request, ...(chunks === undefined ? {} : { chunks }) };
  }
  return undefined;
}

/** The response in the answer of an IQ. Throws ExchangeError 502 where there is none. */
export function decodeResponse(iq: Element): HttpResponse & { readonly sid?: string; readonly chunks?: string } {
  for (const dialect of ['standard', 'slixmpp'] as const) {
    const element = iq.getChild(ELEMENTS[dialect].response, NS_HTTP);
    if (!element) continue;
    const status = Number(element.attrs['statusCode']);
    if (!Number.isInteger(status) || status < 200 || status > 599)
      throw new ExchangeError(502, 'The agent answered without a status.');
    const headers = headersOf(element);
    const sid = element.getChild('data')?.getChild('ibb')?.attrs['sid'];
    if (sid !== undefined) return { status, headers, body: Buffer.alloc(0), sid };
    const chunks = chunksOf(element);
    if (chunks !== undefined) return { status, headers, body: Buffer.alloc(0), chunks };
    return { status, headers, body: bodyOf(element, headers) };
  }
  throw new ExchangeError(502, 'The agent answered with what is no HTTP response.');
}

/** True where this body can travel within one stanza of this dialect. */
export function fitsInline(body: Buffer, dialect: Dialect, limit = INLINE_LIMIT): boolean {
  return inlineChars(body, dialect) <= limit;
}

/** Characters that this body takes within a stanza; Infinity where the dialect has no way to write it. */
export function inlineChars(body: Buffer, dialect: Dialect): number {
  const text = asText(body);
  const base64 = dialect === 'standard' ? Math.ceil(body.length / 3) * 4 : Infinity;
  return text === undefined ? base64 : escapedBytes(text);
}

function data(body: Buffer, dialect: Dialect): Element | undefined {
  if (body.length === 0) return undefined;
  if (!fitsInline(body, dialect)) throw new ExchangeError(413, 'The body is larger than one stanza can carry.'); // C3
  const text = asText(body);
  return xml('data', {}, text === undefined ? xml('base64', {}, body.toString('base64')) : xml('text', {}, text));
}

/** As many bytes as XML makes of it. */
function escapedBytes(text: string): number {
  return Buffer.byteLength(text) + 5 * (text.match(/[&<>"']/g)?.length ?? 0);
}

/** C1: the text of these bytes, where XML carries it unchanged (§2.11 of XML turns CR into LF). */
function asText(body: Buffer): string | undefined {
  const text = body.toString('utf8');
  if (text.includes('\r') || !isXmlText(text) || text.trim() !== text) return undefined;
  return Buffer.from(text, 'utf8').equals(body) ? text : undefined;
}

function chunksOf(element: Element): string | undefined {
  return element.getChild('data')?.getChild('chunkedBase64')?.attrs['streamId'];
}

/** The length that a body which follows is announced with; undefined where it is not. */
export function announcedLength(headers: HeaderList): number | undefined {
  const length = /;length=(\d{1,12})$/.exec(headerOf(headers, DIGEST_HEADER) ?? '')?.[1];
  return length === undefined ? undefined : Number(length);
}

/** Checks a body that comes in pieces against what its headers announced. */
export class DigestOfStream {
  readonly #hash = createHash('sha256');
  readonly #announced: string | undefined;
  #length = 0;

  constructor(headers: HeaderList) {
    this.#announced = headerOf(headers, DIGEST_HEADER);
  }

  take(piece: Uint8Array): void {
    if (this.#announced === undefined) return;
    this.#hash.update(piece);
    this.#length += piece.length;
  }

  /** Throws ExchangeError where the whole is not what was announced. */
  check(): void {
    if (this.#announced === undefined) return;
    if (this.#announced !== `sha-256=${this.#hash.digest('base64')};length=${this.#length}`) throw damaged();
  }
}

function damaged(): ExchangeError {
  return new ExchangeError(502, 'The body did not arrive as it was sent.');
}

/** Throws ExchangeError where a body is not what its headers announced (C2). */
export function checkDigest(headers: HeaderList, body: Buffer): void {
  const digest = headerOf(headers, DIGEST_HEADER);
  if (digest !== undefined && digest !== digestOf(body)) throw damaged();
}

function bodyOf(element: Element, headers: HeaderList): Buffer {
  const content = element.getChild('data');
  const text = content?.getChild('text');
  const base64 = content?.getChild('base64');
  const other = content?.getChildElements().find((child) => !['text', 'base64'].includes(child.getName()));
  if (other) throw new ExchangeError(501, `A body as <${other.getName().slice(0, 40)}/> is not understood here.`);
  const body = base64 ? Buffer.from(base64.text(), 'base64') : Buffer.from(text?.text() ?? '', 'utf8');
  checkDigest(headers, body);
  return body;
}

function withDigest(headers: HeaderList, body: Buffer): HeaderList {
  return body.length === 0 ? headers : [...headers, [DIGEST_HEADER, digestOf(body)]];
}

export function digestOf(body: Buffer): string {
  return `sha-256=${createHash('sha256').update(body).digest('base64')};length=${body.length}`;
}

/** SHIM headers (XEP-0131). slixmpp's plugin breaks on a name that comes twice, so they are joined for it. */
function shim(headers: HeaderList, dialect: Dialect): Element | undefined {
  const pairs = dialect === 'slixmpp' ? joined(headers) : headers;
  if (pairs.length === 0) return undefined;
  return xml('headers', { xmlns: NS_SHIM }, ...pairs.map(([name, value]) => xml('header', { name }, value)));
}

function joined(headers: HeaderList): HeaderList {
  const byName = new Map<string, string>();
  for (const [name, value] of headers) {
    const before = byName.get(name);
    byName.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return [...byName];
}

function headersOf(element: Element): HeaderList {
  const headers = element.getChild('headers', NS_SHIM)?.getChildren('header') ?? [];
  return headers.slice(0, 256).map((header) => [(header.attrs['name'] ?? '').toLowerCase(), header.text()] as const);
}
