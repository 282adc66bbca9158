import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Element, xml } from '@xmpp/client';
import { xmppRequest } from '@switchyard/contracts';
import { until } from '@switchyard/testing';
import { NS_CANCEL } from '../src/wire/http-exchange.ts';
import { NS_TEXT } from '../src/http-over-xmpp/http-text.ts';
import { NS_IBB } from '../src/http-over-xmpp/ibb.ts';
import { digestOf, NS_HTTP } from '../src/http-over-xmpp/xep-0332.ts';
import { base64, clock, DISCO, features, req, resp, SHIM, standard, statusOf } from './http-stanzas.ts';
import { echo } from './organisation.ts';
import { BOB, failureOf, TwoBridges } from './two-bridges.ts';

/**
 * What a request and its answer may meet between two bridges that stand. The numbers are those of the list of faults in
 * docs/xmpp-faults.md; what breaks the connections is in connection-faults.int.test.ts, the login in
 * login-faults.int.test.ts.
 */

let world: TwoBridges;

beforeAll(async () => {
  world = await TwoBridges.start();
});
beforeEach(() => world.ready());
afterEach(() => world.closePeers());
afterAll(() => world?.stop());

describe('bodies', () => {
  const kinds: [string, (bytes: number) => Buffer][] = [
    ['Hebrew', (n) => Buffer.from('שלום עולם '.repeat(n / 8)).subarray(0, n)],
    ['emoji', (n) => Buffer.from('😀👩‍👩‍👧 '.repeat(n / 8)).subarray(0, n)],
    ['CRLF', (n) => Buffer.from('a\r\nb\n\rc '.repeat(n / 6)).subarray(0, n)],
    ['control characters', (n) => Buffer.from('\u0000\u0001\u000b\u007f\ufffe&<>"'.repeat(n / 8)).subarray(0, n)],
    ['random bytes', (n) => randomBytes(n)],
  ];

  it('15, 16: 100 of 100 of 26 to 234 KB arrive identical, there and back, whatever they hold', async () => {
    const fetch = world.fetchOver();
    const bodies = Array.from({ length: 20 }, (_, n) => 26_000 + n * 10_947).flatMap((size) =>
      kinds.map(([, make]) => make(size)),
    );
    const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
    // One half goes there, the other comes back.
    const waiting = [...bodies.entries()];
    world.bob.answer = (request, handling) => {
      if (request.method === 'GET')
        return echo({ ...request, body: bodies[Number(request.resource.split('=')[1])]!.toString('base64') }, handling);
      return { status: 200, headers: [], body: base64(digest(Buffer.from(request.body, 'base64'))) };
    };
    let identical = 0;
    const next = async (): Promise<void> => {
      for (let entry = waiting.pop(); entry; entry = waiting.pop()) {
        const [n, body] = entry;
        const options = n % 2 === 0 ? { method: 'POST', body: new Uint8Array(body) } : { method: 'GET' };
        const response = await fetch(`https://bob.example/a2a?n=${n}`, options);
        const got = Buffer.from(await response.arrayBuffer());
        if (n % 2 === 0 ? got.toString() === digest(body) : got.equals(body)) identical += 1;
      }
    };
    await Promise.all([next(), next(), next()]);
    expect([bodies.length, identical]).toEqual([100, 100]);
  });

  it('9: of 3 MB goes by itself in pieces; over the limit it is refused before a byte is sent', async () => {
    const body = randomBytes(3 * 1_024 ** 2);
    const response = await world.fetchOver()('https://bob.example/a2a', { method: 'POST', body: new Uint8Array(body) });
    expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
    const served = world.bob.served.length;
    const tooLarge = world.fetchOver()('https://bob.example/a2a', {
      method: 'POST',
      body: new Uint8Array(6 * 1_024 ** 2),
    });
    await expect(tooLarge).rejects.toMatchObject({ code: 'payload_too_large' });
    expect(world.bob.served).toHaveLength(served);
    expect(await world.call({ body: base64('up') })).toMatchObject({ status: 200 });
  });
});

describe('an answer that is nested too deep to be read', () => {
  it('14: ends the call at once, with its cause, and no other', async () => {
    const nested = (depth: number): Element => (depth === 0 ? resp(200) : xml('a', {}, nested(depth - 1)));
    const raw = await world.raw();
    raw.onQuestion = standard(() => nested(100));
    const [deep, other] = await Promise.all([failureOf(world.call({ host: 'raw.example' }, 20_000)), world.call()]);
    expect(deep).toMatchObject({ code: 'upstream_failed', message: expect.stringMatching(/nested too deep/) });
    expect(other).toMatchObject({ status: 200 });
  });
});

