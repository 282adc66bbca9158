import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import { type Bus, type Call, createMemoryBus, type MemoryHub } from '@switchyard/bus';
import {
  type AgentInfo,
  listAgents,
  listTools,
  performStep,
  type RunEvent,
  type RunSpec,
  type StepRequest,
  type StepResult,
  TERMINAL_TYPE,
  type ToolInfo,
} from '@switchyard/contracts';
import { startServers } from '@switchyard/local-servers';
import { createLogger } from '@switchyard/platform';
import { fold } from '@switchyard/run';
import { type DeadLetters, type Journal, migrateDatabase, openStore, type Store } from '@switchyard/store';
import { until } from '@switchyard/testing';
import pg from 'pg';
import { RUN } from '../src/orchestrator.fixture.ts';
import { Replica, type ReplicaOptions } from './replica.ts';

/** A PostgreSQL of its own, a bus in this process, a tool service, and as many replicas as a test wants. */

export const log = createLogger({ app: 'test', level: 'silent' });

export interface Performed {
  readonly tool: string;
  readonly request: StepRequest;
}
type Worker = (request: StepRequest, call: Call) => Promise<StepResult>;

const tool = (name: string, kind: ToolInfo['kind'], idempotency: ToolInfo['idempotency']): ToolInfo => ({
  name,
  description: name,
  provider: 'test',
  inputSchema: { type: 'object' },
  kind,
  idempotency,
});
export const TOOLS = [
  tool('read_it', 'read', 'safe'),
  tool('keyed_it', 'write', 'key'),
  tool('write_it', 'write', 'none'),
];

export class World {
  /** What the stream of the bus holds, in its order. */
  readonly published: RunEvent[] = [];
  readonly performed: Performed[] = [];
  worker: Worker = async () => ({ status: 'succeeded', output: 'ok' });
  tools: ToolInfo[] = TOOLS;
  agents: AgentInfo[] = [];
  readonly #replicas: Replica[] = [];

  readonly #pool: pg.Pool;
  readonly #close: () => Promise<void>;

  private constructor(
    readonly hub: MemoryHub,
    readonly store: Pick<Store, 'journal' | 'retention' | 'deadLetters' | 'spending' | 'watches'>,
    readonly outside: Bus,
    pool: pg.Pool,
    close: () => Promise<void>,
  ) {
    this.#pool = pool;
    this.#close = close;
  }

  get journal(): Journal {
    return this.store.journal;
  }

  get deadLetters(): DeadLetters {
    return this.store.deadLetters;
  }

  static async start(): Promise<World> {
    const servers = await startServers(['postgres']);
    const { url } = servers.postgres;
    await migrateDatabase(url);
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    pool.on('error', () => undefined); // the server ends before its idle connections do
    const store = openStore({ url: servers.postgres.urlFor('orchestrator'), app: 'orchestrator' });
    const hub = createMemoryBus({ log });
    const world = new World(hub, store, hub.connect('gateway'), pool, async () => {
      await Promise.all([store.close(), pool.end()]);
      await servers.stop();
    });
    world.outside.consume({
      stream: 'RUNS',
      durable: 'test',
      handle: async (messages) => void world.published.push(...messages.flatMap(({ event }) => event ?? [])),
    });
    await world.startFirstWorker();
    return world;
  }

  #first: (() => Promise<void>) | undefined;

  async startFirstWorker(): Promise<void> {
    this.#first ??= await this.startWorker();
  }

  /** Ends the tool service that every test begins with. */
  async stopWorker(): Promise<void> {
    await this.#first?.();
    this.#first = undefined;
  }

  /** One more tool service; returns what ends it without a word. */
  async startWorker(): Promise<() => Promise<void>> {
    const bus = this.hub.connect('mcp-tool');
    await bus.answer(listTools, async () => ({ tools: this.tools }));
    await bus.answer(performStep.mcp, (request, call) => {
      this.performed.push({ tool: request.call?.tool ?? '', request });
      return this.worker(request, call);
    });
    await bus.answer(listAgents, async () => ({ agents: this.agents }));
    return () => bus.close();
  }

