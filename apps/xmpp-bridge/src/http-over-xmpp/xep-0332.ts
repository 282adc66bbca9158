import { isUtf8 } from 'node:buffer';
import { createHash, hash } from 'node:crypto';
import { type Element, xml } from '@xmpp/client';
import {
  DIGEST_HEADER,
  ExchangeError,
  type HeaderList,
  headerOf,
  type HttpRequest,
  type HttpResponse,
  isXmlText,
} from '../wire/index.ts';
import { decodeText, encodeText } from './http-text.ts';

/*
 * HTTP over XMPP in IQs (XEP-0332 0.5.1), in three dialects: the standard; that of slixmpp's plugin, which names its
 * elements <request/> and <response/> and knows text bodies only; and that of our own bridges (http-text.ts). Pure.
 *
 * - A body travels as text only if XML returns exactly the same bytes; otherwise in base64.
 * - Length and SHA-256 travel with each non-empty body. A body that does not match them is refused.
 * - A body larger than INLINE_LIMIT does not go into one stanza: servers end the whole stream at about 256 KB.
 */

export const NS_HTTP = 'urn:xmpp:http';
export const NS_SHIM = 'http://jabber.org/protocol/shim';

export type Dialect = 'text' | 'standard' | 'slixmpp';
type InElements = Exclude<Dialect, 'text'>;
const ELEMENTS: Readonly<Record<InElements, { request: string; response: string }>> = {
  standard: { request: 'req', response: 'resp' },
  slixmpp: { request: 'request', response: 'response' },
};
const IN_ELEMENTS = ['standard', 'slixmpp'] as const;

/** The most characters of a body within a stanza. */
export const INLINE_LIMIT = 65_536;

/** Encodes the request with its body; undefined if that does not fit into `most` characters of one stanza. */
export function encodeRequest(request: HttpRequest, dialect: Dialect, most = INLINE_LIMIT): Element | undefined {
  const { method, resource, body } = request;
  const inline = inlineOf(body, dialect, most);
  if (!inline) return undefined;
  const headers = withDigest(request.headers, body);
  const inText =
    dialect === 'text' && inline.text !== undefined
      ? encodeText({ start: `${method} ${resource}`, headers, body: inline.text })
      : undefined;
  return inText ?? requestElement(request, headers, inElements(dialect), data(body, inline));
}

/** Announces the request; its body follows in messages, as the stream `chunks`. */
export function announceRequest(request: HttpRequest, chunks: string): Element {
  const follows = xml('data', {}, xml('chunkedBase64', { streamId: chunks }));
  return requestElement(request, withDigest(request.headers, request.body), 'standard', follows);
}

function requestElement(
  { method, resource }: HttpRequest,
  headers: HeaderList,
  dialect: InElements,
  content: Element | undefined,
): Element {
  const attributes = { xmlns: NS_HTTP, method, resource, version: '1.1', maxChunkSize: '65536' };
  return xml(ELEMENTS[dialect].request, attributes, shim(headers, dialect), content);
}

/** Encodes the response with its body; undefined if that does not fit into `most` characters of one stanza. */
export function encodeResponse(response: HttpResponse, dialect: Dialect, most = INLINE_LIMIT): Element | undefined {
  const { status, body } = response;
  const inline = inlineOf(body, dialect, most);
  if (!inline) return undefined;
  const headers = withDigest(response.headers, body);
  const inText =
    dialect === 'text' && inline.text !== undefined
      ? encodeText({ start: String(status), headers, body: inline.text })
      : undefined;
  return inText ?? responseElement(status, headers, inElements(dialect), data(body, inline));
}

/** Announces the response; its body follows as the in-band bytestream `sid`. */
export function announceResponse({ status, headers }: HttpResponse, sid: string): Element {
  return responseElement(status, headers, 'standard', xml('data', {}, xml('ibb', { sid })));
}

function responseElement(
  status: number,
  headers: HeaderList,
  dialect: InElements,
  content: Element | undefined,
): Element {
  const attributes = { xmlns: NS_HTTP, version: '1.1', statusCode: String(status) };
  return xml(ELEMENTS[dialect].response, attributes, shim(headers, dialect), content);
}

/** Falls back to the elements of the standard for a message that the one-element form cannot carry. */
function inElements(dialect: Dialect): InElements {
  return dialect === 'text' ? 'standard' : dialect;
}

export interface DecodedRequest {
  readonly request: HttpRequest;
  readonly dialect: Dialect;
  /** The body follows in messages, as the stream of this name. */
  readonly chunks?: string;
}

