import { describe, expect, it } from '@jest/globals';
import { xml } from '@xmpp/client';
import { fc } from '@switchyard/testing/property';
import {
  type AztmRequest,
  type AztmResponse,
  decodeAztm,
  encodeAztmRequest,
  encodeAztmResponse,
  isTooOld,
  MAX_AGE_S,
} from './aztm-v1.ts';
import type { HttpRequest } from '../wire/http-exchange.ts';
import { rawPayload } from './raw-payload.ts';
import { isXmlText } from '../wire/stanza-text.ts';

const naming = { to: 'lib@x.y', id: 'i1', corr: 'c1', nowMs: 1_731_250_000_500 };
const request = (over: Partial<HttpRequest> = {}): HttpRequest => ({
  method: 'POST',
  resource: '/orders/create?foo=1&bar=2',
  headers: [['content-type', 'application/json']],
  body: Buffer.from('{"sku":"ABC","qty":1}'),
  ...over,
});
const there = (over: Partial<HttpRequest>): AztmRequest => {
  const stanza = encodeAztmRequest(request(over), naming);
  expect(isXmlText(stanza.toString())).toBe(true);
  return decodeAztm(stanza) as AztmRequest;
};
const message = (document: unknown, id = 'i1') =>
  xml('message', { type: 'chat', id }, xml('body', {}, JSON.stringify(document)));

