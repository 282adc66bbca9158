import { randomUUID } from 'node:crypto';
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
import { migrateDatabase } from '@switchyard/store';
import { until } from '@switchyard/testing';
import { Config, createOrchestrator } from '../src/index.ts';
import type { Planner } from '../src/planner/planner.ts';
import { calls, callsThenTells, planner, says, silent } from './scripted-planner.ts';
import { log, request, TOOLS } from './world.ts';

/** Whole replicas, wired by app.ts, on a real NATS server and a real PostgreSQL. */

let servers: Servers<'nats' | 'postgres'>;
let gateway: Bus;
let tools: Bus;
let agents: Bus;
/** Sees what is published, with a consumer that no service has. */
let observer: Bus;
const published: RunEvent[] = [];
const performed: string[] = [];
const replicas: Service[] = [];
/** Longer than any test here takes: what goes on before it has passed was handed over. */
const LEASE_MS = 60_000;

beforeAll(async () => {
  servers = await startServers(['nats', 'postgres']);
  await migrateDatabase(servers.postgres.url);
  tools = await connectBus({ ...servers.busOf('mcp-tool'), log });
  await tools.answer(listTools, async () => ({ tools: TOOLS }));
  agents = await connectBus({ ...servers.busOf('a2a'), log });
  await agents.answer(listAgents, async () => ({ agents: [] }));
  await tools.answer(performStep.mcp, async ({ idempotencyKey, stepId, call }, { progress }) => {
    performed.push(idempotencyKey);
    progress({ type: 'mcp.tool.search', data: { step_id: stepId, query: 'q', top_k: 1 } });
    const size = Number(call?.arguments['size'] ?? 0);
    return { status: 'succeeded' as const, output: size > 0 ? 'x'.repeat(size) : 'ok' };
  });
  gateway = await connectBus({ ...servers.busOf('gateway'), log });
  observer = await connectBus({ url: servers.nats.url, trust: 'open', app: 'observer', log });
  await observer.ensureStreams();
  observer.consume({
    stream: 'RUNS',
    durable: 'test',
    handle: async (messages) => void published.push(...messages.flatMap(({ event }) => event ?? [])),
  });
});
// A replica that a failed test left behind would take up the runs of the next.
afterEach(async () => {
  await Promise.all(replicas.splice(0).map((replica) => replica.stop()));
});
afterAll(async () => {
  await Promise.all([gateway?.close(), tools?.close(), agents?.close(), observer?.close()]);
  await servers?.stop();
});

async function replica(script: Planner): Promise<Service> {
  const config = parseConfig(Config, {
    ...servers.accessOf('orchestrator'),
    OPENAI_API_KEY: 'none',
    SWEEP_INTERVAL_MS: '200',
    LEASE_MS: String(LEASE_MS),
  });
  if (!config.ok) throw new Error(JSON.stringify(config.problems));
  const service = createOrchestrator(config.value, { log, handleSignals: false, planner: script });
  replicas.push(service);
  await service.start();
  return service;
}

async function ended({ runId, run }: ReturnType<typeof request>, limitMs = 15_000) {
  const view = () => gateway.request(getRun, { principal: run.principal, runId });
  await until(async () => (await view()).phase === 'ended', limitMs);
  const { events } = await gateway.request(readRunEvents, { principal: run.principal, runId, after: 0, limit: 500 });
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  expect(events.filter(({ type }) => type === TERMINAL_TYPE)).toHaveLength(1);
  await until(() => published.filter((event) => event.runId === runId).length >= events.length, limitMs);
  expect(published.filter((event) => event.runId === runId)).toEqual(events);
  return view();
}

describe('a replica on NATS', () => {
  it('runs a task from the request to the last event, all of them on the stream in order', async () => {
    const one = await replica(callsThenTells('read_it', 'write_it'));
    const asked = request('hello');
    expect(await gateway.request(startRun, asked)).toMatchObject({ runId: asked.runId, created: true });
    expect(await ended(asked)).toMatchObject({ status: 'success', answer: 'told: ok; ok' });
    expect(await (await fetch(`http://127.0.0.1:${one.opsPort}/metrics`)).text()).toMatch(
      /runs_finished_total\{status="success",app="orchestrator"\} 1/,
    );
  });

  it('that stops hands its runs to another before a lease could run out, and none is performed twice', async () => {
    const leaving = await replica(planner(silent));
    const asked = Array.from({ length: 10 }, () => request('hello'));
    for (const one of asked) await gateway.request(startRun, one);
    await replica(planner((turn) => (turn === 1 ? calls('write_it') : says('done'))));
    performed.length = 0;
    await leaving.stop();
    const stopped = Date.now();
    await Promise.all(asked.map((one) => ended(one)));
    expect(Date.now() - stopped).toBeLessThan(LEASE_MS); // handed over, not taken over
    expect([...performed].sort()).toEqual(asked.map(({ runId }) => `${runId}:step-mcp-001`).sort());
  });

  it('hears a cancel that another replica answered', async () => {
    await Promise.all([replica(planner(silent)), replica(planner(silent))]);
    const asked = Array.from({ length: 6 }, () => request('hello'));
    for (const one of asked) await gateway.request(startRun, one);
    await Promise.all(
      asked.map(({ runId, run }) => gateway.request(cancelRun, { principal: run.principal, runId, reason: 'enough' })),
    );
    const views = await Promise.all(asked.map((one) => ended(one)));
    expect(views.map(({ status }) => status)).toEqual(views.map(() => 'cancelled'));
  });

  it('shows events that are too long for a message to every reader alike, cut, and stops for none of them', async () => {
    const sizes = [850_000, 390_000, 500_000, 20];
    await replica(callsThenTells(...sizes.map((size): [string, object] => ['read_it', { size }])));
    const { runId, run, ...rest } = request('hello');
    await gateway.request(startRun, { runId, run, ...rest });
    const { principal } = run;
    await until(async () => (await gateway.request(getRun, { principal, runId })).phase === 'ended', 20_000);
    const events: RunEvent[] = [];
    for (let lastSeq = 1; events.length < lastSeq;) {
      const page = await gateway.request(readRunEvents, { principal, runId, after: events.length, limit: 500 });
      expect(page.events.length).toBeGreaterThan(0);
      events.push(...page.events);
      lastSeq = page.lastSeq;
    }
    await until(() => published.filter((event) => event.runId === runId).length >= events.length, 20_000);
    expect(published.filter((event) => event.runId === runId)).toEqual(events);
    const results = events.flatMap((event) =>
      event.type === 'orchestrator.step.completed' ? [String(event.data.result).replace(/^x+/, '')] : [],
    );
    const cut = (length: number) => `… [cut, ${length} characters in all]`;
    expect(results.sort()).toEqual(['', '', cut(500_000), cut(850_000)].sort());
    const view = await gateway.request(getRun, { principal, runId });
    expect(view).toMatchObject({ status: 'success', steps: [{}, {}, {}, {}] });
  });

  it('shows another tenant nothing', async () => {
    await replica(planner(() => says('done')));
    const asked = request('hello');
    await gateway.request(startRun, asked);
    await ended(asked);
    const principal = { ...asked.run.principal, tenantId: 'other', userId: randomUUID(), role: 'admin' } as const;
    await expect(gateway.request(getRun, { principal, runId: asked.runId })).rejects.toMatchObject({
      code: 'not_found',
    });
  });
});
