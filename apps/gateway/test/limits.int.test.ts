import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { xmppStatus } from '@switchyard/contracts';
import { type GuardedLocalServer, startRedis } from '@switchyard/local-servers';
import { until } from '@switchyard/testing';
import { type TestGateway, startTestGateway, parseSse, readUntil } from './http.ts';

const gateways: TestGateway[] = [];
const dir = mkdtempSync(join(tmpdir(), 'gateway-redis-'));
let redis: GuardedLocalServer | undefined;
afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway.stop();
  await redis?.stop();
  redis = undefined;
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));
async function open(env: Record<string, string>, options: { orchestrator?: boolean } = {}): Promise<TestGateway> {
  const gateway = await startTestGateway(env, options);
  gateways.push(gateway);
  return gateway;
}
const as = (userId: string) => ({ headers: { 'x-user-id': userId } });

describe('the rate limit', () => {
  it('counts one user over all replicas, others apart, and survives the loss of Redis', async () => {
    redis = await startRedis({ dir: join(dir, 'redis'), durable: false });
    const env = { REDIS_URL: redis.urlFor('gateway'), RATE_LIMIT_PER_MINUTE: '10' };
    const [first, second] = [await open(env), await open(env)];
    await until(
      async () =>
        ((await (await fetch(`${second.url}/readiness`)).json()) as { checks: { redis: { ok: boolean } } }).checks.redis
          .ok,
    );
    const statuses = await Promise.all(
      Array.from(
        { length: 30 },
        async (_, i) => (await fetch(`${(i % 2 === 0 ? first : second).url}/config`, as('alice'))).status,
      ),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(10);
    const refused = await fetch(`${first.url}/config`, as('alice'));
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ code: 'rate_limited', status: 429 });
    expect((await fetch(`${first.url}/config`, as('bob'))).status).toBe(200);

    await redis.stop();
    const alone = await Promise.all(
      Array.from({ length: 30 }, async () => (await fetch(`${first.url}/config`, as('carol'))).status),
    );
    expect(alone.filter((status) => status === 200)).toHaveLength(10);
    const readiness = await fetch(`${first.url}/readiness`);
    expect([readiness.status, await readiness.json()]).toEqual([
      200,
      expect.objectContaining({
        checks: expect.objectContaining({ redis: { ok: false, required: false, detail: expect.any(String) } }),
      }),
    ]);
  });
});

describe('readiness', () => {
  it('names the orchestrator where none answers, and the XMPP login where it is required', async () => {
    const gateway = await open({ AZTM_REQUIRED: 'true' }, { orchestrator: false });
    const response = await fetch(`${gateway.url}/readiness`);
    expect([response.status, await response.json()]).toMatchObject([
      503,
      {
        status: 'not_ready',
        checks: {
          bus: { ok: true },
          orchestrator: { ok: false, detail: 'No orchestrator is running.' },
          xmpp: { ok: false },
        },
      },
    ]);
  });

  it('no orchestrator is an answer of its own to whoever starts a run', async () => {
    const gateway = await open({}, { orchestrator: false });
    const start = await fetch(`${gateway.url}/orchestrate`, {
      method: 'POST',
      headers: { 'x-user-id': 'a', 'content-type': 'application/json' },
      body: '{"task":"x"}',
    });
    expect([start.status, start.headers.get('retry-after'), await start.json()]).toMatchObject([
      503,
      '1',
      { code: 'no_responders' },
    ]);
  });
});

