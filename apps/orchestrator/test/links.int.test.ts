import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Bus, connectBus, type Service } from '@switchyard/bus';
import {
  cancelRun,
  getRun,
  listAgents,
  listTools,
  performStep,
  readRunEvents,
  type RunEvent,
  startRun,
  TERMINAL_TYPE,
} from '@switchyard/contracts';
import { type Servers, startServers } from '@switchyard/local-servers';
import { parseConfig } from '@switchyard/platform';
import { migrateDatabase, openStore, type Store } from '@switchyard/store';
import { type Proxy, startProxy, until } from '@switchyard/testing';
import { Config, createOrchestrator } from '../src/index.ts';
import type { Planner } from '../src/planner/planner.ts';
import { calls, callsThenTells, planner, says, silent } from './scripted-planner.ts';
import { log, request, TOOLS } from './world.ts';

/** Whole replicas whose links to NATS and PostgreSQL are cut, half open, or slow. */

const LEASE_MS = 4_500;

interface Linked {
  readonly service: Service;
  readonly nats: Proxy;
  readonly postgres: Proxy;
}

let servers: Servers<'nats' | 'postgres'>;
let gateway: Bus;
let tools: Bus;
let agents: Bus;
/** Sees what is published, with a consumer that no service has. */
let observer: Bus;
let store: Store;
const performed: string[] = [];
const published = new Map<string, Set<number>>();
const linked: Linked[] = [];

beforeAll(async () => {
  servers = await startServers(['nats', 'postgres']);
  await migrateDatabase(servers.postgres.url);
  store = openStore({ url: servers.postgres.urlFor('orchestrator'), app: 'orchestrator' });
  tools = await connectBus({ ...servers.busOf('mcp-tool'), log });
  await tools.answer(listTools, async () => ({ tools: TOOLS }));
  agents = await connectBus({ ...servers.busOf('a2a'), log });
  await agents.answer(listAgents, async () => ({ agents: [] }));
  await tools.answer(performStep.mcp, async ({ idempotencyKey }) => {
    performed.push(idempotencyKey);
    return { status: 'succeeded' as const, output: 'ok' };
  });
  gateway = await connectBus({ ...servers.busOf('gateway'), log });
  observer = await connectBus({ url: servers.nats.url, trust: 'open', app: 'observer', log });
  await observer.ensureStreams();
  const note = (event: RunEvent) => {
    const seqs = published.get(event.runId) ?? new Set<number>();
    published.set(event.runId, seqs.add(event.seq));
  };
  observer.consume({
    stream: 'RUNS',
    durable: 'test',
    handle: async (messages) => messages.forEach(({ event }) => event && note(event)),
  });
});
afterEach(async () => {
  performed.length = 0;
  await Promise.all(
    linked.splice(0).map(async ({ service, nats, postgres }) => {
      nats.heal();
      postgres.heal();
      await service.stop();
      nats.stop();
      postgres.stop();
    }),
  );
});
afterAll(async () => {
  await Promise.all([gateway, tools, agents, observer, store].map((each) => each?.close()));
  await servers?.stop();
});

async function replica(script: Planner): Promise<Linked> {
  const [nats, postgres] = [await startProxy(servers.nats.port), await startProxy(servers.postgres.port)];
  const through = (url: string, { port }: Proxy) => Object.assign(new URL(url), { port: String(port) }).href;
  const access = servers.accessOf('orchestrator');
  const config = parseConfig(Config, {
    ...access,
    NATS_URL: through(access.NATS_URL!, nats),
    DATABASE_URL: through(access.DATABASE_URL!, postgres),
    OPENAI_API_KEY: 'none',
    SWEEP_INTERVAL_MS: '300',
    LEASE_MS: String(LEASE_MS),
  });
  if (!config.ok) throw new Error(JSON.stringify(config.problems));
  const service = createOrchestrator(config.value, { log, handleSignals: false, planner: script });
  const one = { service, nats, postgres };
  linked.push(one);
  await service.start();
  return one;
}

/** Starts runs; gives them once the only replica, their owner, asked the model. */
async function thinking(count: number) {
  const asked = Array.from({ length: count }, () => request('hello'));
  for (const one of asked) await gateway.request(startRun, one);
  await until(async () => (await Promise.all(asked.map(isPlanning))).every(Boolean));
  return asked;
}
const isPlanning = async ({ runId }: { runId: string }) =>
  (await store.journal.read(runId, 0, 100)).some(({ type }) => type === 'orchestrator.planning.started');

async function ended({ runId }: { runId: string }, limitMs = 15_000): Promise<RunEvent[]> {
  await until(async () => (await store.journal.head(runId))?.phase === 'ended', limitMs);
  const events = await store.journal.read(runId, 0, 1_000);
  expect(events.filter(({ type }) => type === TERMINAL_TYPE)).toHaveLength(1);
  return events;
}

