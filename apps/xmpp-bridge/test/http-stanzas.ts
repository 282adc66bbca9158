import { type Element, xml } from '@xmpp/client';
import { NS_HTTP } from '../src/http-over-xmpp/xep-0332.ts';
import type { RawPeer } from './raw-peer.ts';

/* What a peer says over XEP-0332, stanza by stanza. */

export const DISCO = 'http://jabber.org/protocol/disco#info';
export const SHIM = 'http://jabber.org/protocol/shim';

export const base64 = (body: string): string => Buffer.from(body).toString('base64');

export const features = (...vars: string[]): Element =>
  xml('query', { xmlns: DISCO }, ...vars.map((each) => xml('feature', { var: each })));
export const resp = (status: number, text = '', headers: Record<string, string> = {}): Element =>
  xml(
    'resp',
    { xmlns: NS_HTTP, version: '1.1', statusCode: String(status) },
    xml('headers', { xmlns: SHIM }, ...Object.entries(headers).map(([name, value]) => xml('header', { name }, value))),
    xml('data', {}, xml('text', {}, text)),
  );
export const req = (headers: Record<string, string> = {}, resource = '/a2a', text = 'hi'): Element =>
  xml(
    'req',
    { xmlns: NS_HTTP, method: 'POST', resource, version: '1.1' },
    xml('headers', { xmlns: SHIM }, ...Object.entries(headers).map(([name, value]) => xml('header', { name }, value))),
    xml('data', {}, xml('text', {}, text)),
  );
/** The headers of a peer whose clock is off by this much. */
export const clock = (offMs: number) => ({
  'x-request-deadline': String(Date.now() + 60_000 + offMs),
  'x-request-timeout-ms': '60000',
});
/** Says that it takes HTTP, and answers each request as `then` says. */
export const standard =
  (then: (iq: Element) => Element | undefined | Promise<Element | undefined>): RawPeer['onQuestion'] =>
  (iq) =>
    iq.getChild('query', DISCO) ? features(NS_HTTP) : then(iq);
export const statusOf = (answer: Element): string | undefined => answer.getChild('resp', NS_HTTP)?.attrs['statusCode'];
