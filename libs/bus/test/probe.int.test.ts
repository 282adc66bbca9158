import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type AppName, APPS, PEER_REQUESTS, STREAMS } from '@switchyard/contracts';
import { type LocalServer, startNats } from '@switchyard/local-servers';
import { AckPolicy, connect, type NatsConnection } from 'nats';
import { type Bus, connectBus, probeBus } from '../src/index.ts';
import { until } from '@switchyard/testing';
import { log } from './harness.ts';

/** What the doctor sees of nats-server, with the generated permissions, whole and damaged. */

const PERMISSIONS = readFileSync(join(import.meta.dirname, '../../../infra/nats/permissions.conf'), 'utf8').replace(
  'users: [',
  'timeout: 30, users: [ { user: "admin", password: "pw" }',
);
const LIMIT_MS = 10_000;
const dir = mkdtempSync(join(tmpdir(), 'switchyard-probe-'));
const servers: LocalServer[] = [];
let whole: LocalServer;
let admin: NatsConnection;
let orchestrator: Bus;
const heard: string[] = [];

/** nats-server with these permissions; everybody's password is "pw". */
async function server(name: string, permissions: string): Promise<LocalServer> {
  const config = permissions.replaceAll(/\$NATS_\w+_PASSWORD/g, '"pw"');
  const started = await startNats({
    dir: join(dir, name),
    config,
    withoutPermissions: 'it brings its own, some damaged',
  });
  servers.push(started);
  return started;
}
const at = ({ port }: LocalServer, login: string): string => `nats://${login}@127.0.0.1:${port}`;
const look = (app: AppName, on = whole) => probeBus({ url: at(on, `${app}:pw`), app, limitMs: LIMIT_MS });

beforeAll(async () => {
  whole = await server('whole', PERMISSIONS);
  admin = await connect({ servers: `127.0.0.1:${whole.port}`, user: 'admin', pass: 'pw' });
  orchestrator = await connectBus({ trust: 'open', url: at(whole, 'orchestrator:pw'), app: 'orchestrator', log });
  await orchestrator.ensureStreams();
});
afterAll(async () => {
  await orchestrator?.close();
  await admin?.close();
  await Promise.all(servers.map((each) => each.stop()));
  rmSync(dir, { recursive: true, force: true });
});

it('finds no fault in the generated permissions, and nothing that it tries is heard by anybody', async () => {
  for (const prefix of ['rpc.>', 'ctl.>', 'run.>', 'live.>', 'cmd.>', 'sys.>', '$KV.>'])
    admin.subscribe(prefix, { callback: (_, message) => heard.push(message.subject) });
  await admin.flush();
  for (const app of APPS) {
    const { permissions, refused } = await look(app);
    expect({ app, refused, permissions }).toEqual({
      app,
      refused: undefined,
      permissions: { tried: expect.any(Number), missing: [], excess: [], untried: false },
    });
    expect(permissions!.tried).toBeGreaterThan(10);
  }
  await admin.flush();
  expect(heard).toEqual([]);
});

it('names each permission that was dropped, and each that was given too much', async () => {
  const damaged = await server(
    'damaged',
    PERMISSIONS.replace('"rpc.runs.start"\n', '')
      .replace('"rpc.runs.cancel orchestrator"', '')
      .replace('"cmd.run.>"', '"cmd.run.>", "$JS.API.STREAM.DELETE.>"'),
  );
  const { permissions: asker } = await look('gateway', damaged);
  expect(asker?.missing).toEqual([{ verb: 'publish', subject: 'rpc.runs.start' }]);
  const { permissions: answerer } = await look('orchestrator', damaged);
  expect(answerer?.missing).toEqual([{ verb: 'subscribe', subject: 'rpc.runs.cancel', queue: 'orchestrator' }]);
  expect(answerer?.excess).toEqual([{ verb: 'publish', subject: '$JS.API.STREAM.DELETE.doctor' }]);
});

it('tells a wrong password, a server that is away, and a login without limits apart', async () => {
  expect((await probeBus({ url: at(whole, 'a2a:wrong'), limitMs: LIMIT_MS })).refused).toBe('AUTHORIZATION_VIOLATION');
  expect((await probeBus({ url: 'nats://127.0.0.1:1', limitMs: LIMIT_MS })).refused).toBe('ECONNREFUSED');
  expect((await probeBus({ url: 'not a url', limitMs: LIMIT_MS })).refused).toBe('NO_URL');
  const unlimited = await probeBus({ url: at(whole, 'admin:pw'), limitMs: LIMIT_MS });
  expect(unlimited.app).toBeUndefined();
  expect(unlimited.server).not.toContain('pw');
  expect(unlimited.permissions?.excess.length).toBeGreaterThan(5);
});

it('sees a stream and a consumer that are missing or are not as they should be', async () => {
  const jsm = await admin.jetstreamManager();
  const before = await look('orchestrator');
  expect(before.streams?.map(({ name, missing, other }) => ({ name, missing, other }))).toEqual(
    Object.values(STREAMS).map(({ name }) => ({ name, missing: false, other: [] })),
  );
  expect(before.consumers).toMatchObject([{ stream: 'COMMANDS', name: 'orchestrator', missing: true }]);
  await jsm.streams.delete('SYSTEM');
  await jsm.streams.update('RUNS', { max_age: 3_600_000_000_000 });
  await jsm.consumers.add('COMMANDS', {
    durable_name: 'orchestrator',
    ack_policy: AckPolicy.Explicit,
    ack_wait: 1_000_000_000,
  });
  const after = await look('orchestrator');
  expect(after.streams).toMatchObject([
    { name: 'RUNS', missing: false, other: ['max_age'] },
    { name: 'SYSTEM', missing: true },
    { name: 'COMMANDS', missing: false, other: [] },
  ]);
  expect(after.consumers).toMatchObject([{ missing: false, other: expect.arrayContaining(['ack_wait']), pending: 0 }]);
});

it('sees a bucket that is not made yet, one that is, and one that is not as the code relies on', async () => {
  const unmade = { missing: true, other: [], entries: 0 };
  expect((await look('xmpp-bridge')).buckets).toMatchObject([
    { name: 'leases', ...unmade },
    { name: 'requests', ...unmade },
  ]);
  const bridge = await connectBus({ trust: 'open', url: at(whole, 'xmpp-bridge:pw'), app: 'xmpp-bridge', log });
  const lease = bridge.lease({ name: 'leader', holder: 'me', onChange: () => undefined });
  try {
    await bridge.records(PEER_REQUESTS).write('k', { a: 1 }, 0);
    await until(() => lease.settled, 20_000);
    const made = { missing: false, other: [], entries: 1 };
    expect((await look('xmpp-bridge')).buckets).toMatchObject([
      { name: 'leases', ...made },
      { name: 'requests', ...made },
    ]);
    const jsm = await admin.jetstreamManager();
    await jsm.streams.update('KV_requests', { max_age: 3_600_000_000_000 });
    await jsm.streams.update('KV_leases', { max_msgs_per_subject: 5, allow_direct: true });
    expect((await look('xmpp-bridge')).buckets?.map(({ other }) => other)).toEqual([
      ['max_msgs_per_subject', 'allow_direct'],
      ['max_age'],
    ]);
    expect((await look('gateway')).buckets).toBeUndefined();
  } finally {
    await lease.close();
    await bridge.close();
  }
});