const metric = async ({ service }: Linked, name: string) => {
  const text = await (await fetch(`http://127.0.0.1:${service.opsPort}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:{[^}]*})? (\\d+)`, 'm').exec(text)?.[1] ?? 0);
};

/** Thinks until it is told to go on; then calls one tool that must not be repeated. */
function slowly() {
  let open = false;
  const script = planner(async (turn, _request, signal) => {
    if (turn > 1) return says('done');
    while (!open && !signal.aborted) await new Promise((resolve) => setTimeout(resolve, 20));
    return calls('write_it');
  });
  return { script, goOn: () => void (open = true) };
}

describe.each(['cut', 'freeze'] as const)('a replica whose link to PostgreSQL is lost (%s)', (how) => {
  it('loses its runs to another, performs nothing and writes nothing when the link is back', async () => {
    const thinker = slowly();
    const lost = await replica(thinker.script);
    const asked = await thinking(3);
    lost.postgres[how]();
    const heir = await replica(callsThenTells('write_it'));
    const began = Date.now();
    const journals = await Promise.all(asked.map((one) => ended(one)));
    expect(Date.now() - began).toBeLessThan(LEASE_MS + 8_000);
    thinker.goOn();
    lost.postgres.heal();
    await until(async () => (await metric(lost, 'runs_owned')) === 0, 15_000);
    expect(await Promise.all(asked.map((one) => ended(one)))).toEqual(journals);
    expect([...performed].sort()).toEqual(asked.map(({ runId }) => `${runId}:step-mcp-001`).sort());
    expect(await metric(heir, 'lease_takeovers_total')).toBe(3);
  });
});

describe.each(['cut', 'freeze'] as const)('a replica whose link to NATS is lost (%s)', (how) => {
  it('goes on with its runs; its events are published later, all of them', async () => {
    const thinker = slowly();
    const alone = await replica(thinker.script);
    const asked = await thinking(3);
    await replica(planner(silent)); // one that could take them
    alone.nats[how]();
    await new Promise((resolve) => setTimeout(resolve, LEASE_MS + 1_000)); // their leases live on
    alone.nats.heal();
    thinker.goOn();
    const journals = await Promise.all(asked.map((one) => ended(one)));
    for (const events of journals) expect(new Set(events.map(({ epoch }) => epoch))).toEqual(new Set([1]));
    // One whose answer was lost with the link is asked for again under its key.
    expect([...new Set(performed)].sort()).toEqual(asked.map(({ runId }) => `${runId}:step-mcp-001`).sort());
    await until(() => journals.every((events) => published.get(events[0]!.runId)?.size === events.length), 15_000);
  });

  it('hears of a cancel by its heartbeat', async () => {
    const alone = await replica(planner(silent));
    const [asked] = await thinking(1);
    await replica(planner(silent));
    alone.nats[how]();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const began = Date.now();
    // The lost one may still be asked while the server believes in its link.
    const cancel = { principal: asked!.run.principal, runId: asked!.runId, reason: '' };
    await until(
      () =>
        gateway.request(cancelRun, cancel, { timeoutMs: 1_500 }).then(
          () => true,
          () => false,
        ),
      8_000,
    );
    const taken = Date.now();
    await ended(asked!);
    expect(Date.now() - taken).toBeLessThan(8_000);
    expect(taken - began).toBeLessThan(8_000);
  });
});

describe('links that are slow by 200 ms each way', () => {
  it('change nothing but the pace: no lease is lost, nothing is refused', async () => {
    const slow = await replica(planner(silent));
    const other = await replica(planner(silent)); // would take over what it can
    slow.nats.delay(200);
    slow.postgres.delay(200);
    const asked = Array.from({ length: 6 }, () => request('hello'));
    await Promise.all(asked.map((one) => gateway.request(startRun, one)));
    await new Promise((resolve) => setTimeout(resolve, 2 * LEASE_MS));
    for (const { runId } of asked) expect((await store.journal.head(runId))!.epoch).toBe(1);
    for (const one of [slow, other]) expect(await metric(one, 'fenced_writes_total')).toBe(0);
    for (const { runId, run } of asked) {
      await gateway.request(cancelRun, { principal: run.principal, runId, reason: 'enough' });
    }
    await Promise.all(asked.map((one) => ended(one)));
    const [first] = asked;
    const view = await gateway.request(getRun, { principal: first!.run.principal, runId: first!.runId });
    expect(view.phase).toBe('ended');
    const page = { principal: first!.run.principal, runId: first!.runId, after: 0, limit: 10 };
    expect((await gateway.request(readRunEvents, page)).events.length).toBeGreaterThan(0);
  });
});
