import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Bus, type Call, connectBus, type Service } from '@switchyard/bus';
import {
  AppError,
  httpRequest,
  type InputOf,
  type OutputOf,
  type SystemEvent,
  xmppRequest,
  xmppStatus,
} from '@switchyard/contracts';
import { type ProsodyServer, type Servers, startProsody, startServers } from '@switchyard/local-servers';
import { createLogger, parseConfig } from '@switchyard/platform';
import { carryOverXmpp, createSafeFetch, parseServiceMap } from '@switchyard/safe-fetch';
import { until } from '@switchyard/testing';
import { Config, createXmppBridge } from '../src/index.ts';
import { Authority } from './certificates.ts';

/** Two organisations that share nothing but an XMPP server: each its own NATS and its own bridge. */

const log = createLogger({ app: 'test', level: 'silent' });
const MAP = '{"agent.example": "bob@xmpp.test", "gone.example": "nobody@xmpp.test"}';
type Served = InputOf<typeof httpRequest>;
type Answer = OutputOf<typeof httpRequest>;

let dir: string;
let authority: Authority;
let prosody: ProsodyServer;
const organisations: Servers<'nats'>[] = [];
const services: Service[] = [];
let ada: Bus;
let bob: Bus;
let served: Served[] = [];
let answer: (request: Served, call: Call) => Promise<Answer> | Answer;

async function organisation(user: 'ada' | 'bob', env: Record<string, string>): Promise<Servers<'nats'>> {
  const servers = await startServers(['nats']);
  organisations.push(servers);
  const config = parseConfig(Config, {
    ...servers.accessOf('xmpp-bridge'),
    AZTM_JID: `${user}@xmpp.test`,
    AZTM_PASSWORD: `pw-${user}`,
    AZTM_HOST: '127.0.0.1',
    AZTM_PORT: String(prosody.port),
    AZTM_CA_FILE: join(authority.dir, 'ca.pem'),
    ...env,
  });
  if (!config.ok) throw new Error(JSON.stringify(config.problems));
  const service = createXmppBridge(config.value, { log, handleSignals: false });
  services.push(service);
  await service.start();
  return servers;
}

beforeAll(async () => {
  authority = new Authority();
  dir = mkdtempSync(join(tmpdir(), 'switchyard-federation-'));
  chmodSync(dir, 0o755);
  prosody = await startProsody({
    dir: join(dir, 'prosody'),
    domain: 'xmpp.test',
    users: { ada: 'pw-ada', bob: 'pw-bob', eve: 'pw-eve' },
    tls: authority.issue('xmpp.test'),
    config: 'network_settings = { nagle = false }',
  });
  const policy = join(dir, 'policy.json');
  writeFileSync(
    policy,
    JSON.stringify({ 'ada@xmpp.test': { methods: ['GET', 'POST'], paths: ['/a2a*'], maxBodyKb: 512 } }),
  );
  const [adas, bobs] = [
    await organisation('ada', { SERVICE_MAP: MAP, AZTM_SERVER_MODE: 'false' }),
    await organisation('bob', { AZTM_PEER_POLICY: policy }),
  ];
  ada = await connectBus({ ...adas.busOf('gateway'), log });
  bob = await connectBus({ ...bobs.busOf('gateway'), log });
  await bob.answer(httpRequest, async (request, handling) => {
    served.push(request);
    return answer(request, handling);
  });
  for (const bus of [ada, bob]) await until(async () => (await bus.request(xmppStatus, {})).state === 'online', 20_000);
});
beforeEach(() => {
  served = [];
  answer = ({ body }) => ({ status: 200, headers: [['content-type', 'text/plain']], body });
});
afterAll(async () => {
  await Promise.all([ada?.close(), bob?.close()]);
  for (const service of services) await service.stop();
  await Promise.all(organisations.map((servers) => servers.stop()));
  await prosody?.stop();
  authority?.remove();
  if (dir) rmSync(dir, { recursive: true, force: true });
});

const call = (over: Partial<InputOf<typeof xmppRequest>> = {}, timeoutMs = 10_000) =>
  ada.request(xmppRequest, { host: 'agent.example:443', method: 'POST', resource: '/a2a?x=1', ...over }, { timeoutMs });

