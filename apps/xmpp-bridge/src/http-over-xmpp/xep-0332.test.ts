import { describe, expect, it } from '@jest/globals';
import { type Element, xml } from '@xmpp/client';
import { fc } from '@switchyard/testing/property';
import { carriedHeaders, checkRequest, ExchangeError, headerOf, timeLeft } from '../wire/http-exchange.ts';
import {
  type Dialect,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  INLINE_LIMIT,
} from './xep-0332.ts';
import { XmlStream } from '../wire/xml-stream.ts';

/** As the other side's parser gives it. */
function overTheWire(payload: Element): Element {
  let came: Element | undefined;
  const stream = new XmlStream({
    onHeader: () => undefined,
    onElement: (element) => (came = element),
    onSkipped: () => undefined,
    onEnd: () => undefined,
    onInvalid: (why) => {
      throw new Error(why);
    },
  });
  stream.write(
    `<stream:stream xmlns='jabber:client' xmlns:stream='s'>${xml('iq', { type: 'set', id: '1' }, payload).toString()}`,
  );
  return came!;
}
const bodies = fc.oneof(
  fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
  fc.string({ unit: 'binary', maxLength: 400 }).map((text) => Buffer.from(text, 'utf8')),
  fc.constantFrom('שלום 😀', 'a\r\nb', ' padded ', '\u0000', '<&">]]>', '', '\n').map((text) => Buffer.from(text)),
);
const headers = fc.array(
  fc.tuple(
    fc.constantFrom('content-type', 'x-a', 'x-b'),
    fc.stringMatching(/^[ -~]{0,40}$/).map((text) => text.trim()),
  ),
  { maxLength: 5 },
);

describe('an exchange over an IQ', () => {
  it.each<Dialect>(['standard', 'text'])('arrives byte for byte as %s, whatever the body', (dialect) => {
    fc.assert(
      fc.property(bodies, headers, (body, given) => {
        const request = { method: 'POST', resource: '/a?b=c', headers: given, body };
        const came = decodeRequest(overTheWire(encodeRequest(request, dialect)!))!;
        expect(came.request).toMatchObject({ method: 'POST', resource: '/a?b=c' });
        expect(came.request.body.equals(body)).toBe(true);
        expect(carriedHeaders(came.request.headers)).toEqual(given);
        const sent = encodeResponse({ status: 201, headers: given, body }, came.dialect)!;
        const response = decodeResponse(overTheWire(sent));
        expect(response.status).toBe(201);
        expect(response.body.equals(body)).toBe(true);
        expect(carriedHeaders(response.headers)).toEqual(given);
      }),
    );
  });

  it('is one element as text, and those of the standard where its body is none', () => {
    const request = { method: 'POST', resource: '/', headers: [['x-a', '']] as const, body: Buffer.from('{"a":1}') };
    const text = encodeRequest(request, 'text')!;
    expect(text.getChildElements()).toHaveLength(0);
    expect(decodeRequest(overTheWire(text))!.dialect).toBe('text');
    const binary = encodeRequest({ ...request, body: Buffer.from([0xff]) }, 'text')!;
    expect(decodeRequest(overTheWire(binary))!.dialect).toBe('standard');
    const split = encodeRequest({ ...request, headers: [['x-a', '1\nx-b:2']] }, 'text')!;
    expect(decodeRequest(overTheWire(split))!.dialect).toBe('standard');
  });

  it('speaks the dialect that it was asked in, as far as that can carry a body', () => {
    const request = {
      method: 'GET',
      resource: '/',
      headers: [
        ['x-a', '1'],
        ['x-a', '2'],
      ] as const,
      body: Buffer.from('hi'),
    };
    const came = decodeRequest(overTheWire(encodeRequest(request, 'slixmpp')!))!;
    expect(came.dialect).toBe('slixmpp');
    expect(headerOf(came.request.headers, 'x-a')).toBe('1, 2');
    expect(encodeRequest({ ...request, body: Buffer.from([0xff]) }, 'slixmpp')).toBeUndefined();
  });

  it.each<[Dialect, Buffer, boolean]>([
    ['standard', Buffer.from('x'.repeat(INLINE_LIMIT)), true],
    ['standard', Buffer.from('x'.repeat(INLINE_LIMIT + 1)), false],
    ['standard', Buffer.alloc(INLINE_LIMIT * 0.75), true],
    ['standard', Buffer.alloc(INLINE_LIMIT), false],
    ['standard', Buffer.from('"'.repeat(INLINE_LIMIT / 6)), true],
    ['standard', Buffer.from('"'.repeat(INLINE_LIMIT / 6 + 1)), false],
    ['text', Buffer.from('x'.repeat(INLINE_LIMIT + 1)), false],
    ['text', Buffer.alloc(INLINE_LIMIT), false],
    ['slixmpp', Buffer.from([0]), false],
  ])('knows what one stanza of %s can carry', (dialect, body, fits) => {
    expect(encodeResponse({ status: 200, headers: [], body }, dialect) !== undefined).toBe(fits);
  });

  it.each<Dialect>(['standard', 'text'])('refuses a body that was changed on the way, as %s', (dialect) => {
    const sent = overTheWire(encodeResponse({ status: 200, headers: [], body: Buffer.from('true') }, dialect)!);
    const text = sent.toString().replace('true', 'fals');
    expect(() => decodeResponse(reparse(text))).toThrow('as it was sent');
  });

  it.each([
    [xml('resp', { xmlns: 'urn:xmpp:http' })],
    [xml('resp', { xmlns: 'urn:xmpp:http', statusCode: '99' })],
    [xml('http', { xmlns: 'urn:switchyard:http:1' }, 'x-a:1')],
    [xml('other')],
    [xml('resp', { xmlns: 'urn:xmpp:http', statusCode: '200' }, xml('data', {}, xml('sipub')))],
  ])('refuses an answer that is none', (payload) => {
    expect(() => decodeResponse(overTheWire(payload))).toThrow(ExchangeError);
  });
});