describe('AZTM_REQUIRED=true', () => {
  it('accepts no run, by whichever way, before the login stands; and then does', async () => {
    const gateway = await open({ AZTM_REQUIRED: 'true' });
    const bridge = gateway.hub.connect('xmpp-bridge');
    gateway.buses.push(bridge);
    let state: 'failed' | 'online' = 'failed';
    const fixed = { required: true, serverMode: true, mappedHosts: [] };
    await bridge.answer(xmppStatus, () => Promise.resolve({ ...fixed, state, sentence: 'The password is wrong.' }));
    const post = (path: string, body: unknown) =>
      fetch(`${gateway.url}${path}`, {
        method: 'POST',
        headers: { 'x-user-id': 'a', 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const task = { task: 'play simple' };
    const agUi = { threadId: 't', runId: 'r', messages: [{ id: '1', role: 'user', content: 'play simple' }] };
    for (const [path, body] of [
      ['/runs', task],
      ['/orchestrate', task],
      ['/orchestrate/stream', task],
      ['/ag-ui', agUi],
    ] as const) {
      const refused = await post(path, body);
      expect([path, refused.status, await refused.json()]).toMatchObject([
        path,
        503,
        { code: 'unavailable', detail: expect.stringContaining('The password is wrong.') },
      ]);
    }
    expect(gateway.orchestrator.starts).toHaveLength(0);
    expect((await fetch(`${gateway.url}/readiness`)).status).toBe(503);
    state = 'online';
    await until(async () => (await post('/runs', task)).status === 202, 10_000);
    expect((await fetch(`${gateway.url}/readiness`)).status).toBe(200);
  });
});

describe('draining', () => {
  it('ends every stream in its own way, answers what waits, and is done quickly', async () => {
    const gateway = await open({});
    const named = fetch(`${gateway.url}/orchestrate/stream?task=hang&run_id=r1`, as('a'));
    const agUi = fetch(`${gateway.url}/ag-ui`, {
      method: 'POST',
      headers: { 'x-user-id': 'a', 'content-type': 'application/json' },
      body: JSON.stringify({ threadId: 't', runId: 'r2', messages: [{ id: '1', role: 'user', content: 'hang' }] }),
    });
    const waiting = fetch(`${gateway.url}/orchestrate`, {
      method: 'POST',
      headers: { 'x-user-id': 'a', 'content-type': 'application/json' },
      body: '{"task":"hang","run_id":"r3"}',
    });
    const texts = Promise.all([named.then((r) => r.text()), agUi.then((r) => r.text())]);
    await until(() => gateway.orchestrator.count() === 3);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const began = Date.now();
    await gateway.gateway.stop();
    expect(Date.now() - began).toBeLessThan(6_000);
    const [namedText, agUiText] = await texts;
    expect(namedText.endsWith('retry: 1000\n\n')).toBe(true);
    expect(namedText).not.toContain('response.failed');
    expect(parseSse(agUiText).at(-1)?.data).toMatchObject({ type: 'RUN_ERROR', code: 'unavailable' });
    expect((await waiting).status).toBe(503);
    await expect(fetch(`${gateway.url}/health`)).rejects.toThrow();
    expect(gateway.hub.subscriptionCount()).toBeLessThan(20);
  });
});

describe('slow clients', () => {
  it('that stop reading are held back or closed, and take nobody else with them', async () => {
    const gateway = await open({ SSE_MAX_BUFFERED_BYTES: '65536', SSE_HEARTBEAT_MS: '100' });
    const { hostname, port } = new URL(gateway.url);
    const paused = Array.from({ length: 20 }, (_, i) => {
      const socket = connect(Number(port), hostname);
      socket.write(
        `GET /orchestrate/stream?task=play%20tool%205&run_id=slow-${i} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-User-Id: u${i}\r\n\r\n`,
      );
      socket.pause();
      socket.on('error', () => undefined);
      return socket;
    });
    await until(() => gateway.orchestrator.count() === 20);
    const began = Date.now();
    const quick = await fetch(`${gateway.url}/orchestrate`, {
      method: 'POST',
      headers: { 'x-user-id': 'q', 'content-type': 'application/json' },
      body: '{"task":"play tool"}',
    });
    expect(quick.status).toBe(200);
    await quick.json();
    expect(Date.now() - began).toBeLessThan(5_000);
    for (const socket of paused) socket.destroy();
    await until(async () =>
      (await (await fetch(`${gateway.url}/metrics`)).text()).includes('sse_connections{app="gateway"} 0'),
    );
  });

  it('get the whole run after a break, by their cursor', async () => {
    const gateway = await open({});
    const response = await fetch(`${gateway.url}/orchestrate/stream?task=play%20parallel%205`, as('a'));
    const runId = response.headers.get('x-run-id')!;
    const head = await readUntil(response, (text) => (text.match(/\n\n/g) ?? []).length >= 6);
    const complete = head.slice(0, head.lastIndexOf('\n\n') + 2);
    const cursor = parseSse(complete).findLast(({ id }) => id !== undefined)!.id!;
    const rest = await (
      await fetch(`${gateway.url}/runs/${runId}/events`, { headers: { 'x-user-id': 'a', 'last-event-id': cursor } })
    ).text();
    const kept = parseSse(complete);
    const upTo = kept.findLastIndex(({ id }) => id === cursor) + 1;
    const whole = parseSse(await (await fetch(`${gateway.url}/runs/${runId}/events`, as('a'))).text());
    const seen = [...kept.slice(0, upTo), ...parseSse(rest)].filter(({ event }) => event !== 'server.keepalive');
    expect(seen).toEqual(whole);
  });
});

describe('POST /orchestrate', () => {
  it('gives up waiting at its limit; the run goes on', async () => {
    const gateway = await open({ ORCHESTRATE_TIMEOUT_MS: '1000' });
    const response = await fetch(`${gateway.url}/orchestrate`, {
      method: 'POST',
      headers: { 'x-user-id': 'a', 'content-type': 'application/json' },
      body: '{"task":"hang","run_id":"long"}',
    });
    expect([response.status, await response.json()]).toMatchObject([
      504,
      { code: 'deadline_exceeded', detail: expect.stringContaining('/runs/long') },
    ]);
    expect(await (await fetch(`${gateway.url}/runs/long`, as('a'))).json()).toMatchObject({ phase: 'running' });
  });
});

describe('the counts of the gateway', () => {
  it('are for those who bring OPS_TOKEN, where it is set', async () => {
    const token = 'of-the-operator-1234';
    const { url } = await open({ OPS_TOKEN: token });
    for (const path of ['/metrics', '/metrics-debug']) {
      const status = async (headers: Record<string, string>) => (await fetch(`${url}${path}`, { headers })).status;
      expect([path, await status({}), await status(as('alice').headers)]).toEqual([path, 401, 403]);
      expect(await status({ authorization: `Bearer ${token}` })).toBe(200);
    }
    expect([(await fetch(`${url}/health`)).status, (await fetch(`${url}/openapi.json`)).status]).toEqual([200, 200]);
  });
});
