import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import {
  type Bus,
  createService,
  serveOnBus,
  type Service,
  type ServiceOverrides,
  type ServiceParts,
} from '@switchyard/bus';
import { AppError } from '@switchyard/contracts';
import { backoffMs, type Clock, type Logger, partOf, sleep, systemClock } from '@switchyard/platform';
import { carryOverXmpp, createSafeFetch, withoutFallback } from '@switchyard/safe-fetch';
import { openStore, type Store } from '@switchyard/store';
import { logEvent } from './log-events.ts';
import { Admission, RunPool, Sweeper } from './scheduling/index.ts';
import { BudgetService, BudgetsHandler, type DailyBudget, RedisDailyBudget } from './budgets/index.ts';
import type { OrchestratorConfig } from './config.ts';
import {
  AcceptedRunService,
  DeadLetterService,
  DeadLettersHandler,
  Expiry,
  ModelHandler,
  ModelService,
  RunService,
  RunsHandler,
  ThreadService,
  AbandonedRunReaper,
} from './runs/index.ts';
import { createGuardrail } from './planning/index.ts';
import { createOpenAiPlanner } from './planner/openai/index.ts';
import type { Planner } from './planner/index.ts';
import { pricesFrom } from './budgets/prices.ts';
import { type LoopParts, Publisher, StreamWatch, Toolboxes } from './execution/index.ts';

const HANDLERS = [RunsHandler, DeadLettersHandler, BudgetsHandler, ModelHandler];
/** Well below a lease: an owner that waits longer on a dead connection has lost its runs anyway. */
const STATEMENT_TIMEOUT_MS = 5_000;
/** The share of the drain time that runs get; the rest is for publishing what they committed. */
const RUNS_SHARE = 0.8;

/** Replacements that a test may pass in. */
export interface OrchestratorOverrides extends ServiceOverrides {
  readonly store?: Store;
  readonly planner?: Planner;
  readonly clock?: Clock;
}

/** Wires one replica. Nothing is opened before start(). */
export function createOrchestrator(config: OrchestratorConfig, overrides: OrchestratorOverrides = {}): Service {
  return createService('orchestrator', config, overrides, (parts) => wire(config, overrides, parts));
}