/** Decodes the request in an IQ, and its dialect; undefined if the IQ holds none. Throws ExchangeError. */
export function decodeRequest(iq: Element): DecodedRequest | undefined {
  const said = decodeText(iq);
  if (said) {
    const [method = '', resource = ''] = said.start.split(' ', 2);
    const request = { method: method.toUpperCase(), resource, headers: said.headers, body: checkedBody(said) };
    return { dialect: 'text', request };
  }
  for (const dialect of IN_ELEMENTS) {
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

/** Decodes the response in the answer of an IQ. Throws ExchangeError 502 if there is none. */
export function decodeResponse(iq: Element): HttpResponse & { readonly sid?: string; readonly chunks?: string } {
  const said = decodeText(iq);
  if (said) return { status: statusOf(said.start), headers: said.headers, body: checkedBody(said) };
  for (const dialect of IN_ELEMENTS) {
    const element = iq.getChild(ELEMENTS[dialect].response, NS_HTTP);
    if (!element) continue;
    const status = statusOf(element.attrs['statusCode']);
    const headers = headersOf(element);
    const sid = element.getChild('data')?.getChild('ibb')?.attrs['sid'];
    if (sid !== undefined) return { status, headers, body: Buffer.alloc(0), sid };
    const chunks = chunksOf(element);
    if (chunks !== undefined) return { status, headers, body: Buffer.alloc(0), chunks };
    return { status, headers, body: bodyOf(element, headers) };
  }
  throw new ExchangeError(502, 'The agent answered with what is no HTTP response.');
}

function statusOf(text: string | undefined): number {
  const status = Number(text);
  if (!Number.isInteger(status) || status < 200 || status > 599)
    throw new ExchangeError(502, 'The agent answered without a status.');
  return status;
}

function checkedBody({ headers, body: text }: { headers: HeaderList; body: string }): Buffer {
  const body = Buffer.from(text, 'utf8');
  checkDigest(headers, body);
  return body;
}

/** How a body travels within a stanza. */
interface Inline {
  /** Undefined: in base64. */
  readonly text: string | undefined;
}

/** Undefined if the body is larger than `most` characters, or this dialect cannot write it. */
function inlineOf(body: Buffer, dialect: Dialect, most: number): Inline | undefined {
  if (body.length > most) return undefined;
  const text = asText(body);
  if (text !== undefined)
    return body.length * LONGEST_ESCAPE <= most || escapedBytes(text) <= most ? { text } : undefined;
  return dialect !== 'slixmpp' && base64Chars(body) <= most ? { text } : undefined;
}

/** The number of characters that this body takes within a stanza of the standard. */
export function inlineChars(body: Buffer): number {
  const text = asText(body);
  return text === undefined ? base64Chars(body) : escapedBytes(text);
}

function base64Chars(body: Buffer): number {
  return Math.ceil(body.length / 3) * 4;
}

function data(body: Buffer, { text }: Inline): Element | undefined {
  if (body.length === 0) return undefined;
  return xml('data', {}, text === undefined ? xml('base64', {}, body.toString('base64')) : xml('text', {}, text));
}

/** The length of `&quot;` and `&apos;`. */
const LONGEST_ESCAPE = 6;

/** The number of bytes after XML escaping. */
function escapedBytes(text: string): number {
  return Buffer.byteLength(text) + (LONGEST_ESCAPE - 1) * (text.match(/[&<>"']/g)?.length ?? 0);
}

/** The text of these bytes if XML carries it unchanged (XML §2.11 turns CR into LF). */
function asText(body: Buffer): string | undefined {
  if (!isUtf8(body)) return undefined;
  const text = body.toString('utf8');
  return text.includes('\r') || !isXmlText(text) || text.trim() !== text ? undefined : text;
}

function chunksOf(element: Element): string | undefined {
  return element.getChild('data')?.getChild('chunkedBase64')?.attrs['streamId'];
}

/** The announced length of a body that follows; undefined if none was announced. */
export function announcedLength(headers: HeaderList): number | undefined {
  const length = /;length=(\d{1,12})$/.exec(headerOf(headers, DIGEST_HEADER) ?? '')?.[1];
  return length === undefined ? undefined : Number(length);
}

/** Checks a body in pieces against its headers: a bridge announces a digest, another peer the length. */
export class DigestOfStream {
  readonly #hash = createHash('sha256');
  readonly #announced: string | undefined;
  readonly #announcedLength: string | undefined;
  #length = 0;

  constructor(headers: HeaderList) {
    this.#announced = headerOf(headers, DIGEST_HEADER);
    this.#announcedLength = headerOf(headers, 'content-length');
  }

  take(piece: Uint8Array): void {
    if (this.#announced !== undefined) this.#hash.update(piece);
    this.#length += piece.length;
  }

  /** Throws ExchangeError if the whole body differs from its announcement. */
  check(): void {
    if (this.#announced === undefined) {
      if (/^\d{1,15}$/.test(this.#announcedLength ?? '') && Number(this.#announcedLength) !== this.#length)
        throw damaged();
      return;
    }
    if (this.#announced !== `sha-256=${this.#hash.digest('base64')};length=${this.#length}`) throw damaged();
  }
}

function damaged(): ExchangeError {
  return new ExchangeError(502, 'The body did not arrive as it was sent.');
}

/** Throws ExchangeError if a body differs from what its headers announced. */
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
  return `sha-256=${hash('sha256', body, 'base64')};length=${body.length}`;
}

/** Writes SHIM headers (XEP-0131). slixmpp's plugin breaks on a repeated name, so they are joined for it. */
function shim(headers: HeaderList, dialect: InElements): Element | undefined {
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
