import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type Element, xml } from '@xmpp/client';
import { type RequestOf, xmppRequest } from '@switchyard/contracts';
import { type ProsodyServer, startProsody } from '@switchyard/local-servers';
import { carryOverXmpp, createSafeFetch, parseServiceMap } from '@switchyard/safe-fetch';
import { until } from '@switchyard/testing';
import { connect } from 'nats';
import { NS_CANCEL } from '../src/http-exchange.ts';
import { NS_TEXT } from '../src/http-text.ts';
import { NS_IBB } from '../src/ibb.ts';
import type { LoginOptions } from '../src/login.ts';
import { digestOf, NS_HTTP } from '../src/xep-0332.ts';
import { AztmPeer } from './aztm-peer.ts';
import { Authority } from './certificates.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import { echo, Organisation } from './organisation.ts';
import { RawPeer } from './raw-peer.ts';

/**
 * What breaks on the way of a request, and what comes of it. The numbers are those of the list of faults in
 * docs/xmpp-faults.md; the ones of the login are in login-faults.int.test.ts.
 */

jest.setTimeout(90_000);

const USERS = { ada: 'pw-ada', bob: 'pw-bob', raw: 'pw-raw', eve: 'pw-eve', gone: 'pw-gone' };
const MAP = {
  'bob.example': 'bob@xmpp.test',
  'raw.example': 'raw@xmpp.test/r',
  'gone.example': 'gone@xmpp.test',
  'lib.example': 'aztm:eve@xmpp.test',
  'ours.example': 'eve@xmpp.test/ours',
};
const RULE = { methods: ['GET', 'POST'], paths: ['/a2a*'], maxBodyKb: 10_240, perMinute: 100_000 };
const POLICY = { 'ada@xmpp.test': RULE, 'raw@xmpp.test': RULE };
const BOB = 'bob@xmpp.test/aztm';
const DISCO = 'http://jabber.org/protocol/disco#info';
const SHIM = 'http://jabber.org/protocol/shim';

let dir: string;
let policy: string;
let authority: Authority;
let prosody: ProsodyServer;
let ada: Organisation;
let bob: Organisation;
let adaWay: CuttingProxy;
let bobWay: CuttingProxy;
const raws: RawPeer[] = [];

async function startServer(port?: number, strict?: { modules: string[]; config: string }): Promise<ProsodyServer> {
  return startProsody({
    ...{ dir: join(dir, strict ? 'strict' : 'prosody'), domain: 'xmpp.test', users: USERS },
    ...{ tls: authority.issue('xmpp.test'), ...strict },
    ...(port === undefined ? {} : { port }),
  });
}
const optionsOf = (user: keyof typeof USERS, resource = 'r'): LoginOptions => ({
  ...{ jid: `${user}@xmpp.test`, password: USERS[user], resource, domain: 'xmpp.test', host: '127.0.0.1' },
  ...{ port: prosody.port, tls: 'auto', validateCertificate: true, ca: authority.ca, fingerprint: undefined },
  ...{ allowPlain: false, channelBinding: 'off', timeoutMs: 20_000 },
});
const raw = async (user: keyof typeof USERS = 'raw', resource = 'r'): Promise<RawPeer> => {
  const peer = await RawPeer.login(optionsOf(user, resource));
  raws.push(peer);
  return peer;
};
const call = (over: Partial<RequestOf<typeof xmppRequest>> = {}, timeoutMs = 30_000) =>
  ada.out.request(xmppRequest, { host: 'bob.example', method: 'POST', resource: '/a2a', ...over }, { timeoutMs });
const keyed = (key: string): Partial<RequestOf<typeof xmppRequest>> => ({ headers: [['idempotency-key', key]] });
const failureOf = (asked: Promise<unknown>): Promise<unknown> => asked.catch((error: unknown) => error);
const base64 = (body: string): string => Buffer.from(body).toString('base64');
const fetchOver = () =>
  createSafeFetch({
    serviceMap: parseServiceMap(JSON.stringify(MAP)),
    overXmpp: carryOverXmpp(ada.out),
    maxResponseBytes: 8 * 1_024 ** 2,
  });
const dropped = (why: string) => ada.metric('xmpp_replies_dropped_total', why);

const features = (...vars: string[]): Element =>
  xml('query', { xmlns: DISCO }, ...vars.map((each) => xml('feature', { var: each })));