  /** A replica that hears wake-ups; its sweeper runs when the test says so. */
  async replica(options: ReplicaOptions = {}): Promise<Replica> {
    const replica = await Replica.start(this.store, this.hub.connect('orchestrator'), options);
    this.#replicas.push(replica);
    return replica;
  }

  /** Ends every replica of a test, and forgets its runs: what one gave back, the replicas of the next would take up. */
  async clear(): Promise<void> {
    await Promise.all(this.#replicas.splice(0).map((replica) => replica.stop()));
    await this.sql(
      'truncate orchestrator.runs, orchestrator.run_events, orchestrator.run_inbox, orchestrator.dead_letters',
    );
    this.worker = async () => ({ status: 'succeeded', output: 'ok' });
    this.tools = TOOLS;
    this.agents = [];
    this.performed.length = 0;
  }

  async stop(): Promise<void> {
    await this.clear();
    await this.outside.close();
    await this.#close();
  }

  async sql(text: string, ...values: unknown[]): Promise<Record<string, unknown>[]> {
    return (await this.#pool.query<Record<string, unknown>>(text, values)).rows;
  }

  /** The run's owner has not been heard of for longer than its lease. */
  async expireLease(runId: string): Promise<void> {
    await this.sql(
      `update orchestrator.runs set lease_until = case when lease_owner is null then null else clock_timestamp() - interval '1 ms' end,
         updated_at = updated_at - interval '1 min' where run_id = $1`,
      runId,
    );
  }

  events(runId: string): Promise<RunEvent[]> {
    return this.journal.read(runId, 0, 10_000);
  }

  async types(runId: string): Promise<string[]> {
    return (await this.events(runId)).map(({ type }) => type.replace('orchestrator.', ''));
  }

  /**
   * Waits for the run's end and checks what holds for every run: numbers without a hole, epochs that never fall,
   * each event accepted by the machine, exactly one terminal event, at the end.
   */
  async ended(runId: string, limitMs = 8_000) {
    await until(async () => (await this.journal.head(runId))?.phase === 'ended', limitMs).catch(async (error) => {
      throw new Error(`${runId} does not end; its journal: ${(await this.types(runId)).join(', ')}`, { cause: error });
    });
    const events = await this.events(runId);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    const epochs = events.map(({ epoch }) => epoch);
    expect(epochs).toEqual([...epochs].sort((a, b) => a - b));
    expect(fold(events).seq).toBe(events.length);
    expect(events.filter(({ type }) => type === TERMINAL_TYPE)).toHaveLength(1);
    const last = events.at(-1)!;
    if (last.type !== TERMINAL_TYPE) throw new Error('the terminal event is not the last');
    return last.data;
  }

  /** Waits for the end of many runs with one question at a time, and checks each. */
  async allEnded(runIds: readonly string[], limitMs = 30_000): Promise<void> {
    const open = `select count(*)::int as open from orchestrator.runs where run_id = any($1) and phase <> 'ended'`;
    await until(async () => (await this.sql(open, runIds))[0]?.['open'] === 0, limitMs);
    for (const runId of runIds) await this.ended(runId);
  }

  /** Waits until the stream holds the whole journal of an ended run. */
  async publishedWhole(runId: string, limitMs = 5_000): Promise<RunEvent[]> {
    const events = await this.events(runId);
    await until(() => this.publishedOf(runId).length >= events.length, limitMs);
    return this.publishedOf(runId);
  }

  publishedOf(runId: string): RunEvent[] {
    return this.published.filter((event) => event.runId === runId);
  }
}

/** A request as the gateway sends it. */
export function request(task: string, run: Partial<RunSpec> = {}) {
  const runId = `run-${randomUUID()}`;
  const principal = { tenantId: 'acme', userId: randomUUID(), role: 'user', via: 'dev' } as const;
  return { runId, idempotencyKey: runId, run: { ...RUN, thread_id: runId, task, principal, ...run } };
}
