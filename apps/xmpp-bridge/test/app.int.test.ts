import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Bus, connectBus, type Service } from '@switchyard/bus';
import { xmppStatus } from '@switchyard/contracts';
import { type Servers, startServers, stockClient } from '@switchyard/local-servers';
import { createLogger, parseConfig } from '@switchyard/platform';
import { signedAs, until } from '@switchyard/testing';
import { connect, headers, type NatsConnection } from 'nats';
import { Config, createXmppBridge } from '../src/index.ts';

/** The whole service, wired by app.ts, on a real NATS server. */

/** An account at a server that is not there. */
const LOGIN = {
  AZTM_JID: 'agent@example.org',
  AZTM_PASSWORD: 'canary-31415',
  AZTM_HOST: '127.0.0.1',
  AZTM_PORT: '1',
};
const dir = mkdtempSync(join(tmpdir(), 'xmpp-bridge-'));
const lines: string[] = [];
const log = createLogger({ app: 'xmpp-bridge', destination: { write: (line: string) => void lines.push(line) } });

let servers: Servers<'nats'>;
let asker: Bus;
/** A stock client, as an operator has it. */
let raw: NatsConnection;
let service: Service | undefined;

beforeAll(async () => {
  servers = await startServers(['nats']);
  asker = await connectBus({ ...servers.busOf('gateway'), log });
  raw = await connect(stockClient(servers.nats.url, 'operator'));
});
afterEach(async () => {
  await service?.stop();
  service = undefined;
  lines.length = 0;
});
afterAll(async () => {
  await Promise.all([raw?.close(), asker?.close()]);
  await servers?.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function start(env: Record<string, string>): Promise<void> {
  const config = parseConfig(Config, { ...servers.accessOf('xmpp-bridge'), ...env });
  if (!config.ok) throw new Error(JSON.stringify(config.problems));
  service = createXmppBridge(config.value, { log, handleSignals: false });
  await service.start();
}

/** The login has failed, and rests before it is tried again. */
const failed = () => until(async () => (await asker.request(xmppStatus, {})).state === 'failed');

async function readiness() {
  const response = await fetch(`http://127.0.0.1:${service!.opsPort}/readiness`);
  return { status: response.status, checks: ((await response.json()) as { checks: unknown }).checks };
}

describe('the service on a real NATS server', () => {
  it('is disabled and ready without an account', async () => {
    await start({});
    expect(await asker.request(xmppStatus, {})).toMatchObject({ state: 'disabled', mappedHosts: [] });
    expect(await readiness()).toMatchObject({ status: 200, checks: { 'aztm login': { ok: true, required: false } } });
  });

  it('says in one sentence why the login does not stand, and is ready where nothing asks for it', async () => {
    await start({ ...LOGIN, SERVICE_MAP: '{"a.example": "a@example.org"}' });
    await failed();
    expect(await asker.request(xmppStatus, {})).toMatchObject({
      state: 'failed',
      sentence: expect.stringContaining('nothing listens there'),
      failure: { code: 'REFUSED', step: 'connecting', then: 'retry' },
      jid: LOGIN.AZTM_JID,
      mappedHosts: ['a.example'],
    });
    const metrics = await (await fetch(`http://127.0.0.1:${service!.opsPort}/metrics`)).text();
    expect(metrics).toMatch(/^\w*xmpp_login_failures_total\{[^}]*code="REFUSED"[^}]*\} \d+$/m);
    expect(await readiness()).toMatchObject({ status: 200, checks: { 'aztm login': { ok: false, required: false } } });
  });

  it('is not ready where the login is required, and says why', async () => {
    await start({ ...LOGIN, AZTM_REQUIRED: 'true' });
    await failed();
    const { sentence } = await asker.request(xmppStatus, {});
    expect(await readiness()).toMatchObject({
      status: 503,
      checks: { 'aztm login': { ok: false, required: true, detail: sentence } },
    });
  });

  it('never logs the password, and warns where no certificate is checked', async () => {
    await start({ ...LOGIN, AZTM_VALIDATE_CERT: 'false' });
    expect(lines.join('')).toContain('AZTM_VALIDATE_CERT=false');
    expect(lines.join('')).not.toContain('canary');
  });

  it('answers whoever signs what it asks, refuses garbage with a stable code, and tells others nothing', async () => {
    await start(LOGIN);
    await failed();
    const { trust } = servers.busOf('gateway');
    const asked = (body: Uint8Array | string) => {
      const { caller, reply } = signedAs('gateway', 'xmpp-bridge', trust, { subject: xmppStatus.subject, body });
      const signed = headers();
      signed.set('caller', caller);
      return raw.request(xmppStatus.subject, body, { timeout: 30_000, noMux: true, reply, headers: signed });
    };
    for (const body of ['{', '[]', '5', new Uint8Array([0xff, 0x00]), '['.repeat(50_000) + ']'.repeat(50_000)])
      expect((await asked(body)).headers?.get('error-code')).toBe('invalid_input');
    for (const body of ['{}', '']) {
      const answer = await asked(body);
      expect(answer.json()).toMatchObject({ jid: LOGIN.AZTM_JID });
      expect(answer.string()).not.toContain('canary');
    }
    const unsigned = await raw.request(xmppStatus.subject, '{}', { timeout: 30_000 });
    expect(unsigned.headers?.get('error-code')).toBe('caller_not_trusted');
  });
});
