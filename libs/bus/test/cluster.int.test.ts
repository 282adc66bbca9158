import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { STREAMS } from '@switchyard/contracts';
import {
  busAccess,
  loadBusKeys,
  type NatsCluster,
  Passwords,
  stackCertificates,
  startNats,
  startNatsCluster,
} from '@switchyard/local-servers';
import { connect as connectStock } from 'nats';
import { tlsOptions } from '@switchyard/platform';
import { until } from '@switchyard/testing';
import { type Bus, connectBus } from '../src/index.ts';
import { newRunId, runOf } from './fixtures.ts';
import { log } from './harness.ts';

/* Three real nats-servers with the permissions of production, TLS alone, each stream on all of them. */

const dir = mkdtempSync(join(tmpdir(), 'switchyard-cluster-'));
const passwords = new Passwords(join(dir, 'logins'));
let cluster: NatsCluster;
const open: Bus[] = [];

beforeAll(async () => {
  cluster = await startNatsCluster({
    dir: join(dir, 'nats'),
    passwords,
    tls: await stackCertificates(join(dir, 'tls')),
  });
});
afterAll(async () => {
  await Promise.all(open.map((bus) => bus.close()));
  await cluster?.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function connectAs(app: 'orchestrator' | 'audit'): Promise<Bus> {
  const bus = await connectBus({ ...busAccess(app, cluster, await loadBusKeys(passwords), 'tester'), log });
  open.push(bus);
  return bus;
}

it('the server that leads a stream dies: every fact that was taken is consumed, and facts go on', async () => {
  const writer = await connectAs('orchestrator');
  await until(
    () =>
      writer.ensureStreams(STREAMS.RUNS, 3).then(
        () => true,
        () => false,
      ),
    30_000,
  );
  const reader = await connectAs('audit');
  const seen = new Set<string>();
  const consuming = reader.consume({
    stream: 'RUNS',
    durable: 'audit',
    handle: async (messages) => messages.forEach(({ event }) => void seen.add(event!.runId)),
  });
  const taken: string[] = [];
  let going = true;
  const publishing = (async () => {
    while (going) {
      const runId = newRunId();
      await writer.publishEvents(runOf(runId, 3)).then(
        () => taken.push(runId),
        () => new Promise((resolve) => setTimeout(resolve, 100)), // the relay of the orchestrator repeats as well
      );
    }
  })();
  await until(() => seen.size > 20, 30_000);
  const admin = new URL(cluster.members[0]!.url);
  const stock = await connectStock({
    servers: cluster.members.map(({ port }) => `127.0.0.1:${port}`),
    user: admin.username,
    pass: admin.password,
    tls: tlsOptions(cluster.tlsFor!('admin')),
  });
  const { cluster: led, config } = await (await stock.jetstreamManager()).streams.info('RUNS');
  await stock.close();
  expect(config.num_replicas).toBe(3);
  const leader = cluster.members.find(({ port }) => led!.leader === `switchyard-${port}`)!;
  process.kill(leader.pid, 'SIGKILL');
  await leader.exited;
  const before = taken.length;
  await until(() => taken.length > before + 20, 30_000);
  going = false;
  await publishing;
  await until(() => taken.every((runId) => seen.has(runId)), 30_000);
  await consuming.stop();
}, 240_000);

it('one server cannot keep three copies: that is said, and with one copy all is well', async () => {
  const alone = await startNats({
    dir: join(dir, 'alone'),
    passwords,
    withoutPermissions: 'the login of the test is no service',
  });
  try {
    const bus = await connectBus({ url: alone.url, trust: 'open', app: 'orchestrator', log });
    open.push(bus);
    const refusal = { code: 'unavailable', message: expect.stringContaining('NATS_STREAM_REPLICAS') };
    await expect(bus.ensureStreams(STREAMS.RUNS, 3)).rejects.toMatchObject(refusal);
    await bus.ensureStreams(STREAMS.RUNS, 1);
    await bus.publishEvents(runOf(newRunId(), 1));
    expect((await bus.streamPosition('RUNS')).lastSeq).toBe(1);
  } finally {
    await alone.stop();
  }
});