describe('a request over XMPP', () => {
  it('is told at both ends: who asked whom, what became of it, and nothing that it held', async () => {
    const told: SystemEvent[] = [];
    const watchers = await Promise.all(
      organisations.slice(0, 2).map((servers) => connectBus({ ...servers.busOf('watcher'), log })),
    );
    await Promise.all(watchers.map((bus) => bus.subscribeSystem((event) => void told.push(event))));
    try {
      answer = ({ body }) => ({ status: 201, headers: [], body });
      const body = Buffer.from('{"secret":"canary-16180"}').toString('base64');
      await call({ resource: '/a2a/told?token=canary-16180', headers: [['authorization', 'canary-16180']], body });
      const of = (direction: string) =>
        told.find(({ type, data }) => {
          const known = data as { direction?: string; path?: string };
          return type === 'xmpp.request.carried' && known.direction === direction && known.path === '/a2a/told';
        });
      await until(() => of('out') !== undefined && of('in') !== undefined, 20_000);
      for (const direction of ['out', 'in'])
        expect(of(direction)!.data).toMatchObject({
          from: 'ada@xmpp.test',
          to: 'bob@xmpp.test',
          method: 'POST',
          status: 201,
          error_code: null,
          request_bytes: 25,
          response_bytes: 25,
        });
      expect(JSON.stringify(told)).not.toContain('canary');
    } finally {
      await Promise.all(watchers.map((bus) => bus.close()));
    }
  });

  it('reaches the other side as it was, on behalf of the account that sent it', async () => {
    const headers: [string, string][] = [
      ['content-type', 'application/json'],
      ['idempotency-key', 'k-1'],
      ['x-aztm-from-jid', 'eve@xmpp.test'],
      ['x-user-id', 'root'],
    ];
    const answered = await call({ headers, body: Buffer.from('{"hello":"שלום"}').toString('base64') });
    expect(answered).toMatchObject({ status: 200 });
    expect(Buffer.from(answered.body, 'base64').toString()).toBe('{"hello":"שלום"}');
    expect(served).toHaveLength(1);
    const [request] = served;
    expect(request).toMatchObject({
      method: 'POST',
      resource: '/a2a?x=1',
      principal: { tenantId: 'xmpp', role: 'user', via: 'xmpp' },
    });
    expect(request!.fromJid).toMatch(/^ada@xmpp\.test\//);
    const sent = Object.fromEntries(request!.headers);
    expect(sent['idempotency-key']).toBe('k-1');
    expect(sent['x-aztm-from-jid']).toBe(request!.fromJid);
  });

  it.each([26, 47])('carries %i KB of anything, byte for byte', async (kb) => {
    const bodies = [
      Buffer.from('שלום 😀 '.repeat(kb * 70)).subarray(0, kb * 1_024),
      Buffer.from('a\r\nb\u0000\ufffe'.repeat(kb * 100)).subarray(0, kb * 1_024),
      Buffer.from(Array.from({ length: kb * 1_024 }, (_, index) => (index * 7_919) % 256)),
    ];
    for (const body of bodies) {
      const answered = await call({ body: body.toString('base64') });
      expect(Buffer.from(answered.body, 'base64').equals(body)).toBe(true);
    }
  });

  it('takes the place of fetch for a mapped host, and only there', async () => {
    const fetch = createSafeFetch({ serviceMap: parseServiceMap(MAP), overXmpp: carryOverXmpp(ada) });
    const response = await fetch('https://agent.example/a2a', { method: 'POST', body: 'hi' });
    expect([response.status, await response.text()]).toEqual([200, 'hi']);
    await expect(fetch('https://gone.example/a2a')).rejects.toMatchObject({ code: 'agent_unreachable' });
    await expect(fetch('http://127.0.0.1:1/')).rejects.toMatchObject({ code: 'egress_blocked' });
  });

  it.each([
    ['a host that is not mapped', { host: 'other.example' }, 'not_mapped'],
    ['an account that is not there', { host: 'gone.example' }, 'agent_unreachable'],
    ['a method that is none', { method: 'TRACE' }, 'invalid_input'],
    ['a body over the limit', { bodyBytes: 6 * 1_024 ** 2 }, 'payload_too_large'],
  ])('is refused at once for %s', async (_name, over, code) => {
    const began = performance.now();
    await expect(call(over)).rejects.toMatchObject({ code });
    expect(performance.now() - began).toBeLessThan(8_000);
    expect(served).toEqual([]);
  });

  it.each([
    ['a path that the peer may not call', { resource: '/runs' }],
    ['a detour to such a path', { resource: '/a2a/..%2fruns' }],
    ['a method that the peer may not use', { method: 'DELETE' }],
  ])('is answered 403 for %s, and reaches nothing', async (_name, over) => {
    expect(await call(over)).toMatchObject({ status: 403 });
    expect(served).toEqual([]);
  });

  it('ends at its deadline where the other side does not answer', async () => {
    answer = () => new Promise(() => undefined);
    await expect(call({}, 500)).rejects.toMatchObject({ code: expect.stringMatching(/timeout|deadline/) });
  });

  it('is refused to an account that the policy does not name', async () => {
    const eves = await organisation('eve' as 'ada', { SERVICE_MAP: MAP, AZTM_SERVER_MODE: 'false' });
    const eve = await connectBus({ ...eves.busOf('gateway'), log });
    try {
      await until(async () => (await eve.request(xmppStatus, {})).state === 'online', 20_000);
      const asked = eve.request(xmppRequest, { host: 'agent.example', method: 'GET', resource: '/a2a' });
      await expect(asked).rejects.toMatchObject({ code: 'forbidden' });
      expect(served).toEqual([]);
    } finally {
      await eve.close();
    }
  });
});

describe('a response over XMPP', () => {
  const fetchOver = () =>
    createSafeFetch({
      serviceMap: parseServiceMap(MAP),
      overXmpp: carryOverXmpp(ada),
      maxResponseBytes: 4 * 1024 ** 2,
    });
  const SSE: [string, string][] = [['content-type', 'text/event-stream']];

  it('of a megabyte arrives byte for byte', async () => {
    const body = Buffer.from(Array.from({ length: 1_000_003 }, (_, index) => (index * 31) % 256));
    answer = (_request, call) => {
      const head = { status: 200, headers: [['content-type', 'application/octet-stream']] as [string, string][] };
      call.progress({ head });
      for (let at = 0; at < body.length; at += 100_000)
        call.progress({ chunk: body.subarray(at, at + 100_000).toString('base64') });
      return { ...head, body: '' };
    };
    const response = await fetchOver()('https://agent.example/a2a');
    expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
  });

  it('of 60 KB in one piece arrives as it was, whether or not a stanza carries it', async () => {
    const body = Buffer.from(Array.from({ length: 60_000 }, (_, index) => (index * 13) % 256));
    answer = () => ({ status: 200, headers: [], body: body.toString('base64') });
    const response = await fetchOver()('https://agent.example/a2a');
    expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
  });

  it('shows server-sent events as they happen, and its reader can stop them', async () => {
    let stopped = false;
    answer = async (_request, call) => {
      const head = { status: 200, headers: SSE };
      call.progress({ head });
      for (let n = 0; !call.signal.aborted; n += 1) {
        call.progress({ chunk: Buffer.from(`data: ${n}\n\n`).toString('base64') });
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      stopped = true;
      return { ...head, body: '' };
    };
    const response = await fetchOver()('https://agent.example/a2a');
    const reader = response.body!.getReader();
    let text = '';
    while (!text.includes('data: 5')) text += Buffer.from((await reader.read()).value!).toString();
    expect(text.startsWith('data: 0\n\ndata: 1')).toBe(true);
    await reader.cancel();
    await until(() => stopped, 10_000);
  });

  it('that is waited for no longer stops the work on the other side', async () => {
    let stopped = false;
    answer = (_request, call) =>
      new Promise((_resolve, reject) => {
        call.signal.addEventListener('abort', () => {
          stopped = true;
          reject(new Error('stopped'));
        });
      });
    const leave = new AbortController();
    const asked = fetchOver()('https://agent.example/a2a', { signal: leave.signal });
    const failed = asked.catch((error: unknown) => error);
    await until(() => served.length === 1);
    leave.abort();
    expect(await failed).toBeInstanceOf(Error);
    await until(() => stopped, 10_000);
  });

  it('that is cut on the other side ends in an error, never as a short body', async () => {
    answer = async (_request, call) => {
      call.progress({ head: { status: 200, headers: SSE } });
      call.progress({ chunk: Buffer.from('data: 1\n\n').toString('base64') });
      await new Promise((resolve) => setTimeout(resolve, 100));
      throw new AppError('upstream_failed');
    };
    const response = await fetchOver()('https://agent.example/a2a');
    await expect(response.text()).rejects.toMatchObject({ code: 'upstream_failed' });
  });
});