const resp = (status: number, text = '', headers: Record<string, string> = {}): Element =>
  xml(
    'resp',
    { xmlns: NS_HTTP, version: '1.1', statusCode: String(status) },
    xml('headers', { xmlns: SHIM }, ...Object.entries(headers).map(([name, value]) => xml('header', { name }, value))),
    xml('data', {}, xml('text', {}, text)),
  );
const req = (headers: Record<string, string> = {}, resource = '/a2a', text = 'hi'): Element =>
  xml(
    'req',
    { xmlns: NS_HTTP, method: 'POST', resource, version: '1.1' },
    xml('headers', { xmlns: SHIM }, ...Object.entries(headers).map(([name, value]) => xml('header', { name }, value))),
    xml('data', {}, xml('text', {}, text)),
  );
/** The headers of a peer whose clock is off by this much. */
const clock = (offMs: number) => ({
  'x-request-deadline': String(Date.now() + 60_000 + offMs),
  'x-request-timeout-ms': '60000',
});
/** Says that it takes HTTP, and answers each request as `then` says. */
const standard =
  (then: (iq: Element) => Element | undefined | Promise<Element | undefined>): RawPeer['onQuestion'] =>
  (iq) =>
    iq.getChild('query', DISCO) ? features(NS_HTTP) : then(iq);
const statusOf = (answer: Element): string | undefined => answer.getChild('resp', NS_HTTP)?.attrs['statusCode'];

beforeAll(async () => {
  authority = new Authority();
  dir = mkdtempSync(join(tmpdir(), 'switchyard-faults-'));
  chmodSync(dir, 0o755);
  prosody = await startServer();
  policy = join(dir, 'policy.json');
  writeFileSync(policy, JSON.stringify(POLICY));
  [adaWay, bobWay] = [await CuttingProxy.start(prosody.port), await CuttingProxy.start(prosody.port)];
  const caFile = join(authority.dir, 'ca.pem');
  const at = (way: CuttingProxy) => ({ dir, caFile, port: way.port });
  bob = await Organisation.start({ ...at(bobWay), account: 'bob@xmpp.test', env: { AZTM_PEER_POLICY: policy } });
  const env = { SERVICE_MAP: JSON.stringify(MAP), AZTM_SERVER_MODE: 'false', AZTM_PEER_POLICY: policy };
  ada = await Organisation.start({ ...at(adaWay), account: 'ada@xmpp.test', env });
}, 120_000);
beforeEach(async () => {
  await Promise.all([ada.online(), bob.online()]);
  bob.answer = echo;
  bob.served.length = 0;
});
afterEach(() => {
  for (const peer of raws.splice(0)) peer.session.close();
});
afterAll(async () => {
  await ada?.stop();
  await bob?.stop();
  await Promise.all([adaWay?.stop(), bobWay?.stop()]);
  await prosody?.stop();
  authority?.remove();
  if (dir) rmSync(dir, { recursive: true, force: true });
}, 90_000);

