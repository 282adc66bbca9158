import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { listTools, performStep } from '@switchyard/contracts';
import { type Servers, startServers } from '@switchyard/local-servers';
import { createLogger } from '@switchyard/platform';
import { startProxy, until } from '@switchyard/testing';
import { connect, type NatsConnection } from 'nats';
import { type Bus, connectBus } from '../src/index.ts';
import { conformance, eventsOf, fromJournal, pause, STEP } from './conformance.ts';

const log = createLogger({ app: 'test', level: 'silent' });
let servers: Servers<'nats'>;
let raw: NatsConnection;
const open: Bus[] = [];
const connectAs = async (app: string) => {
  const bus = await connectBus({ url: servers.nats.url, app, log });
  open.push(bus);
  return bus;
};

beforeAll(async () => {
  servers = await startServers(['nats']);
  raw = await connect({ servers: servers.nats.url });
}, 60_000);
afterAll(async () => {
  await raw.close();
  await Promise.all(open.map((bus) => bus.close()));
  await servers.stop();
});

conformance('NATS', () => ({ connect: (app) => connectBus({ url: servers.nats.url, app, log }) }));

it('answers a stock client that sends plain JSON and knows nothing of frames', async () => {
  const answerer = await connectAs('mcp-tool');
  await answerer.answer(listTools, async () => {
    await pause(2_500);
    return { tools: [] };
  });
  const answer = await raw.request('rpc.tools.list', new TextEncoder().encode('{}'), { timeout: 5_000 });
  expect(answer.json()).toEqual({ tools: [] });
  await answerer.close();
});

it('gives garbage a clear refusal and lives on', async () => {
  const answerer = await connectAs('mcp-tool');
  await answerer.answer(listTools, async () => ({ tools: [] }));
  for (const garbage of [
    '{',
    '\u0000',
    '[]',
    '"x"',
    'null',
    '{"constraints": 5}',
    '{"principal": {"tenantId": "a.>"}}',
    '\ud800',
  ]) {
    const answer = await raw.request('rpc.tools.list', new TextEncoder().encode(garbage), { timeout: 2_000 });
    expect(answer.headers?.get('error-code')).toBe('invalid_input');
  }
  const bytes = await raw.request('rpc.tools.list', new Uint8Array([0xff, 0xfe, 0x00]), { timeout: 2_000 });
  expect(bytes.headers?.get('error-code')).toBe('invalid_input');
  raw.publish('rpc.tools.list', new TextEncoder().encode('{}')); // no reply wanted
  raw.publish('ctl.mcp-tool.abort', new TextEncoder().encode('{'));
  expect((await raw.request('rpc.tools.list', undefined, { timeout: 2_000 })).json()).toEqual({ tools: [] });
  await answerer.close();
});

it('delivers to an operator’s plain subscription what it publishes', async () => {
  const writer = await connectAs('orchestrator');
  await writer.ensureStreams();
  const events = eventsOf(3);
  const subjects: string[] = [];
  const subscription = raw.subscribe(`run.acme.${events[0]!.runId}.>`, {
    callback: (_error, message) => void subjects.push(message.subject),
  });
  await raw.flush();
  await writer.publishEvents(events);
  await raw.flush();
  expect(subjects.at(-1)).toBe(`run.acme.${events[0]!.runId}.orchestrator.task.completed`);
  subscription.unsubscribe();
});

it('makes its streams and consumers again after the whole store was lost, and misses nothing published after', async () => {
  const [writer, reader] = [await connectAs('orchestrator'), await connectAs('audit')];
  await writer.ensureStreams();
  const seen: string[] = [];
  const consuming = reader.consume({
    stream: 'RUNS',
    durable: 'watchdog',
    handle: async (messages) => void seen.push(...messages.map(({ event }) => event!.runId)),
  });
  await writer.publishEvents(eventsOf(2));
  const manager = await raw.jetstreamManager();
  for (const stream of ['RUNS', 'SYSTEM', 'COMMANDS']) await manager.streams.delete(stream);
  const after = eventsOf(2);
  await writer.publishEvents(after);
  for (let n = 0; n < 300 && !seen.includes(after[0]!.runId); n += 1) await pause(100);
  expect(seen).toContain(after[0]!.runId);
  await consuming.stop();
}, 60_000);

