import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type AppError, STREAMS } from '@switchyard/contracts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startNats } from '@switchyard/local-servers';
import { until } from '@switchyard/testing';
import { AckPolicy, DeliverPolicy, type JetStreamManager, RetentionPolicy } from 'nats';
import { type Bus, connectBus, type Subscription } from '../src/index.ts';
import { differences } from '../src/nats/pull.ts';
import { echo, newRunId, runOf, slow } from './fixtures.ts';
import { log, type NatsWorld, natsWorld } from './harness.ts';

/** Streams and consumers that are not as they were left: older, shorter, made by somebody else, not permitted. */

let world: NatsWorld;
let bus: Bus;
let manager: JetStreamManager;
const reading: Subscription[] = [];

beforeAll(async () => {
  world = await natsWorld();
  bus = await world.connect('orchestrator');
  manager = await world.connection.jetstreamManager();
});
afterEach(async () => {
  await Promise.all(reading.splice(0).map((one) => one.stop()));
});
afterAll(() => world?.stop());

/** Reads the stream under a durable name; gives the runs that came. */
function read(durable: string, filter?: string): Set<string> {
  const runs = new Set<string>();
  const handle = async (messages: { event?: { runId: string } }[]) =>
    messages.forEach(({ event }) => void (event && runs.add(event.runId)));
  reading.push(bus.consume({ stream: 'RUNS', durable, handle, ...(filter ? { filter } : {}) }));
  return runs;
}

async function published(events = 3): Promise<string> {
  const runId = newRunId();
  await bus.publishEvents(runOf(runId, events));
  return runId;
}

describe('a store that is older than its consumers', () => {
  it('loses what was published since, and nothing that comes after: the consumer is rebuilt', async () => {
    await bus.ensureStreams();
    const early = await published();
    const runs = read('watch');
    await until(() => runs.has(early), 8_000);
    const copy = join(world.dir, 'older');
    const messages = (store: string) => join(store, 'jetstream', '$G', 'streams', 'RUNS', 'msgs');
    await world.restart((store) => cp(messages(store), copy, { recursive: true }));
    await until(() => bus.status().connected, 10_000);
    const lost = await published(40);
    await until(() => runs.has(lost), 10_000);
    // As after a power cut: the messages are as of then, the consumer's place is as of now.
    await world.restart(async (store) => {
      await rm(messages(store), { recursive: true });
      await cp(copy, messages(store), { recursive: true });
    });
    await until(() => bus.status().connected, 10_000);
    // This connection of the test comes back at a time of its own.
    const last = async () => (await manager.streams.info('RUNS').catch(() => undefined))?.state.last_seq;
    await until(async () => (await last()) !== undefined, 20_000);
    expect(await last()).toBe(3);
    const after = await published();
    await until(() => runs.has(after), 20_000);
    const { delivered } = await manager.consumers.info('RUNS', 'watch');
    expect(delivered.stream_seq).toBeLessThanOrEqual(6);
  });
});

describe('a consumer with other settings', () => {
  it('is brought to ours, or made anew and begins at the start', async () => {
    await bus.ensureStreams();
    const runId = await published();
    await manager.consumers.add('RUNS', {
      durable_name: 'other',
      ack_policy: AckPolicy.Explicit,
      ack_wait: 1_000_000_000,
      max_ack_pending: 3,
      filter_subject: 'run.nobody.>',
    });
    await manager.consumers.add('RUNS', { durable_name: 'acks-all', ack_policy: AckPolicy.All });
    const [one, two] = [read('other', 'run.acme.>'), read('acks-all')];
    await until(() => one.has(runId) && two.has(runId), 10_000);
    const { config } = await manager.consumers.info('RUNS', 'other');
    expect(config).toMatchObject({ ack_wait: 30_000_000_000, max_ack_pending: 800, filter_subject: 'run.acme.>' });
    expect((await manager.consumers.info('RUNS', 'acks-all')).config.ack_policy).toBe(AckPolicy.Explicit);
  });

  it('is told from one without a filter', () => {
    const same = { ack_policy: AckPolicy.Explicit, deliver_policy: DeliverPolicy.All, ack_wait: 1, max_ack_pending: 1 };
    expect(differences(same, { ...same, filter_subject: '' })).toEqual([]);
    expect(differences(same, { ...same, filter_subject: 'run.>' })).toEqual(['filter_subject']);
  });
});