async function wire(config: OrchestratorConfig, overrides: OrchestratorOverrides, parts: ServiceParts): Promise<void> {
  const { bus, log: base, metrics, health, lifecycle } = parts;
  const log = partOf(base, 'runs');
  const clock = overrides.clock ?? systemClock;
  const { url, tls, poolSize } = config.database;
  const store =
    overrides.store ??
    openStore({
      url,
      tls,
      app: 'orchestrator',
      maxConnections: poolSize,
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
      log: partOf(base, 'store'),
    });
  if (!overrides.store) lifecycle.onStop('store', () => store.close());
  health.register('postgres', () => store.ping().then(() => ({ ok: true })));
  await untilThere(() => bus.ensureStreams(config.runsStream, config.streamReplicas), base);

  const { journal, retention } = store;
  const publisher = new Publisher({ bus, journal, log });
  lifecycle.onStop('publisher', () => publisher.flush());
  const guardrail = createGuardrail(config.runs.disallowedKeywords);
  const prices = pricesFrom(config.model.prices);
  const daily = dailyBudget(config, store, clock, log);
  if (daily) lifecycle.onStop('counts of the day', async () => daily.close());
  const budgets = new BudgetService({ daily, prices, defaultModel: config.model.name, clock });
  const { toolAgent, workerAbsenceMs } = config.runs;
  const loop: LoopParts = {
    bus,
    journal,
    publisher,
    guardrail,
    clock,
    log,
    planner: overrides.planner ?? openAiPlanner(bus, config),
    toolboxes: new Toolboxes({ bus, clock, log, toolAgent, workerAbsenceMs }),
    checkTask: (task) => guardrail.check(task),
    prices,
    daily,
    maxOutputTokens: config.model.maxOutputTokens,
    budgetWaitMs: config.budgets.waitMs,
    defaultModel: config.model.name,
    historyTokens: config.runs.historyTokens,
    approvals: config.runs.approvals,
    stepTimeoutMs: config.runs.stepTimeoutMs,
    computerStepTimeoutMs: config.runs.computerStepTimeoutMs,
    stepAttempts: config.runs.stepAttempts,
    workerAbsenceMs,
    leaseMs: config.runs.leaseMs,
  };
  const owner = `${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`;
  const admission = new Admission(config.runs.admission);
  const { maxConcurrent, maxPerTenant, leaseMs, poisonAttempts, retryPauseMs } = config.runs;
  const pool = new RunPool(
    { journal, admission, publisher, loop, clock, log, metrics },
    { owner, maxConcurrent, maxPerTenant, leaseMs, poisonAttempts, retryPauseMs },
  );
  const sweeper = new Sweeper({
    journal,
    admission,
    bus,
    pool,
    publisher,
    log,
    intervalMs: config.runs.sweepIntervalMs,
  });

  pool.start();
  const heard = await bus.subscribeWakeUps(({ runId }) => pool.nudge(runId));
  lifecycle.onStop('wake-ups heard', () => heard.stop());
  lifecycle.onStop('runs', (leftMs) => pool.drain(leftMs * RUNS_SHARE));
  const wakeUps = bus.onWakeUp(
    async ({ runId, tenantId }) => ((await pool.offer(runId, tenantId)) === 'busy' ? 'busy' : 'done'),
    { maxInFlight: 64 },
  );
  lifecycle.onStop('wake-ups', () => wakeUps.stop());
  sweeper.start();
  lifecycle.onStop('sweeper', () => sweeper.stop());
  const streamWatch = new StreamWatch({ bus, positions: store.streamPositions, log, limits: config.runsStream });
  streamWatch.start();
  lifecycle.onStop('stream watch', () => streamWatch.stop());
  const expiry = new Expiry({ journal, retention, log: partOf(base, 'retention'), ...config.retention });
  expiry.start();
  lifecycle.onStop('expiry', () => expiry.stop());

  const { maxIterations, useOrchestrator, history } = config.runs;
  const runs = new RunService({
    journal,
    retention,
    admission,
    bus,
    pool,
    budgets,
    publisher,
    clock,
    log,
    maxIterations,
    history,
    useOrchestrator,
    checkTask: loop.checkTask,
  });
  const threads = new ThreadService({ journal });
  const accepted = new AcceptedRunService(store.acceptedRuns);
  const deadLetters = new DeadLetterService({ journal, deadLetters: store.deadLetters, runs });
  const { sweepIntervalMs: intervalMs } = config.runs;
  const watches = new AbandonedRunReaper({ watches: store.watches, journal, runs, log, intervalMs });
  watches.start();
  lifecycle.onStop('watches', () => watches.stop());
  const model = new ModelService({ ...loop, frames: store.frames });
  const handlers = await serveOnBus(
    { handlers: HANDLERS, parts: [runs, threads, watches, accepted, deadLetters, budgets, model] },
    bus,
    base,
  );
  lifecycle.onStop('handlers', () => handlers.close());
}

/** Without a daily limit nothing is counted and no Redis connection is opened. */
function dailyBudget(config: OrchestratorConfig, store: Store, clock: Clock, log: Logger): DailyBudget | null {
  const { daily, failOpen } = config.budgets;
  if (!daily) return null;
  // The longest time that one model call may take, with all its retries.
  const reservationMs = (config.model.maxRetries + 2) * config.model.timeoutMs + 60_000;
  const usageSince = (tenantId: string, since: number) => store.spending.since(tenantId, since);
  return new RedisDailyBudget({ ...daily, failOpen, reservationMs, usageSince, clock, log });
}

function openAiPlanner(bus: Pick<Bus, 'request'>, config: OrchestratorConfig): Planner {
  const { apiKey, baseUrl, timeoutMs, stallMs, maxRetries } = config.model;
  // AZTM_DEFAULT_SERVICE means agents; the model goes over XMPP only where its host is named.
  const serviceMap = withoutFallback(config.egress.serviceMap);
  const fetch = createSafeFetch({
    // The model's address is the operator's own choice; it may be on a private network.
    allowHosts: [new URL(baseUrl).host, ...config.egress.allowHosts],
    serviceMap,
    overXmpp: carryOverXmpp(bus),
    timeoutMs,
    maxResponseBytes: 16 * 1024 ** 2,
  });
  return createOpenAiPlanner({ apiKey, baseUrl, timeoutMs, stallMs, maxRetries, fetch });
}

/** The streams are needed to work; until the server gives them, the start waits and says so. */
async function untilThere(attempt: () => Promise<void>, log: Logger): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof AppError) || tries >= 60) throw error;
      logEvent(log, 'streams_not_ready', { err: error, tries });
      await sleep(backoffMs(tries, { baseMs: 200, maxMs: 3_000 }) + 100);
    }
  }
}