describe('bodies', () => {
  const kinds: [string, (bytes: number) => Buffer][] = [
    ['Hebrew', (n) => Buffer.from('שלום עולם '.repeat(n / 8)).subarray(0, n)],
    ['emoji', (n) => Buffer.from('😀👩‍👩‍👧 '.repeat(n / 8)).subarray(0, n)],
    ['CRLF', (n) => Buffer.from('a\r\nb\n\rc '.repeat(n / 6)).subarray(0, n)],
    ['control characters', (n) => Buffer.from('\u0000\u0001\u000b\u007f\ufffe&<>"'.repeat(n / 8)).subarray(0, n)],
    ['random bytes', (n) => randomBytes(n)],
  ];

  it('15, 16: 100 of 100 of 26 to 234 KB arrive identical, there and back, whatever they hold', async () => {
    const fetch = fetchOver();
    const bodies = Array.from({ length: 20 }, (_, n) => 26_000 + n * 10_947).flatMap((size) =>
      kinds.map(([, make]) => make(size)),
    );
    const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
    // One half goes there, the other comes back.
    const waiting = [...bodies.entries()];
    bob.answer = (request, handling) => {
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
    const response = await fetchOver()('https://bob.example/a2a', { method: 'POST', body: new Uint8Array(body) });
    expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
    const served = bob.served.length;
    const tooLarge = fetchOver()('https://bob.example/a2a', { method: 'POST', body: new Uint8Array(6 * 1_024 ** 2) });
    await expect(tooLarge).rejects.toMatchObject({ code: 'payload_too_large' });
    expect(bob.served).toHaveLength(served);
    expect(await call({ body: base64('up') })).toMatchObject({ status: 200 });
  });
});

describe('between bridges', () => {
  it('an HTTP message is the text of one element, both ways, where the other one says that it takes that', async () => {
    const peer = await raw('eve', 'ours');
    peer.onQuestion = (iq) =>
      iq.getChild('query', DISCO)
        ? features(NS_HTTP, NS_TEXT)
        : xml('http', { xmlns: NS_TEXT }, '201\nx-a:1\n\n<back & forth>');
    const answer = await call({ host: 'ours.example', headers: [['x-b', '2']], body: base64('{"a":"<b>"}') });
    expect(answer).toMatchObject({ status: 201, headers: [['x-a', '1']], body: base64('<back & forth>') });
    const asked = peer.questions.at(-1)!.getChild('http', NS_TEXT)!.text();
    expect(asked).toMatch(/^POST \/a2a\nx-b:2\nx-request-timeout-ms:\d+\nx-bridge-digest:.*\n\n\{"a":"<b>"\}$/);

    const one = await raw();
    const question = xml('http', { xmlns: NS_TEXT }, 'POST /a2a\nx-aztm-from-jid:eve@x\ncontent-type:a/b\n\nhi');
    const said = (await one.session.ask('set', question, { to: BOB, timeoutMs: 20_000 })).getChild('http', NS_TEXT)!;
    expect(said.text()).toMatch(/^200\ncontent-type:a\/b\nx-bridge-digest:.*\n\nhi$/);
    expect(bob.served[0]!.headers).toContainEqual(['x-aztm-from-jid', 'raw@xmpp.test/r']);
    expect(JSON.stringify(bob.served[0])).not.toContain('eve@x');
    const changed = xml('http', { xmlns: NS_TEXT }, 'POST /a2a\nx-bridge-digest:sha-256=other;length=2\n\nhi');
    const refused = one.session.ask('set', changed, { to: BOB, timeoutMs: 20_000 });
    await expect(refused).rejects.toMatchObject({ condition: 'bad-request' });
    expect(bob.served).toHaveLength(1);
  });
});

describe('answers', () => {
  it('5, 7: one that is late, and a second one, are counted and change nothing', async () => {
    const peer = await raw();
    const ids: string[] = [];
    peer.onQuestion = standard((iq) => {
      ids.push(iq.attrs['id']!);
      return ids.length === 1 ? undefined : resp(200, String(ids.length));
    });
    const enough = new AbortController();
    const given = failureOf(
      ada.out.request(xmppRequest, { host: 'raw.example', method: 'GET', resource: '/a2a' }, { signal: enough.signal }),
    );
    await until(() => ids.length === 1, 20_000);
    enough.abort();
    expect(await given).toMatchObject({ code: 'cancelled' });
    const late = await dropped('late');
    peer.send(xml('iq', { type: 'result', id: ids[0], to: peer.questions[0]!.attrs['from'] }, resp(200, 'late')));
    await until(async () => (await dropped('late')) > late, 20_000);
    const answered = await call({ host: 'raw.example' });
    expect(Buffer.from(answered.body, 'base64').toString()).toBe('2');
    const before = await dropped('duplicate');
    peer.send(xml('iq', { type: 'result', id: ids[1], to: peer.questions[0]!.attrs['from'] }, resp(500, 'second')));
    await until(async () => (await dropped('duplicate')) > before, 20_000);
  });

  it('8: a forged one, with the right id from somebody else, is ignored; the request goes on', async () => {
    const [peer, eve] = [await raw(), await raw('eve')];
    const before = await dropped('spoofed');
    peer.onQuestion = standard(async (iq) => {
      eve.send(xml('iq', { type: 'result', id: iq.attrs['id'], to: iq.attrs['from'] }, resp(200, 'forged')));
      await until(async () => (await dropped('spoofed')) > before, 20_000);
      return resp(200, 'true');
    });
    const answered = await call({ host: 'raw.example' });
    expect(Buffer.from(answered.body, 'base64').toString()).toBe('true');
  });

  it('25: a stream that is cut in the middle ends in an error, never as a short body', async () => {
    const peer = await raw();
    const whole = Buffer.from('0123456789');
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
      const announced = xml('header', { name: 'x-bridge-digest' }, digestOf(whole));
      return xml(
        'resp',
        { xmlns: NS_HTTP, version: '1.1', statusCode: '200' },
        xml('headers', { xmlns: SHIM }, announced),
        xml('data', {}, xml('ibb', { sid: 's' })),
      );
    });
    const response = await fetchOver()('https://raw.example/a2a');
    await expect(response.text()).rejects.toMatchObject({ code: 'upstream_failed' });
  });
});

