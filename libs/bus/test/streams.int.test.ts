import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { STREAMS } from '@switchyard/contracts';
import { createMetrics } from '@switchyard/platform';
import { until } from '@switchyard/testing';
import { connectBus, type ConsumedMessage } from '../src/index.ts';
import { newRunId, pause, runOf } from './fixtures.ts';
import { log, type NatsWorld, natsWorld } from './harness.ts';

describe('the streams', () => {
  let world: NatsWorld;

  beforeAll(async () => {
    world = await natsWorld();
  });
  afterAll(() => world?.stop());

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

  it('are made again with their consumers once they are gone, and nothing published after is missed', async () => {
    const [writer, reader] = [await world.connect('orchestrator'), await world.connect('audit')];
    await writer.ensureStreams();
    const seen = new Set<string>();
    const consuming = reader.consume({
      stream: 'RUNS',
      durable: 'watchdog',
      handle: async (messages) => messages.forEach(({ event }) => void seen.add(event!.runId)),
    });
    await writer.publishEvents(runOf(newRunId(), 2));
    const manager = await world.connection.jetstreamManager();
    for (const stream of Object.keys(STREAMS)) await manager.streams.delete(stream);
    const after = newRunId();
    await writer.publishEvents(runOf(after, 2));
    await until(() => seen.has(after), 30_000);
    await consuming.stop();
  });

  it('are consumed on though a message is no fact; what is no fact is skipped and counted', async () => {
    const metrics = createMetrics('audit');
    const bus = await connectBus({ trust: 'open', url: world.url, app: 'audit', log, metrics });
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
        await pause(33_000);
      },
    });
    await bus.publishEvents(runOf(runId, 2).slice(0, 1));
    await until(() => taken.length === 1, 8_000);
    await pause(36_000);
    expect(taken.length).toBe(1);
    await consuming.stop();
  });
});