describe('between bridges', () => {
  it('an HTTP message is the text of one element, both ways, where the other one says that it takes that', async () => {
    const peer = await world.raw('eve', 'ours');
    peer.onQuestion = (iq) =>
      iq.getChild('query', DISCO)
        ? features(NS_HTTP, NS_TEXT)
        : xml('http', { xmlns: NS_TEXT }, '201\nx-a:1\n\n<back & forth>');
    const answer = await world.call({ host: 'ours.example', headers: [['x-b', '2']], body: base64('{"a":"<b>"}') });
    expect(answer).toMatchObject({ status: 201, headers: [['x-a', '1']], body: base64('<back & forth>') });
    const asked = peer.questions.at(-1)!.getChild('http', NS_TEXT)!.text();
    expect(asked).toMatch(/^POST \/a2a\nx-b:2\nx-request-timeout-ms:\d+\nx-bridge-digest:.*\n\n\{"a":"<b>"\}$/);

    const one = await world.raw();
    const question = xml('http', { xmlns: NS_TEXT }, 'POST /a2a\nx-aztm-from-jid:eve@x\ncontent-type:a/b\n\nhi');
    const said = (await one.session.ask('set', question, { to: BOB, timeoutMs: 20_000 })).getChild('http', NS_TEXT)!;
    expect(said.text()).toMatch(/^200\ncontent-type:a\/b\nx-bridge-digest:.*\n\nhi$/);
    expect(world.bob.served[0]!.headers).toContainEqual(['x-aztm-from-jid', 'raw@xmpp.test/r']);
    expect(JSON.stringify(world.bob.served[0])).not.toContain('eve@x');
    const changed = xml('http', { xmlns: NS_TEXT }, 'POST /a2a\nx-bridge-digest:sha-256=other;length=2\n\nhi');
    const refused = one.session.ask('set', changed, { to: BOB, timeoutMs: 20_000 });
    await expect(refused).rejects.toMatchObject({ condition: 'bad-request' });
    expect(world.bob.served).toHaveLength(1);
  });
});

describe('answers', () => {
  it('5, 7: one that is late, and a second one, are counted and change nothing', async () => {
    const peer = await world.raw();
    const ids: string[] = [];
    peer.onQuestion = standard((iq) => {
      ids.push(iq.attrs['id']!);
      return ids.length === 1 ? undefined : resp(200, String(ids.length));
    });
    const enough = new AbortController();
    const given = failureOf(
      world.ada.out.request(
        xmppRequest,
        { host: 'raw.example', method: 'GET', resource: '/a2a' },
        { signal: enough.signal },
      ),
    );
    await until(() => ids.length === 1, 20_000);
    enough.abort();
    expect(await given).toMatchObject({ code: 'cancelled' });
    const late = await world.dropped('late');
    peer.send(xml('iq', { type: 'result', id: ids[0], to: peer.questions[0]!.attrs['from'] }, resp(200, 'late')));
    await until(async () => (await world.dropped('late')) > late, 20_000);
    const answered = await world.call({ host: 'raw.example' });
    expect(Buffer.from(answered.body, 'base64').toString()).toBe('2');
    const before = await world.dropped('duplicate');
    peer.send(xml('iq', { type: 'result', id: ids[1], to: peer.questions[0]!.attrs['from'] }, resp(500, 'second')));
    await until(async () => (await world.dropped('duplicate')) > before, 20_000);
  });

  it('8: a forged one, with the right id from somebody else, is ignored; the request goes on', async () => {
    const [peer, eve] = [await world.raw(), await world.raw('eve')];
    const before = await world.dropped('spoofed');
    peer.onQuestion = standard(async (iq) => {
      eve.send(xml('iq', { type: 'result', id: iq.attrs['id'], to: iq.attrs['from'] }, resp(200, 'forged')));
      await until(async () => (await world.dropped('spoofed')) > before, 20_000);
      return resp(200, 'true');
    });
    const answered = await world.call({ host: 'raw.example' });
    expect(Buffer.from(answered.body, 'base64').toString()).toBe('true');
  });

  it.each([
    ['x-bridge-digest', digestOf(Buffer.from('0123456789'))],
    ['content-length', '10'],
  ])('25: a stream that ends before its %s is an error, never a short body', async (name, value) => {
    const peer = await world.raw();
    peer.onQuestion = standard(({ attrs: { from: to } }) => {
      const block = (seq: number, text: string) =>
        xml('data', { xmlns: NS_IBB, sid: 's', seq: String(seq) }, base64(text));
      setImmediate(() => {
        const say = (payload: Element) => peer.session.ask('set', payload, { to: to!, timeoutMs: 20_000 });
        void say(xml('open', { xmlns: NS_IBB, sid: 's', 'block-size': '4096', stanza: 'iq' }))
          .then(() => say(block(0, '01234')))
          .then(() => say(xml('close', { xmlns: NS_IBB, sid: 's' }))) // as if that were all
          .catch(() => undefined);
      });
      const announced = xml('header', { name }, value);
      return xml(
        'resp',
        { xmlns: NS_HTTP, version: '1.1', statusCode: '200' },
        xml('headers', { xmlns: SHIM }, announced),
        xml('data', {}, xml('ibb', { sid: 's' })),
      );
    });
    const response = await world.fetchOver()('https://raw.example/a2a');
    await expect(response.text()).rejects.toMatchObject({ code: 'upstream_failed' });
  });

  it('25: a stream whose sender goes away in the middle ends at once, and not at the deadline', async () => {
    const peer = await world.raw();
    peer.onQuestion = standard(({ attrs: { from: to } }) => {
      peer.send(xml('presence', { to })); // the server tells when it leaves
      setImmediate(() => {
        const open = xml('open', { xmlns: NS_IBB, sid: 'gone', 'block-size': '4096', stanza: 'iq' });
        peer.session.ask('set', open, { to: to!, timeoutMs: 20_000 }).catch(() => undefined);
      });
      const attributes = { xmlns: NS_HTTP, version: '1.1', statusCode: '200' };
      return xml('resp', attributes, xml('data', {}, xml('ibb', { sid: 'gone' })));
    });
    const response = await world.fetchOver()('https://raw.example/a2a', { timeoutMs: 60_000 } as RequestInit);
    const read = failureOf(response.text());
    peer.session.close();
    expect(await read).toMatchObject({ code: 'upstream_failed' });
  }, 30_000);
});