function isDocument(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('a request in a message of urn:aztm:v1', () => {
  it('is the documented envelope', () => {
    const stanza = encodeAztmRequest(request(), naming);
    expect(stanza.attrs).toEqual({ type: 'chat', to: 'lib@x.y', id: 'i1' });
    expect(stanza.getChildText('subject')).toBe('/orders/create');
    expect(JSON.parse(stanza.getChildText('body')!)).toEqual({
      _aztm: {
        ns: 'urn:aztm:v1',
        version: '1.0',
        method: 'POST',
        path: '/orders/create',
        query: 'foo=1&bar=2',
        headers: { 'content-type': 'application/json' },
        corr: 'c1',
        ts: 1_731_250_000,
      },
      payload: { sku: 'ABC', qty: 1 },
    });
  });

  it('gives back method, resource, headers and text as they were, whatever they hold', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const body = Buffer.from(text);
        const decoded = there({ headers: [['content-type', 'text/plain']], body });
        expect(decoded.request).toMatchObject({ method: 'POST', resource: '/orders/create?foo=1&bar=2' });
        expect(decoded.request.body.equals(body)).toBe(true);
      }),
    );
  });

  it('gives back JSON of the same value, but for a string that is a JSON document itself', () => {
    // The envelope does not tell such a string ("0") from the document (0): it is taken as the document.
    const isTold = (value: unknown) => value !== null && !(typeof value === 'string' && isDocument(value));
    fc.assert(
      fc.property(fc.jsonValue().filter(isTold), (value) => {
        const decoded = there({ body: Buffer.from(JSON.stringify(value, null, 2)) });
        expect(JSON.parse(decoded.request.body.toString())).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('writes a JSON body letter for letter, so that no number is rounded', () => {
    const body = Buffer.from('{"n": 12345678901234567890, "s": "\ufffe"}');
    const text = encodeAztmRequest(request({ body }), naming).getChildText('body');
    expect(text).toContain('12345678901234567890');
    expect(text).toContain('\\ufffe');
  });

  it('gives back a JSON body letter for letter, wherever the payload stands in the envelope and however it is written', () => {
    const json = { headers: [['content-type', 'application/json']] as const };
    for (const text of [
      '{"n": 12345678901234567890, "f": 1.0, "d": 1e400}',
      '[ 1,\n 2 ]',
      '"caf\\u00e9"',
      '-0.0',
      ' 7 ',
    ])
      expect(there({ ...json, body: Buffer.from(text) }).request.body.toString()).toBe(text.trim());
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(3), fc.boolean(), fc.boolean(), (value, indent, isFirst, twice) => {
        const payload = JSON.stringify(value, null, indent);
        const control = JSON.stringify({ status: 200, headers: { 'content-type': 'application/json' }, payload: [0] });
        const members = [`"_aztm" : ${control}`, `"p\\u0061yload":${payload}`];
        const written = `{ ${(isFirst ? members.reverse() : members).join(' , ')} }`;
        expect(rawPayload(twice ? written.replace('{', '{"payload": {"a": 1},') : written)).toBe(payload);
      }),
    );
  });

  it.each([
    ['bytes that are no text', Buffer.from([0xff, 0x00]), 415],
    ['more than a message carries', Buffer.from('x'.repeat(200_000)), 413],
    ['what XML makes too large', Buffer.from(JSON.stringify({ x: '<&'.repeat(60_000) })), 413],
    ['what servers make too large for each other', Buffer.from(JSON.stringify(Array(60_000).fill(''))), 413],
  ])('refuses %s', (_name, body, status) => {
    expect(() => encodeAztmRequest(request({ body }), naming)).toThrow(expect.objectContaining({ status }));
  });

  it('joins headers that come twice', () => {
    const headers = [...['a', 'b'].map((value) => ['x-many', value] as const)];
    expect(there({ headers }).request.headers).toEqual([['x-many', 'a, b']]);
  });
});

describe('an answer in a message of urn:aztm:v1', () => {
  it('repeats the id and says by its subject whether the request was performed', () => {
    const response = { status: 201, headers: [], body: Buffer.from('done') };
    const said = encodeAztmResponse(response, { ...naming, subject: '/x' });
    expect([said.attrs['id'], said.getChildText('subject')]).toEqual(['i1', '/x:response']);
    expect(decodeAztm(said)).toMatchObject({ kind: 'response', corr: 'c1', response: { status: 201 } });
    expect(encodeAztmResponse(response, { ...naming, subject: '/x' }, 'no').getChildText('subject')).toBe('/x:error');
  });

  it.each([
    [{ status: 200, headers: { 'Content-Type': 'application/json' } }, { a: 1 }, '{"a":1}'],
    [{ status: 200, headers: { 'Content-Type': 'application/json' } }, 'text', '"text"'],
    [{ status: 200, headers: {} }, 'text', 'text'],
    [{ status: 204 }, null, ''],
  ])('%j with payload %j is the body %s', (control, payload, body) => {
    const said = decodeAztm(message({ _aztm: control, payload })) as AztmResponse;
    expect(said.response.body.toString()).toBe(body);
  });
});

describe('other messages', () => {
  it.each([
    ['no JSON', xml('message', {}, xml('body', {}, 'hello "_aztm"'))],
    ['JSON of somebody else', message({ a: 1 })],
    ['no body', xml('message', {})],
  ])('%s is none of ours', (_name, stanza) => expect(decodeAztm(stanza)).toBeUndefined());

  it('nested as deep as a message is long are read like any other', () => {
    const deep = `${'['.repeat(90_000)}${']'.repeat(90_000)}`;
    const of = (control: string, payload: string) =>
      decodeAztm(xml('message', { id: 'i' }, xml('body', {}, `{"_aztm":${control},"payload":${payload}}`)));
    expect((of('{"method":"GET","path":"/","corr":"c"}', deep) as AztmRequest).request.body.toString()).toBe(deep);
    expect(of(deep, '1')).toMatchObject({ kind: 'damaged' });
    expect(of(`{"method":"GET","path":"/","corr":"c","headers":{"a":${deep}}}`, '1')).toMatchObject({
      kind: 'damaged',
    });
  });

  it('an envelope without what it must have is damaged', () => {
    expect(decodeAztm(message({ _aztm: { method: 'GET' } }))).toMatchObject({ kind: 'damaged', id: 'i1' });
    expect(decodeAztm(message({ _aztm: { method: 'GET', path: '/', corr: 'c' } }, ''))).toMatchObject({
      kind: 'damaged',
    });
  });
});

describe('a body that is not as long as its headers say', () => {
  const heard = (type: string, length: string, payload: unknown) =>
    decodeAztm(
      message({ _aztm: { status: 200, headers: { 'Content-Type': type, 'Content-Length': length } }, payload }),
    ) as AztmResponse;

  it.each([
    ['application/octet-stream', '300', 'x'.repeat(172), false],
    ['application/octet-stream', '3', null, false],
    ['text/plain', '4', 'שם', true],
    ['text/plain', '2', 'שם', false],
    ['application/json', '14', { a: 1 }, true],
    ['text/plain', 'none', 'a', true],
  ])('is damaged: %s of %s', (type, length, payload, whole) => {
    expect(heard(type, length, payload).whole).toBe(whole);
  });
});

describe('isTooOld', () => {
  const now = 1_731_250_000_000;
  it('lets clocks differ by ten minutes, and no more than its limit', () => {
    for (const skew of [-600, 0, 600]) expect(isTooOld({ ts: now / 1_000 + skew, delayed: false }, now)).toBe(false);
    expect(isTooOld({ ts: now / 1_000 - MAX_AGE_S - 1, delayed: false }, now)).toBe(true);
    expect(isTooOld({ ts: undefined, delayed: true }, now)).toBe(true);
  });
});