describe('peers', () => {
  it('3: one that is offline is said to be at once, again and again, without a storm', async () => {
    const began = performance.now();
    for (let n = 0; n < 8; n += 1)
      expect(await failureOf(call({ host: 'gone.example' }))).toMatchObject({ code: 'agent_unreachable' });
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it('4: one that is dead behind a live session is a deadline, and after two of them is told apart', async () => {
    const peer = await raw();
    let dead = false;
    peer.onQuestion = (iq) => (!dead && iq.getChild('query', DISCO) ? features(NS_HTTP) : undefined);
    const timesOut = { code: expect.stringMatching(/timeout|deadline/) };
    expect(await failureOf(call({ host: 'raw.example' }, 1_500))).toMatchObject(timesOut);
    expect(await failureOf(call({ host: 'raw.example' }, 1_500))).toMatchObject(timesOut);
    dead = true;
    // It is asked something small first, with a limit of its own.
    expect(await failureOf(call({ host: 'raw.example' }, 60_000))).toMatchObject({ code: 'agent_unreachable' });
    peer.onQuestion = standard(() => resp(200, 'back'));
    expect(await call({ host: 'raw.example' })).toMatchObject({ status: 200 });
  });

  it('6: the same stanza twice, and the same key again, are performed once and answered the same', async () => {
    const peer = await raw();
    const id = randomUUID();
    const twice = (id_: string, headers = {}) => peer.send(xml('iq', { type: 'set', id: id_, to: BOB }, req(headers)));
    bob.answer = () => ({ status: 201, headers: [], body: base64(String(bob.served.length)) });
    twice(id);
    twice(id);
    await until(() => bob.served.length > 0, 20_000);
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
    expect(bob.served).toHaveLength(2);
    const other = await peer.session.ask('set', req(key, '/a2a', 'other'), { to: BOB, timeoutMs: 20_000 });
    expect(statusOf(other)).toBe('422');
  });

  it.each([
    ['11: of a stranger is refused by XMPP', 'eve', req(), 'forbidden'],
    ['12: for a path outside its list gets 403', 'raw', req({}, '/runs'), '403'],
    ['18: whose time is over gets 408', 'raw', req({ 'x-request-timeout-ms': '0' }), '408'],
    ['29: with a clock ten minutes behind is performed', 'raw', req(clock(-600_000)), '200'],
    ['29: with a clock ten minutes ahead is performed', 'raw', req(clock(600_000)), '200'],
    ['30: that has passed too many bridges gets 508', 'raw', req({ 'x-bridge-hop': '5' }), '508'],
    ['17: with a header that would begin another line gets 400', 'raw', req({ 'x-evil': 'a\nb' }), '400'],
    ['17: with a header whose name is none gets 400', 'raw', req({ 'x evil"<': 'a' }), '400'],
  ] as const)('a request %s', async (...[, user, payload, expected]) => {
    const peer = await raw(user);
    const asked = peer.session.ask('set', payload, { to: BOB, timeoutMs: 20_000 });
    const answer = (await failureOf(asked)) as Element & { condition?: string };
    expect(answer.condition ?? statusOf(answer)).toBe(expected);
    expect(bob.served).toHaveLength(expected === '200' ? 1 : 0);
  });

  it('17: who called is what the server says, whatever the headers claim', async () => {
    const peer = await raw();
    const headers = { 'X-AZTM-From-JID': 'root@xmpp.test', 'x-aztm-from-jid': 'root@xmpp.test', 'X-Bridge-Hop': '1' };
    await peer.session.ask('set', req(headers), { to: BOB, timeoutMs: 20_000 });
    const from = bob.served[0]!.headers.filter(([name]) => /aztm|bridge/i.test(name));
    expect(from).toEqual([['x-aztm-from-jid', peer.jid]]);
  });

  it('24: one that takes a stream slowly slows it down, and its cancel frees both sides', async () => {
    const peer = await raw();
    let stopped = false;
    bob.answer = async (_request, { progress, signal }) => {
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

  it('26: a caller that leaves stops the work on the other side', async () => {
    let stopped = false;
    bob.answer = (_request, { signal }) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => {
          stopped = true;
          reject(new Error('stopped'));
        }),
      );
    const leave = new AbortController();
    const asked = failureOf(fetchOver()('https://bob.example/a2a', { signal: leave.signal }));
    await until(() => bob.served.length === 1, 20_000);
    leave.abort();
    expect(await asked).toBeInstanceOf(Error);
    await until(() => stopped, 20_000);
  });
});

describe('a bridge that only asks', () => {
  it('hears the answer of a peer of urn:aztm:v1, which goes to the account', async () => {
    const lib = await AztmPeer.login(optionsOf('eve', 'lib'));
    lib.answer = ({ payload }) => ({ status: 200, payload });
    const asked = () => call({ host: 'lib.example', body: base64('hi') });
    expect(await asked()).toMatchObject({ status: 200, body: base64('hi') });
    const before = await Promise.all(['duplicate', 'unknown'].map(dropped));
    expect(await asked()).toMatchObject({ status: 200 });
    expect(await Promise.all(['duplicate', 'unknown'].map(dropped))).toEqual(before);
    lib.close();
  });
});

describe('the peer policy', () => {
  afterEach(async () => {
    writeFileSync(policy, JSON.stringify(POLICY));
    const peer = await raw('raw', 'after');
    const asks = () => peer.session.ask('set', req(), { to: BOB, timeoutMs: 20_000 });
    await until(async () => statusOf(await asks()) === '200', 20_000);
  });
  const ask = async (peer: RawPeer, payload = req()): Promise<string | undefined> => {
    const answer = (await failureOf(peer.session.ask('set', payload, { to: BOB, timeoutMs: 20_000 }))) as Element & {
      condition?: string;
    };
    return answer.condition ?? statusOf(answer);
  };

  /** Asks now and then: denials are told at a bounded rate. */
  const comes = (asks: () => Promise<string | undefined>, expected: string) =>
    until(async () => {
      if ((await asks()) === expected) return true;
      await new Promise((resolve) => setTimeout(resolve, 300));
      return false;
    }, 30_000);

  it('counts from when its file changes: hours, tools, size; every denial is told', async () => {
    const connection = await connect({ servers: bob.nats.url });
    const told: { jid: string; reason: string }[] = [];
    connection.subscribe('sys.xmpp.peer.denied', {
      callback: (_error, message) => void told.push(message.json<{ data: (typeof told)[0] }>().data),
    });
    await connection.flush();
    const peer = await raw();
    const minute = new Date(Date.now() + 7_200_000).toISOString().slice(11, 16);
    const later = new Date(Date.now() + 7_260_000).toISOString().slice(11, 16);
    const put = (rule: object) => writeFileSync(policy, JSON.stringify({ 'raw@xmpp.test': { ...RULE, ...rule } }));
    put({ hours: { from: minute, to: later } });
    await comes(() => ask(peer), '403');
    put({ maxBodyKb: 0 });
    await comes(() => ask(peer), '413');
    put({ perMinute: 1 });
    await comes(() => ask(peer), '429');
    put({ tools: ['calculator'] });
    await comes(() => ask(peer), '200');
    expect(bob.served.at(-1)!.principal).toMatchObject({ via: 'xmpp', tools: ['calculator'] });
    await until(() => ['hours', 'size', 'rate'].every((why) => told.some(({ reason }) => reason === why)), 20_000);
    await connection.close();
    expect(told.every(({ jid }) => jid === 'raw@xmpp.test')).toBe(true);
  });

  it('lets somebody call as a contact alone, which nobody becomes by asking', async () => {
    const [peer, eve, owner] = [await raw(), await raw('eve'), await raw('bob', 'owner')];
    const contacts = { '*@xmpp.test': { ...RULE, contactsOnly: true }, 'raw@xmpp.test': { ...RULE, maxBodyKb: 0 } };
    writeFileSync(policy, JSON.stringify({ ...POLICY, ...contacts }));
    await comes(() => ask(peer), '413');
    eve.send(xml('presence', { to: 'bob@xmpp.test', type: 'subscribe' }));
    expect(await ask(eve)).toBe('forbidden');
    owner.send(xml('presence', { to: 'eve@xmpp.test', type: 'subscribed' }));
    await comes(() => ask(eve), '200');
  });
});

describe('connections', () => {
  it('1: a lost login ends what was asked at once; what has a key is asked again, and performed once', async () => {
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    bob.answer = async () => {
      await released;
      return { status: 201, headers: [], body: base64('done') };
    };
    const plain = failureOf(call());
    const kept = call(keyed('k-lost'), 60_000);
    await until(() => bob.served.length === 2, 20_000);
    adaWay.cut();
    expect(await plain).toMatchObject({ code: 'upstream_failed', message: expect.stringContaining('not known') });
    release();
    expect(await kept).toMatchObject({ status: 201, body: base64('done') });
    expect(bob.served.filter(({ headers }) => headers.some(([, value]) => value === 'k-lost'))).toHaveLength(1);
  });

  it('1: a peer that is lost while it works ends what was asked at once; its finished result is kept for its key', async () => {
    await until(async () => (await call({ method: 'GET' })).status === 200, 20_000);
    bob.served.length = 0;
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    bob.answer = async () => {
      await released;
      return { status: 201, headers: [], body: base64('done') };
    };
    const plain = failureOf(call({}, 60_000));
    const kept = call(keyed('k-peer'), 60_000);
    await until(() => bob.served.length === 2, 20_000);
    bobWay.cut();
    expect(await plain).toMatchObject({ code: 'upstream_failed', message: expect.stringContaining('not known') });
    release();
    expect(await kept).toMatchObject({ status: 201, body: base64('done') });
    expect(bob.served.filter(({ headers }) => headers.some(([, value]) => value === 'k-peer'))).toHaveLength(1);
  });

  it('1: a restart of the server in the middle is survived by both, and what has a key ends well', async () => {
    bob.answer = async (request) => {
      if (bob.served.length === 1) await new Promise((resolve) => setTimeout(resolve, 500));
      return echo(request);
    };
    const kept = call({ ...keyed('k-restart'), body: base64('hi') }, 60_000);
    await until(() => bob.served.length === 1, 20_000);
    const { port } = prosody;
    await prosody.stop();
    prosody = await startServer(port);
    expect(await kept).toMatchObject({ status: 200, body: base64('hi') });
    expect(bob.served).toHaveLength(1);
  });
});

describe('a server with limits of its own', () => {
  let strict: ProsodyServer;
  let way: CuttingProxy;
  let carl: Organisation;
  let peer: RawPeer;
  const ask = (body: string, timeoutMs = 60_000) =>
    carl.out.request(
      xmppRequest,
      { host: 'raw.example', method: 'POST', resource: '/a2a', body: base64(body) },
      { timeoutMs },
    );

  beforeAll(async () => {
    const limits = 'limits = { c2s = { rate = "40kb/s"; burst = "1s" } }';
    strict = await startServer(undefined, { modules: ['limits'], config: `${limits}\nc2s_stanza_size_limit = 20000` });
    way = await CuttingProxy.start(strict.port);
    const caFile = join(authority.dir, 'ca.pem');
    carl = await Organisation.start({
      ...{ dir, account: 'gone@xmpp.test', port: way.port, caFile },
      env: { SERVICE_MAP: JSON.stringify({ 'raw.example': MAP['raw.example'] }), AZTM_SERVER_MODE: 'false' },
    });
    peer = await RawPeer.login({ ...optionsOf('raw'), port: strict.port });
    peer.onQuestion = standard(async (iq) => {
      const chunked = iq.getChild('req', NS_HTTP)?.getChild('data')?.getChild('chunkedBase64');
      const last = () => peer.messages.some((each) => each.getChild('chunk', NS_HTTP)?.attrs['last'] === 'true');
      if (chunked) await until(last, 20_000).catch(() => undefined);
      return resp(200, 'ok');
    });
  }, 90_000);
  afterAll(async () => {
    peer?.session.close();
    await carl?.stop();
    await way?.stop();
    await strict?.stop();
  }, 60_000);

  it('10: that cuts large stanzas costs the request that was too large, which is not sent again', async () => {
    const large = 'x'.repeat(60_000);
    expect(await failureOf(ask(large))).toMatchObject({ code: 'payload_too_large' });
    await carl.online();
    const connections = way.connections;
    expect(await ask('small')).toMatchObject({ status: 200 });
    expect(way.connections).toBe(connections);
    // Half as much is tried; where that is too much, too, half of it.
    for (let tries = 0; ; tries += 1) {
      expect(tries).toBeLessThan(5);
      const failed = await failureOf(ask(large));
      if ((failed as { status?: number }).status === 200) break;
      expect(failed).toMatchObject({ code: 'payload_too_large' });
      await carl.online();
    }
  });

  it('27: that takes what it is sent slowly slows the callers down, and none of them blames the peer', async () => {
    await carl.online();
    const answers = await Promise.all(Array.from({ length: 12 }, () => ask('x'.repeat(8_000))));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 12 }, () => 200));
  });
});