describe('peers', () => {
  it('3: one that is offline is said to be at once, again and again, without a storm', async () => {
    const began = performance.now();
    for (let n = 0; n < 8; n += 1)
      expect(await failureOf(world.call({ host: 'gone.example' }))).toMatchObject({ code: 'agent_unreachable' });
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it('4: one that is dead behind a live session is a deadline, and after two of them is told apart', async () => {
    const peer = await world.raw();
    let dead = false;
    peer.onQuestion = (iq) => (!dead && iq.getChild('query', DISCO) ? features(NS_HTTP) : undefined);
    const timesOut = { code: expect.stringMatching(/timeout|deadline/) };
    expect(await failureOf(world.call({ host: 'raw.example' }, 4_000))).toMatchObject(timesOut);
    expect(await failureOf(world.call({ host: 'raw.example' }, 4_000))).toMatchObject(timesOut);
    dead = true;
    // It is asked something small first, with a limit of its own.
    expect(await failureOf(world.call({ host: 'raw.example' }, 60_000))).toMatchObject({ code: 'agent_unreachable' });
    peer.onQuestion = standard(() => resp(200, 'back'));
    expect(await world.call({ host: 'raw.example' })).toMatchObject({ status: 200 });
  });

  it('6: the same stanza twice, and the same key again, are performed once and answered the same', async () => {
    const peer = await world.raw();
    const id = randomUUID();
    const twice = (id_: string, headers = {}) => peer.send(xml('iq', { type: 'set', id: id_, to: BOB }, req(headers)));
    world.bob.answer = () => ({ status: 201, headers: [], body: base64(String(world.bob.served.length)) });
    twice(id);
    twice(id);
    await until(() => world.bob.served.length > 0, 20_000);
    const key = { 'idempotency-key': randomUUID() };
    const answers = await Promise.all(
      [1, 2, 3].map(() => peer.session.ask('set', req(key), { to: BOB, timeoutMs: 20_000 })),
    );
    expect(answers.map(statusOf)).toEqual(['201', '201', '201']);
    expect(
      new Set(
        answers.map((answer) =>
          answer
            .getChild('resp', NS_HTTP)!
            .toString()
            .replace(/id='[^']*'/, ''),
        ),
      ).size,
    ).toBe(1);
    expect(world.bob.served).toHaveLength(2);
    const other = await peer.session.ask('set', req(key, '/a2a', 'other'), { to: BOB, timeoutMs: 20_000 });
    expect(statusOf(other)).toBe('422');
  });

  it.each([
    ['11: of an unknown JID is refused by XMPP', 'eve', req(), 'forbidden'],
    ['12: for a path outside its list gets 403', 'raw', req({}, '/runs'), '403'],
    ['18: whose time is over gets 408', 'raw', req({ 'x-request-timeout-ms': '0' }), '408'],
    ['29: with a clock ten minutes behind is performed', 'raw', req(clock(-600_000)), '200'],
    ['29: with a clock ten minutes ahead is performed', 'raw', req(clock(600_000)), '200'],
    ['30: that has passed too many bridges gets 508', 'raw', req({ 'x-bridge-hop': '5' }), '508'],
    ['17: with a header that would begin another line gets 400', 'raw', req({ 'x-evil': 'a\nb' }), '400'],
    ['17: with a header whose name is none gets 400', 'raw', req({ 'x evil"<': 'a' }), '400'],
  ] as const)('a request %s', async (...[, user, payload, expected]) => {
    const peer = await world.raw(user);
    const asked = peer.session.ask('set', payload, { to: BOB, timeoutMs: 20_000 });
    const answer = (await failureOf(asked)) as Element & { condition?: string };
    expect(answer.condition ?? statusOf(answer)).toBe(expected);
    expect(world.bob.served).toHaveLength(expected === '200' ? 1 : 0);
  });

  it('17: who called is what the server says, whatever the headers claim', async () => {
    const peer = await world.raw();
    const headers = { 'X-AZTM-From-JID': 'root@xmpp.test', 'x-aztm-from-jid': 'root@xmpp.test', 'X-Bridge-Hop': '1' };
    await peer.session.ask('set', req(headers), { to: BOB, timeoutMs: 20_000 });
    const from = world.bob.served[0]!.headers.filter(([name]) => /aztm|bridge/i.test(name));
    expect(from).toEqual([['x-aztm-from-jid', peer.jid]]);
  });

  it('24: one that takes a stream slowly slows it down, and its cancel frees both sides', async () => {
    const peer = await world.raw();
    let stopped = false;
    world.bob.answer = async (_request, { progress, signal }) => {
      const head = { status: 200, headers: [['content-type', 'text/event-stream']] as [string, string][] };
      progress({ head });
      for (let n = 0; !signal.aborted && n < 60; n += 1) {
        progress({ chunk: base64('x'.repeat(8_192)) });
        await new Promise((resolve) => setImmediate(resolve));
      }
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      stopped = true;
      return { ...head, body: '' };
    };
    // Takes the opening of the stream, and acknowledges no block.
    peer.onQuestion = (iq) => (iq.getChild('open', NS_IBB) ? Promise.resolve(undefined) : undefined);
    const answer = await peer.session.ask('set', req({ 'x-bridge-cancel': 'c1' }), { to: BOB, timeoutMs: 20_000 });
    expect(statusOf(answer)).toBe('200');
    const blocks = () => peer.questions.filter((iq) => iq.getChild('data', NS_IBB)).length;
    await until(() => blocks() >= 8, 20_000);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(blocks()).toBe(8);
    peer.send(xml('message', { to: BOB }, xml('cancel', { xmlns: NS_CANCEL, id: 'c1' })));
    await until(() => stopped, 20_000);
  });

  it('26: a caller that leaves in the middle of a stream is booked as such, and not as a fault of the peer', async () => {
    const before = await world.ada.metric('xmpp_http_requests_total', 'upstream_failed');
    world.bob.answer = (_request, { progress, signal }) => {
      const head = { status: 200, headers: [['content-type', 'text/event-stream']] as [string, string][] };
      progress({ head });
      progress({ chunk: base64('data: 1\n\n') });
      return new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true }),
      );
    };
    const { body } = await world.fetchOver()('https://bob.example/a2a');
    const reader = body!.getReader();
    await reader.read();
    await reader.cancel();
    await until(async () => (await world.ada.metric('xmpp_http_requests_total', 'cancelled')) > 0, 20_000);
    expect(await world.ada.metric('xmpp_http_requests_total', 'upstream_failed')).toBe(before);
  });

  it('26: a caller that leaves stops the work on the other side', async () => {
    let stopped = false;
    world.bob.answer = (_request, { signal }) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => {
          stopped = true;
          reject(new Error('stopped'));
        }),
      );
    const leave = new AbortController();
    const asked = failureOf(world.fetchOver()('https://bob.example/a2a', { signal: leave.signal }));
    await until(() => world.bob.served.length === 1, 20_000);
    leave.abort();
    expect(await asked).toBeInstanceOf(Error);
    await until(() => stopped, 20_000);
  });
});