it('rebuilds a consumer that stands ahead of its stream', async () => {
  const [writer, reader] = [await connectAs('orchestrator'), await connectAs('audit')];
  await writer.ensureStreams();
  await writer.publishEvents(eventsOf(20));
  const seen: string[] = [];
  const handle = async (messages: { event?: { runId: string } }[]) =>
    void seen.push(...messages.map(({ event }) => event!.runId));
  const first = reader.consume({ stream: 'RUNS', durable: 'ahead', handle });
  for (let n = 0; n < 100 && seen.length < 20; n += 1) await pause(50);
  await first.stop();
  // The stream loses its end while the consumer keeps its position, as after a power cut.
  const manager = await raw.jetstreamManager();
  const { config } = await manager.streams.info('RUNS');
  const { config: consumer, delivered } = await manager.consumers.info('RUNS', 'ahead');
  await manager.streams.delete('RUNS');
  await manager.streams.add(config);
  const lost = eventsOf(3);
  await writer.publishEvents(lost);
  await manager.consumers.add('RUNS', {
    ...consumer,
    deliver_policy: 'by_start_sequence' as never,
    opt_start_seq: delivered.stream_seq + 1,
  });
  const second = reader.consume({ stream: 'RUNS', durable: 'ahead', handle });
  await writer.publishEvents(eventsOf(1));
  for (let n = 0; n < 200 && !seen.includes(lost[0]!.runId); n += 1) await pause(100);
  await second.stop();
  // A consumer whose start lies ahead is either rebuilt or was never ahead by its own count; both read on.
  const info = await manager.consumers.info('RUNS', 'ahead');
  const { state } = await manager.streams.info('RUNS');
  expect(info.delivered.stream_seq).toBeLessThanOrEqual(state.last_seq);
}, 60_000);

it('comes back after a restart of the server: requests, streams and followers', async () => {
  const own = await startServers(['nats']);
  try {
    const [asker, answerer] = await Promise.all([
      connectBus({ url: own.nats.url, app: 'orchestrator', log }),
      connectBus({ url: own.nats.url, app: 'mcp-tool', log }),
    ]);
    await answerer.answer(performStep.mcp, async () => ({ status: 'succeeded' as const, output: 1 }));
    const events = eventsOf(4);
    let known = 2;
    const following = asker.follow({
      tenantId: 'acme',
      runId: events[0]!.runId,
      after: 0,
      fetch: async (after) => fromJournal(events.slice(0, known))(after),
      signal: new AbortController().signal,
    });
    const seen: number[] = [];
    const reading = (async () => {
      for await (const batch of following) seen.push(...batch.map(({ seq }) => seq));
    })();
    await pause(200);
    const { port, dir } = own.nats;
    await own.nats.stop();
    await pause(300);
    known = 4;
    const { startNats } = await import('@switchyard/local-servers');
    const again = await startNats({ dir, port });
    for (let n = 0; n < 100 && !asker.status().connected; n += 1) await pause(100);
    await pause(500);
    expect(await asker.request(performStep.mcp, STEP)).toMatchObject({ status: 'succeeded' });
    await reading;
    expect(seen).toEqual([1, 2, 3, 4]);
    await Promise.all([asker.close(), answerer.close()]);
    await again.stop();
  } finally {
    await own.stop();
  }
}, 60_000);

it('loses a lease in time where the link to the server is frozen, and the next one has it by then', async () => {
  const proxy = await startProxy(Number(new URL(servers.nats.url).port));
  const cut = await connectBus({ url: `nats://127.0.0.1:${proxy.port}`, app: 'xmpp-bridge', log });
  const other = await connectAs('xmpp-bridge');
  try {
    const events: string[] = [];
    const tell = (who: string) => (token: number | undefined) =>
      void events.push(`${who} ${token ? 'has' : 'lost'} it`);
    const first = cut.lease({ name: 'frozen', holder: 'a', ttlMs: 2_000, onChange: tell('a') });
    await until(() => first.token !== undefined, 20_000);
    const token = first.token!;
    const second = other.lease({ name: 'frozen', holder: 'b', ttlMs: 2_000, onChange: tell('b') });
    await until(() => second.settled, 20_000);
    proxy.freeze();
    await until(() => second.token !== undefined, 20_000);
    expect(events).toEqual(['a has it', 'a lost it', 'b has it']);
    expect(second.token).toBeGreaterThan(token);
  } finally {
    proxy.stop();
    await Promise.all([cut.close(), other.close()]);
  }
}, 60_000);
