import { randomUUID } from 'node:crypto';
import type { Bus, Subscription } from '@switchyard/bus';
import type { HistoryLimits, RunEvent } from '@switchyard/contracts';
import { createLogger, createMetrics, systemClock } from '@switchyard/platform';
import type { Journal, Store } from '@switchyard/store';
import { Admission, type AdmissionLimits } from '../src/scheduling/admission.ts';
import { createGuardrail } from '../src/planning/guardrail.ts';
import { BudgetService } from '../src/budgets/budget-service.ts';
import type { DailyBudget } from '../src/budgets/daily-budget.ts';
import type { Planner } from '../src/planner/planner.ts';
import { type Price, pricesFrom } from '../src/budgets/prices.ts';
import { Publisher } from '../src/execution/publisher.ts';
import { RunService } from '../src/runs/run-service.ts';
import { RunPool } from '../src/scheduling/run-pool.ts';
import { Sweeper } from '../src/scheduling/sweeper.ts';
import { Toolboxes } from '../src/execution/toolboxes.ts';
import { gate, over } from './control.ts';
import { planner, says } from './scripted-planner.ts';

export interface ReplicaOptions {
  readonly planner?: Planner;
  readonly maxConcurrent?: number;
  readonly maxPerTenant?: number;
  readonly leaseMs?: number;
  readonly admission?: Partial<AdmissionLimits>;
  readonly poisonAttempts?: number;
  readonly keywords?: string[];
  readonly prices?: Readonly<Record<string, Price>>;
  readonly daily?: DailyBudget;
  readonly budgetWaitMs?: number;
  readonly history?: Partial<HistoryLimits>;
  readonly stepAttempts?: number;
  readonly workerAbsenceMs?: number;
  readonly stepTimeoutMs?: number;
  readonly approvalTools?: string[];
  readonly approvalSeconds?: number;
  readonly journal?: (real: Journal) => Journal;
  readonly bus?: (real: Bus) => Bus;
  /** False: it hears of nothing but what it is told. */
  readonly hears?: boolean;
}

/** The parts of one orchestrator as app.ts wires them, each within a test's reach. */
export class Replica {
  readonly metrics = createMetrics('orchestrator');
  readonly #committed = new Map<string, number>();
  /** Events that were handed to the bus before their commit was known here. Must stay empty. */
  readonly early: string[] = [];
  readonly sent: RunEvent[] = [];
  #ears: Subscription[] = [];
  #frozen: { readonly opened: Promise<void>; open(): void } | undefined;

  private constructor(
    readonly pool: RunPool,
    readonly service: RunService,
    readonly sweeper: Sweeper,
    readonly publisher: Publisher,
    readonly bus: Bus,
  ) {}

