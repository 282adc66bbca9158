import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { type Bus, connectBus, serveOnBus } from '@switchyard/bus';
import { AppError } from '@switchyard/contracts';
import {
  backoffMs,
  type Clock,
  createLifecycle,
  createLogger,
  createMetrics,
  HealthChecks,
  type Logger,
  sleep,
  startOpsServer,
  startTelemetry,
  systemClock,
} from '@switchyard/platform';
import { createSafeFetch, parseServiceMap } from '@switchyard/safe-fetch';
import { openStore, type Store } from '@switchyard/store';
import type { OrchestratorConfig } from './config.ts';
import { createGuardrail } from './guardrail.ts';
import { createOpenAiPlanner } from './openai-planner.ts';
import { OrchestratorModule } from './orchestrator.module.ts';
import type { Planner } from './planner.ts';
import { Publisher } from './publisher.ts';
import { RunDesk } from './run-desk.ts';
import type { LoopParts } from './run-loop.ts';
import { RunPool } from './run-pool.ts';
import { Sweeper } from './sweeper.ts';
import { ThreadDesk } from './thread-desk.ts';
import { Toolboxes } from './toolboxes.ts';

/** What a test may bring in place of the real thing. */
export interface OrchestratorOverrides {
  readonly bus?: Bus;
  readonly store?: Store;
  readonly planner?: Planner;
  readonly clock?: Clock;
  readonly log?: Logger;
  readonly handleSignals?: boolean;
}

export interface Orchestrator {
  readonly opsPort: number;
  stop(): Promise<void>;
}

/** Starts one replica. Resolves when it answers; while NATS is away it waits, and its readiness says so. */
export async function startOrchestrator(
  config: OrchestratorConfig,
  overrides: OrchestratorOverrides = {},
): Promise<Orchestrator> {
  const log = overrides.log ?? createLogger({ app: 'orchestrator', level: config.logLevel });
  const clock = overrides.clock ?? systemClock;
  const metrics = createMetrics('orchestrator');
  const health = new HealthChecks();
  const lifecycle = createLifecycle({
    log,
    drainTimeoutMs: config.runs.drainTimeoutMs,
    handleSignals: overrides.handleSignals ?? true,
  });

  const telemetry = await startTelemetry(config.telemetry);
  lifecycle.onStop('telemetry', () => telemetry.shutdown());
  const ops = await startOpsServer({ port: config.opsPort, health, metrics });
  lifecycle.onStop('ops server', () => ops.stop());

  let connected: Bus | undefined;
  health.register('nats', async () => ({ ok: connected?.status().connected ?? false, detail: 'the message bus' }));
  const store =
    overrides.store ??
    openStore({ url: config.database.url, app: 'orchestrator', maxConnections: config.database.poolSize, log });
  lifecycle.onStop('store', () => store.close());
  health.register('postgres', async () => {
    await store.ping();
    return { ok: true };
  });
  const bus = overrides.bus ?? (await connectBus({ url: config.natsUrl, app: 'orchestrator', log }));
  connected = bus;
  lifecycle.onStop('bus', () => bus.close());
  await untilThere(() => bus.ensureStreams(), log);

  const { journal } = store;
  const publisher = new Publisher({ bus, journal, log });
  lifecycle.onStop('publisher', () => publisher.flush());
  const guardrail = createGuardrail(config.runs.disallowedKeywords);
  const loop: LoopParts = {
    bus,
    journal,
    publisher,
    guardrail,
    clock,
    log,
    planner: overrides.planner ?? openAiPlanner(config),
    toolboxes: new Toolboxes({ bus, clock, log }),
    checkTask: (task) => guardrail.check(task),
    defaultModel: config.model.name,
    historyTokens: config.runs.historyTokens,
    stepTimeoutMs: config.runs.stepTimeoutMs,
    stepAttempts: config.runs.stepAttempts,
    leaseMs: config.runs.leaseMs,
  };
  const owner = `${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`;
  const pool = new RunPool(
    { journal, publisher, loop, clock, log, metrics },
    { owner, maxConcurrent: config.runs.maxConcurrent, leaseMs: config.runs.leaseMs },
  );
  const sweeper = new Sweeper({ journal, bus, pool, publisher, log, intervalMs: config.runs.sweepIntervalMs });

  pool.start();
  lifecycle.onStop('runs', () => pool.drain(config.runs.drainTimeoutMs));
  const heard = await bus.hearWakeUps(({ runId }) => pool.nudge(runId));
  lifecycle.onStop('wake-ups heard', () => heard.stop());
  const wakeUps = bus.onWakeUp(
    async ({ runId, tenantId }) => ((await pool.offer(runId, tenantId)) === 'busy' ? 'busy' : 'done'),
    { maxInFlight: 64 },
  );
  lifecycle.onStop('wake-ups', () => wakeUps.stop());
  sweeper.start();
  lifecycle.onStop('sweeper', () => sweeper.stop());

  const { maxIterations, useOrchestrator } = config.runs;
  const runs = new RunDesk({ journal, bus, pool, publisher, log, maxIterations, useOrchestrator });
  const handlers = await serveOnBus(OrchestratorModule.with({ runs, threads: new ThreadDesk({ journal }) }), bus, log);
  lifecycle.onStop('handlers', () => handlers.close());
  lifecycle.onStop('readiness', () => health.drain());
  log.info({ owner, opsPort: ops.port }, 'orchestrator is up');
  return { opsPort: ops.port, stop: () => lifecycle.stop() };
}

function openAiPlanner(config: OrchestratorConfig): Planner {
  const { apiKey, baseUrl, timeoutMs, stallMs, maxRetries } = config.model;
  const serviceMap = parseServiceMap(config.egress.serviceMap);
  const fetch = createSafeFetch({
    // The model's address is the operator's own choice; it may be on a private network.
    allowHosts: [new URL(baseUrl).host, ...config.egress.allowHosts],
    serviceMap,
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
      log.warn({ err: error, tries }, 'the streams are not there yet; trying again');
      await sleep(backoffMs(tries, { baseMs: 200, maxMs: 3_000 }) + 100);
    }
  }
}