function reparse(text: string): Element {
  let came: Element | undefined;
  const stream = new XmlStream({
    onHeader: () => undefined,
    onElement: (element) => (came = element),
    onSkipped: () => undefined,
    onEnd: () => undefined,
    onInvalid: () => undefined,
  });
  stream.write(`<stream:stream xmlns='jabber:client' xmlns:stream='s'>${text}`);
  return came!;
}

describe('headers', () => {
  it('of one hop, and those that say who called, do not travel', () => {
    const given = [
      ['Host', 'h'],
      ['Connection', 'x'],
      ['X-AZTM-From-JID', 'eve@x'],
      ['X-Bridge-Hop', '0'],
      ['X-A', '1'],
    ] as const;
    expect(carriedHeaders(given)).toEqual([['x-a', '1']]);
  });

  it.each([
    ['x-a', 'a\r\nb: c'],
    ['x a', 'b'],
    ['', 'b'],
    ['x-a', '\u0000'],
    ['x-a', 'x'.repeat(20_000)],
  ])('that could break a line are refused: %j', (name, value) => {
    expect(() => carriedHeaders([[name, value]])).toThrow(ExchangeError);
  });

  it('say how long a request may take, the relative time first', () => {
    expect(
      timeLeft(
        [
          ['x-request-timeout-ms', '500'],
          ['x-request-deadline', '1'],
        ],
        1_000,
      ),
    ).toBe(500);
    expect(timeLeft([['x-request-deadline', '1500']], 1_000)).toBe(500);
    expect(timeLeft([], 1_000)).toBeUndefined();
  });

  it.each([
    ['TRACE', '/'],
    ['GET', 'http://x/'],
    ['GET', '/a b'],
    ['GET', '/a#b'],
    ['GET', ''],
  ])('go with a request that HTTP could carry; %s %s is none', (method, resource) => {
    expect(() => checkRequest({ method, resource })).toThrow(ExchangeError);
  });
});