  static async start(
    { journal: store, retention }: Pick<Store, 'journal' | 'retention'>,
    connection: Bus,
    options: ReplicaOptions,
  ): Promise<Replica> {
    const log = createLogger({ app: 'test', level: process.env['TEST_LOG'] ?? 'silent' });
    const handle: { replica?: Replica } = {};
    const note = <T extends RunEvent>(event: T): T => {
      handle.replica?.know(event);
      return event;
    };
    const written = over(store, {
      accept: async (input) => {
        const accepted = await store.accept(input);
        if (accepted.kind === 'created') accepted.events.forEach(note);
        return accepted;
      },
      append: async (input) => {
        const appended = await store.append(input);
        if (appended.kind === 'appended') appended.events.forEach(note);
        return appended;
      },
      read: async (...args) => (await store.read(...args)).map(note),
      renew: async (...args) => (await handle.replica?.awake, store.renew(...args)),
    });
    const journal = options.journal?.(written) ?? written;
    const watched = over(connection, {
      publishEvents: (events) => {
        handle.replica?.noteSent(events);
        return connection.publishEvents(events);
      },
    });
    const bus = options.bus?.(watched) ?? watched;
    const clock = systemClock;
    const publisher = new Publisher({ bus, journal, log, flushMs: 10 });
    const guardrail = createGuardrail(options.keywords ?? []);
    const prices = pricesFrom(options.prices ?? {});
    const daily = options.daily ?? null;
    const workerAbsenceMs = options.workerAbsenceMs ?? 0;
    const budgets = new BudgetService({ daily, prices, defaultModel: 'scripted', clock });
    const loop = {
      prices,
      daily,
      maxOutputTokens: 4_096,
      budgetWaitMs: options.budgetWaitMs ?? 200,
      bus,
      journal,
      publisher,
      guardrail,
      clock,
      log,
      planner: options.planner ?? planner(() => says('done')),
      toolboxes: new Toolboxes({ bus, clock, log, workerAbsenceMs }),
      checkTask: (task: string) => guardrail.check(task),
      defaultModel: 'scripted',
      historyTokens: 1_000,
      approvals: { tools: options.approvalTools ?? [], timeoutSeconds: options.approvalSeconds ?? 60 },
      stepTimeoutMs: options.stepTimeoutMs ?? 30_000,
      computerStepTimeoutMs: options.stepTimeoutMs ?? 30_000,
      stepAttempts: options.stepAttempts ?? 3,
      workerAbsenceMs,
      leaseMs: options.leaseMs ?? 10_000,
    };
    const metrics = createMetrics('orchestrator');
    const { maxConcurrent = 16, leaseMs = 10_000 } = options;
    const { maxPerTenant = maxConcurrent, poisonAttempts = 5 } = options;
    const owner = randomUUID();
    const settings = { owner, maxConcurrent, maxPerTenant, leaseMs, poisonAttempts, retryPauseMs: 5 };
    const many = 100_000;
    const limits = { maxQueued: many, maxQueuedPerTenant: many, maxWaitingPerTenant: many, ...options.admission };
    const admission = new Admission(limits);
    const pool = new RunPool({ journal, admission, publisher, loop, clock, log, metrics }, settings);
    const sweeper = new Sweeper({ journal, admission, bus, pool, publisher, log, intervalMs: 60_000 });
    const service = new RunService({
      journal,
      retention,
      admission,
      bus,
      pool,
      budgets,
      publisher,
      clock,
      log,
      maxIterations: 12,
      history: { max_events: 20_000, max_bytes: 67_108_864, ...options.history },
      useOrchestrator: true,
      checkTask: loop.checkTask,
    });
    const replica = Object.assign(new Replica(pool, service, sweeper, publisher, bus), { metrics });
    handle.replica = replica;
    pool.start();
    if (options.hears ?? true) {
      const heard = await bus.subscribeWakeUps(({ runId }) => pool.nudge(runId));
      const taken = bus.onWakeUp(async ({ runId, tenantId }) =>
        (await pool.offer(runId, tenantId)) === 'busy' ? 'busy' : 'done',
      );
      replica.#ears = [heard, taken];
    }
    return replica;
  }

  get awake(): Promise<void> | undefined {
    return this.#frozen?.opened;
  }

  /** The process stops as under SIGSTOP: no heartbeat. What is under way waits for the test's gates. */
  freeze(): void {
    this.#frozen = gate();
  }

  thaw(): void {
    this.#frozen?.open();
    this.#frozen = undefined;
  }

  know(event: RunEvent): void {
    this.#committed.set(event.runId, Math.max(event.seq, this.#committed.get(event.runId) ?? 0));
  }

  noteSent(events: readonly RunEvent[]): void {
    this.sent.push(...events);
    for (const event of events) {
      if (event.seq > (this.#committed.get(event.runId) ?? 0)) this.early.push(`${event.runId}:${event.seq}`);
    }
  }

  async metric(line: string): Promise<number> {
    const found = (await this.metrics.text()).split('\n').find((text) => text.startsWith(line));
    return found === undefined ? 0 : Number(found.split(' ').at(-1));
  }

  /** Hands everything back, as SIGTERM does. */
  async stop(): Promise<void> {
    await this.bus.close().catch(() => undefined);
    await this.drain();
  }

  async drain(limitMs = 2_000): Promise<void> {
    for (const ear of this.#ears) await ear.stop();
    await this.pool.drain(limitMs);
    await this.publisher.flush().catch(() => undefined);
  }
}