describe('a stream with other settings', () => {
  const remake = async (name: string, changes: object) => {
    const { config } = await manager.streams.info(name);
    await manager.streams.delete(name);
    await manager.streams.add({ ...config, ...changes });
  };

  it('is made anew where all of it is committed elsewhere', async () => {
    await bus.ensureStreams();
    await remake('RUNS', { retention: RetentionPolicy.Interest });
    await bus.ensureStreams();
    expect((await manager.streams.info('RUNS')).config.retention).toBe(RetentionPolicy.Limits);
  });

  it('keeps the limits that the orchestrator asked for, also where it is made again by another service', async () => {
    const limits = { maxAgeMs: 3_600_000, maxBytes: 1_048_576, maxMessages: 50 };
    await bus.ensureStreams(limits);
    const config = async () => (await manager.streams.info('RUNS')).config;
    const asked = { max_age: 3_600_000_000_000, max_bytes: 1_048_576, max_msgs: 50 };
    expect(await config()).toMatchObject(asked);
    const other = await world.connect('audit');
    await other.ensureStreams();
    expect(await config()).toMatchObject(asked);
    await manager.streams.delete('RUNS');
    await other.ensureStreams();
    expect(await config()).toMatchObject({ max_msgs: STREAMS.RUNS.maxMessages });
    await bus.ensureStreams();
    expect(await config()).toMatchObject(asked);
    await bus.ensureStreams(STREAMS.RUNS);
  });

  it('is left alone, and said, where its messages exist nowhere else', async () => {
    await remake('SYSTEM', { retention: RetentionPolicy.Workqueue });
    await expect(bus.ensureStreams()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/Stream SYSTEM has another retention.*delete it by hand/),
    });
    await manager.streams.delete('SYSTEM');
    await bus.ensureStreams();
  });

  it('is left alone where somebody else made it, or has its subjects', async () => {
    await manager.streams.delete('COMMANDS');
    await manager.streams.add({ name: 'COMMANDS', subjects: ['theirs.>'], description: 'theirs' });
    await expect(bus.ensureStreams()).rejects.toMatchObject({ message: expect.stringContaining("somebody else's") });
    expect((await manager.streams.info('COMMANDS')).config.subjects).toEqual(['theirs.>']);
    await manager.streams.delete('COMMANDS');
    await manager.streams.add({ name: 'THEIRS', subjects: ['cmd.>'] });
    await expect(bus.ensureStreams()).rejects.toMatchObject({ message: expect.stringContaining('Another stream has') });
    await manager.streams.delete('THEIRS');
    await bus.ensureStreams();
  });
});

describe('a worker that stops', () => {
  it('finishes what it can in time and tells the callers of the rest at once; nothing sent to it is swallowed', async () => {
    const worker = await connectBus({ trust: 'open', url: world.url, app: 'mcp-tool', log, stopLimitMs: 600 });
    let begun = 0;
    let aborted = 0;
    await worker.answer(echo, async ({ text }, { signal }) => {
      begun += 1;
      signal.addEventListener('abort', () => (aborted += 1), { once: true });
      await new Promise((resolve) => setTimeout(resolve, text === 'long' ? 30_000 : 200).unref());
      return { text };
    });
    const ask = (text: string) =>
      bus.request(echo, { text }).then(
        () => 'answered',
        ({ code }: AppError) => code,
      );
    const early = [ask('short'), ask('long')];
    await until(() => begun === 2);
    // Asked until nobody listens any more: each is answered, or refused at once.
    const late: Promise<string>[] = [];
    let listening = true;
    const asking = (async () => {
      while (listening) {
        late.push(ask('short'));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    const began = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 30));
    await worker.close();
    listening = false;
    await asking;
    expect(await Promise.all(early)).toEqual(['answered', 'worker_lost']);
    expect(new Set(await Promise.all(late))).toEqual(new Set(['answered', 'no_responders']));
    expect(Date.now() - began).toBeLessThan(20_000);
    expect(aborted).toBe(1);
  });
});

describe('a message that the server does not permit', () => {
  it('fails at once and by name, not as a lost worker', async () => {
    const config = `authorization { users = [ { user: a, password: b, permissions: {
      publish: { deny: ["rpc.test.slow", "run.>"] }, subscribe: ">" } } ] }`;
    const server = await startNats({
      dir: join(world.dir, 'denying'),
      durable: false,
      config,
      withoutPermissions: 'it brings its own',
    });
    const own = await connectBus({ trust: 'open', url: `nats://a:b@127.0.0.1:${server.port}`, app: 'gateway', log });
    try {
      await own.answer(echo, async ({ text }) => ({ text }));
      const began = Date.now();
      const denied = {
        code: 'internal',
        cause: expect.objectContaining({ message: expect.stringMatching(/no permission/) }),
      };
      await expect(own.request(slow, {})).rejects.toMatchObject(denied);
      await own.ensureStreams();
      await expect(own.publishEvents(runOf(newRunId(), 1))).rejects.toMatchObject(denied);
      expect(Date.now() - began).toBeLessThan(20_000);
      expect(await own.request(echo, { text: 'a' })).toEqual({ text: 'a' }); // the connection lives on
    } finally {
      await own.close();
      await server.stop();
    }
  });
});

describe('a wake-up that names no run', () => {
  it('is given up, not delivered for ever, and keeps no other from its replica', async () => {
    await bus.ensureStreams();
    for (const subject of ['cmd.run.acme', 'cmd.walk.acme.r1', 'cmd.run.acme.r1.more']) {
      await world.connection.jetstream().publish(subject, new Uint8Array([255, 0, 7]));
    }
    const runId = newRunId();
    await bus.wakeUp('acme', runId);
    const heard: string[] = [];
    reading.push(bus.onWakeUp(async (wakeUp) => (heard.push(wakeUp.runId), 'done')));
    await until(() => heard.includes(runId), 8_000);
    await until(async () => (await manager.streams.info('COMMANDS')).state.messages === 0, 8_000);
    expect(heard).toEqual([runId]);
  });
});
