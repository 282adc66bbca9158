import { describe, expect, it, jest } from '@jest/globals';
import { createLogger, createMetrics } from '@switchyard/platform';
import { xml } from '@xmpp/client';
import { IncomingChunks } from '../http-over-xmpp/chunks.ts';
import { Exchanges } from '../http-over-xmpp/exchanges.ts';
import { Inbound, type InboundParts, type Incoming } from './inbound.ts';
import { InboundIq } from './iq.ts';
import { PeerRule } from '../peers/peer-policy.ts';
import { Replay } from './replay.ts';
import { StanzaCap } from '../http-over-xmpp/stanza-cap.ts';
import { announceRequest, decodeResponse, NS_HTTP } from '../http-over-xmpp/xep-0332.ts';

const rule = PeerRule.parse({ paths: ['/*'], perMinute: 3 });
const log = createLogger({ app: 'xmpp-bridge', level: 'silent' });
const bus = { publishSystem: () => Promise.resolve() };
const inbound = (over: Partial<InboundParts> = {}) =>
  new Inbound({
    systemEvents: { publish: () => undefined },
    log,
    policy: () => ({ 'bob@x.test': rule }),
    isContact: () => false,
    replay: new Replay(),
    exchanges: new Exchanges({ bus, log, metrics: createMetrics('xmpp-bridge'), own: 'ada@x.test' }),
    askGateway: ({ request }) => Promise.resolve({ response: { status: 200, headers: [], body: request.body } }),
    onOutcome: () => undefined,
    ...over,
  });
let count = 0;
const asked = (over: Partial<Incoming> = {}): Incoming => ({
  from: 'bob@x.test/r',
  stanzaId: `s${(count += 1)}`,
  request: { method: 'POST', resource: '/', headers: [], body: Buffer.alloc(0) },
  delayed: false,
  ...over,
});

describe('requests of peers', () => {
  it('wait for a body that follows only within the rate of their peer', async () => {
    const bridge = inbound();
    const take = jest.fn(() => Promise.resolve(Buffer.from('body')));
    const statuses = [];
    for (let n = 0; n < 5; n += 1)
      statuses.push((await bridge.serve(asked({ follows: { bytes: 4, take } }), rule)).response.status);
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    expect(take).toHaveBeenCalledTimes(3);
  });

  it('are told the body that followed, and what was wrong with one that did not', async () => {
    const bridge = inbound();
    const whole = await bridge.serve(
      asked({ follows: { bytes: 4, take: () => Promise.resolve(Buffer.from('body')) } }),
      rule,
    );
    expect(whole.response.body.toString()).toBe('body');
    const broken = asked({ follows: { bytes: 4, take: () => Promise.reject(new Error('a defect')) } });
    expect((await bridge.serve(broken, rule)).response.status).toBe(500);
  });

  it('that have no key end with the session that asked, while their body follows and while they are performed', async () => {
    let began: () => void = () => undefined;
    const begins = new Promise<void>((resolve) => (began = resolve));
    const untilAborted = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('left')), { once: true });
        began();
      });
    const bridge = inbound({ askGateway: ({ signal }) => untilAborted(signal) });
    const [performed, followed] = [asked(), asked({ follows: { bytes: 1, take: untilAborted } })];
    const other = asked({ from: 'bob@x.test/other' });
    const keyed = asked({ request: { ...performed.request, headers: [['idempotency-key', 'k']] } });
    const ended: string[] = [];
    for (const [name, each] of Object.entries({ performed, followed, other, keyed }))
      void bridge.serve(each, { ...rule, perMinute: 100 }).then(() => ended.push(name));
    await begins;
    await new Promise((resolve) => setTimeout(resolve, 20));
    bridge.onLeft('bob@x.test/r');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(ended.sort()).toEqual(['followed', 'performed']);
    bridge.cancelAll();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(ended.sort()).toEqual(['followed', 'other', 'performed']);
  });
});

describe('requests of peers in IQs', () => {
  it('are given a body whose chunks came in the same packet', async () => {
    const chunks = new IncomingChunks();
    const parts = {
      inbound: inbound(),
      chunks,
      session: () => null,
      bodyLimit: 1_000,
      cap: new StanzaCap(65_536),
      log,
    };
    const body = Buffer.from('in two chunks');
    const request = { method: 'POST', resource: '/', headers: [], body };
    const from = 'bob@x.test/r';
    const answered = new InboundIq(parts).onQuestion(
      xml('iq', { type: 'set', id: 'i', from }, announceRequest(request, 'c')),
    );
    for (const [nr, piece] of [body.subarray(0, 4), body.subarray(4)].entries()) {
      const last = nr === 1 ? { last: 'true' } : {};
      const attributes = { xmlns: NS_HTTP, streamId: 'c', nr: String(nr), ...last };
      chunks.onMessage(xml('message', { from }, xml('chunk', attributes, piece.toString('base64'))));
    }
    const response = decodeResponse(xml('iq', { type: 'result' }, await answered));
    expect([response.status, response.body.toString()]).toEqual([200, 'in two chunks']);
  });
});
