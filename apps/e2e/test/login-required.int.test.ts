import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Bus, connectBus, type Service } from '@switchyard/bus';
import { AppError, getRun, startRun } from '@switchyard/contracts';
import { Config as GatewayConfig, createGateway, type Gateway } from '@switchyard/gateway';
import { type ProsodyServer, type Servers, startProsody, startServers } from '@switchyard/local-servers';
import { createLogger, parseConfig } from '@switchyard/platform';
import { type Proxy, startProxy, until } from '@switchyard/testing';
import { Config as BridgeConfig, createXmppBridge } from '@switchyard/xmpp-bridge';

/** AZTM_REQUIRED=true, with the real gateway, the real bridge and a real Prosody that cannot be reached at first. */

const log = createLogger({ app: 'test', level: 'silent' });
let dir: string;
let servers: Servers<'nats'>;
let prosody: ProsodyServer;
let link: Proxy;
let orchestrator: Bus;
let bridge: Service;
let gateway: Gateway;
let started = 0;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'switchyard-required-'));
  chmodSync(dir, 0o755);
  servers = await startServers(['nats']);
  prosody = await startProsody({ dir: join(dir, 'prosody'), users: { ada: 'pw-ada' } });
  link = await startProxy(prosody.port);
  link.cut();
  orchestrator = await connectBus({ ...servers.busOf('orchestrator'), log });
  await orchestrator.ensureStreams();
  await orchestrator.answer(startRun, ({ runId }) => {
    started += 1;
    return Promise.resolve({ runId, created: true, lastSeq: 1, ended: false });
  });
  await orchestrator.answer(getRun, () => Promise.reject(new AppError('not_found')));
});
afterAll(async () => {
  await gateway?.stop();
  await bridge?.stop();
  await orchestrator?.close();
  link?.stop();
  await prosody?.stop();
  await servers?.stop();
  rmSync(dir, { recursive: true, force: true });
});

it('nothing runs before the AZTM login stands, and everybody is told why; then it does', async () => {
  const env = {
    LOG_LEVEL: 'silent',
    AZTM_REQUIRED: 'true',
    AZTM_JID: 'ada@localhost',
    AZTM_PASSWORD: 'pw-ada',
    AZTM_HOST: '127.0.0.1',
    AZTM_PORT: String(link.port),
    AZTM_TLS: 'off',
  };
  const parsed = parseConfig(BridgeConfig, { ...env, ...servers.accessOf('xmpp-bridge') });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  bridge = createXmppBridge(parsed.value, { log, handleSignals: false });
  gateway = createGateway(
    GatewayConfig.parse({ ...env, ...servers.accessOf('gateway'), GATEWAY_PORT: '0', GATEWAY_HOST: '127.0.0.1' }),
    { log },
  );
  await Promise.all([bridge.start(), gateway.start()]);

  const readiness = async () => {
    const response = await fetch(`${gateway.url}/readiness`);
    return { status: response.status, body: (await response.json()) as { checks: { xmpp: { detail?: string } } } };
  };
  const start = () =>
    fetch(`${gateway.url}/runs`, {
      method: 'POST',
      headers: { 'x-user-id': 'ada', 'content-type': 'application/json' },
      body: '{"task":"hello"}',
    });
  await until(async () => /the connection/.test((await readiness()).body.checks.xmpp.detail ?? ''), 30_000);
  expect((await readiness()).status).toBe(503);
  const refused = await start();
  expect([refused.status, await refused.json()]).toMatchObject([
    503,
    { code: 'unavailable', detail: expect.stringContaining('No run is accepted before the AZTM login stands.') },
  ]);
  expect(started).toBe(0);

  link.heal();
  await until(async () => (await readiness()).status === 200, 60_000);
  expect((await readiness()).body.checks.xmpp.detail).toContain('The AZTM login stands');
  expect((await start()).status).toBe(202);
  expect(started).toBe(1);
});
