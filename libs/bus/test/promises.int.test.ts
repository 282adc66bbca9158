import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort, startNats } from '@switchyard/local-servers';
import { createMetrics } from '@switchyard/platform';
import { until } from '@switchyard/testing';
import { type BusStatus, connectBus, type ConsumedMessage } from '../src/index.ts';
import { echo, newRunId, runOf, slow } from './fixtures.ts';
import { describeFollow } from './follow-promises.ts';
import { log, type NatsWorld, natsWorld } from './harness.ts';
import { describeBus } from './promises.ts';

describeBus('NATS', natsWorld);
describeFollow('NATS', natsWorld);

describe('the connection to NATS', () => {
  let world: NatsWorld;

  beforeAll(async () => {
    world = await natsWorld();
  });
  afterAll(() => world?.stop(), 30_000);

  it('is waited for while the server is still down', async () => {
    const port = await freePort();
    const connecting = connectBus({ url: `nats://127.0.0.1:${port}`, app: 'early', log });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const server = await startNats({ dir: `${world.dir}/late`, durable: false, port });
    const bus = await connecting;
    expect(bus.status()).toMatchObject({ connected: true, url: `nats://127.0.0.1:${port}` });
    await bus.close();
    await server.stop();
  });

  it('comes back though the server refused the login for a while', async () => {
    const port = await freePort();
    const dir = `${world.dir}/logins`;
    const withPassword = (password: string) =>
      startNats({ dir, durable: false, port, config: `authorization { user: a, password: ${password} }` });
    let server = await withPassword('right');
    const bus = await connectBus({ url: `nats://a:right@127.0.0.1:${port}`, app: 'gateway', log });
    expect(JSON.stringify(bus.status())).not.toContain('right');
    await server.stop();
    server = await withPassword('other');
    await new Promise((resolve) => setTimeout(resolve, 4_000)); // several refused logins
    expect(bus.status().connected).toBe(false);
    await server.stop();
    server = await withPassword('right');
    await until(() => bus.status().connected, 8_000);
    await bus.close();
    await server.stop();
  });

  it('notices within seven seconds a link that is open and swallows everything, and heals', async () => {
    const { bus, proxy } = await world.connectProxied('gateway');
    const seen: BusStatus[] = [];
    bus.onStatus((status) => seen.push(status));
    proxy.freeze();
    const start = Date.now();
    await until(() => !bus.status().connected, 8_000);
    expect(Date.now() - start).toBeLessThan(10_000);
    proxy.heal();
    await until(() => bus.status().connected, 10_000);
    expect(seen.map(({ connected }) => connected)).toEqual([false, true]);
    expect(bus.status().reconnects).toBe(1);
  });

  it('answers and follows go on after the link broke', async () => {
    const { bus: worker, proxy } = await world.connectProxied('mcp-tool');
    const asker = await world.connect('gateway');
    await worker.answer(echo, async ({ text }) => ({ text }));
    proxy.drop();
    await until(() => worker.status().reconnects === 1, 8_000);
    await until(async () => (await asker.request(echo, { text: 'a' }).catch(() => undefined))?.text === 'a', 5_000);
  });

  it('begins to answer although the link breaks just then', async () => {
    const { bus: worker, proxy } = await world.connectProxied('mcp-tool');
    const asker = await world.connect('gateway');
    proxy.freeze();
    const begun = worker.answer(echo, async ({ text }) => ({ text: `late ${text}` }));
    proxy.drop();
    proxy.heal();
    await until(() => worker.status().reconnects === 1, 8_000);
    const answering = await begun;
    await until(
      async () => (await asker.request(echo, { text: 'a' }).catch(() => undefined))?.text === 'late a',
      5_000,
    );
    await answering.stop();
  });

  it('says at once that it is not there, to whoever asks or publishes meanwhile', async () => {
    const { bus, proxy } = await world.connectProxied('gateway');
    proxy.cut();
    await until(() => !bus.status().connected);
    const start = Date.now();
    await expect(bus.request(echo, { text: 'a' })).rejects.toMatchObject({ code: 'unavailable' });
    await expect(bus.publishEvents(runOf(newRunId(), 2))).rejects.toMatchObject({ code: 'unavailable' });
    expect(Date.now() - start).toBeLessThan(10_000);
    const abort = AbortSignal.timeout(100);
    await expect(bus.request(echo, { text: 'a' }, { signal: abort })).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('is closed in seconds though the server is away', async () => {
    const { bus, proxy } = await world.connectProxied('gateway');
    bus.consume({ stream: 'RUNS', durable: 'audit', handle: async () => undefined });
    await new Promise((resolve) => setTimeout(resolve, 300));
    proxy.cut();
    await until(() => !bus.status().connected);
    const start = Date.now();
    await bus.close();
    expect(Date.now() - start).toBeLessThan(10_000);
  });

  it('measures its round trip', async () => {
    const bus = await world.connect('gateway');
    await until(() => bus.status().rttMs !== undefined);
    expect(bus.status().rttMs).toBeLessThan(1_000);
    expect(bus.status().serverVersion).toMatch(/^2\./);
  });

  it('counts what it does', async () => {
    const metrics = createMetrics('gateway');
    const bus = await connectBus({ url: world.url, app: 'gateway', log, metrics });
    await expect(bus.request(slow, {})).rejects.toMatchObject({ code: 'no_responders' });
    expect(await metrics.text()).toMatch(
      /bus_requests_total\{side="asked",subject="rpc.test.slow",outcome="no_responders",app="gateway"\} 1/,
    );
    await bus.close();
  });
});

describe('the streams', () => {
  let world: NatsWorld;

  beforeAll(async () => {
    world = await natsWorld();
  });
  afterAll(() => world?.stop(), 30_000);

  it('hold a whole batch, though the store was lost just before', async () => {
    const bus = await world.connect('orchestrator');
    await bus.ensureStreams();
    await world.restart((store) => rm(store, { recursive: true, force: true }));
    await until(() => bus.status().reconnects === 1, 10_000);
    const runId = newRunId();
    await bus.publishEvents(runOf(runId, 10));
    const manager = await world.connection.jetstreamManager();
    expect((await manager.streams.info('RUNS')).state.messages).toBe(10);
  });

  it('are consumed on though a message is no fact; what is no fact is skipped and counted', async () => {
    const metrics = createMetrics('audit');
    const bus = await connectBus({ url: world.url, app: 'audit', log, metrics });
    const runId = newRunId();
    const seen: number[] = [];
    const consuming = bus.consume({
      stream: 'RUNS',
      durable: 'malformed',
      filter: `run.acme.${runId}.>`,
      handle: async (messages) => void seen.push(...messages.map(({ event }) => event!.seq)),
    });
    const events = runOf(runId, 3);
    await bus.publishEvents(events.slice(0, 1));
    await world.stock.publish(`run.acme.${runId}.orchestrator.planning.started`, '{"specversion":"1.0"');
    await world.stock.publish(`run.acme.${runId}.orchestrator.planning.started`, new Uint8Array([255, 0]));
    await bus.publishEvents(events.slice(1));
    await until(() => seen.length === 3, 8_000);
    expect(seen).toEqual([1, 2, 3]);
    expect(await metrics.text()).toContain('bus_malformed_messages_total{stream="RUNS",app="audit"} 2');
    await consuming.stop();
    await bus.close();
  });

  it('are not given to a second consumer while the first is still handling them', async () => {
    const bus = await world.connect('audit');
    const runId = newRunId();
    const taken: ConsumedMessage[] = [];
    const consuming = bus.consume({
      stream: 'RUNS',
      durable: 'slow',
      filter: `run.acme.${runId}.>`,
      handle: async (messages) => {
        taken.push(...messages);
        await new Promise((resolve) => setTimeout(resolve, 33_000));
      },
    });
    await bus.publishEvents(runOf(runId, 2).slice(0, 1));
    await until(() => taken.length === 1, 8_000);
    await new Promise((resolve) => setTimeout(resolve, 36_000));
    expect(taken.length).toBe(1);
    await consuming.stop();
  }, 60_000);
});
