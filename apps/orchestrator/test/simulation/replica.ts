import type { Bus } from '@switchyard/bus';
import { createMetrics, createLogger, systemClock } from '@switchyard/platform';
import type { Journal, Retention } from '@switchyard/store';
import { Admission } from '../../src/scheduling/admission.ts';
import { BudgetService } from '../../src/budgets/budget-service.ts';
import { createGuardrail } from '../../src/planning/guardrail.ts';
import type { Planner } from '../../src/planner/planner.ts';
import { pricesFrom } from '../../src/budgets/prices.ts';
import { Publisher } from '../../src/execution/publisher.ts';
import { RunService } from '../../src/runs/run-service.ts';
import { RunPool } from '../../src/scheduling/run-pool.ts';
import { Sweeper } from '../../src/scheduling/sweeper.ts';
import { Toolboxes } from '../../src/execution/toolboxes.ts';
import type { Party } from './schedule.ts';

export const LEASE_MS = 6_000;
const WORKER_ABSENCE_MS = 2_000;
const log = createLogger({ app: 'simulation', level: process.env['TEST_LOG'] ?? 'silent' });

/** The parts of one orchestrator as app.ts wires them, over the simulated journal, bus and model. */
export class SimReplica {
  readonly #stops: (() => Promise<unknown>)[];

  private constructor(
    readonly owner: Party,
    readonly service: RunService,
    stops: (() => Promise<unknown>)[],
  ) {
    this.#stops = stops;
  }

  /** To be called as a task of `owner`. */
  static async start(
    owner: Party,
    parts: { journal: Journal; retention: Retention; bus: Bus; planner: Planner },
  ): Promise<SimReplica> {
    const { journal, retention, bus, planner } = parts;
    const clock = systemClock;
    const metrics = createMetrics('orchestrator');
    const publisher = new Publisher({ bus, journal, log });
    const guardrail = createGuardrail([]);
    const prices = pricesFrom({});
    const loop = {
      prices,
      daily: null,
      maxOutputTokens: 4_096,
      budgetWaitMs: 200,
      bus,
      journal,
      publisher,
      guardrail,
      clock,
      log,
      planner,
      toolboxes: new Toolboxes({ bus, clock, log, workerAbsenceMs: WORKER_ABSENCE_MS }),
      checkTask: () => null,
      defaultModel: 'scripted',
      historyTokens: 1_000,
      approvals: { tools: [], timeoutSeconds: 15 },
      stepTimeoutMs: 20_000,
      computerStepTimeoutMs: 20_000,
      stepAttempts: 3,
      workerAbsenceMs: WORKER_ABSENCE_MS,
      leaseMs: LEASE_MS,
    };
    const admission = new Admission({ maxQueued: 1_000, maxQueuedPerTenant: 1_000, maxWaitingPerTenant: 1_000 });
    const settings = { owner: owner.name, maxConcurrent: 3, maxPerTenant: 2, leaseMs: LEASE_MS, poisonAttempts: 50 };
    const pool = new RunPool(
      { journal, admission, publisher, loop, clock, log, metrics },
      { ...settings, retryPauseMs: 500 },
    );
    const sweeper = new Sweeper({ journal, admission, bus, pool, publisher, log, intervalMs: 2_000 });
    const history = { max_events: 20_000, max_bytes: 67_108_864 };
    const budgets = new BudgetService({ daily: null, prices, defaultModel: 'scripted', clock });
    const service = new RunService({
      budgets,
      journal,
      retention,
      admission,
      bus,
      pool,
      publisher,
      clock,
      log,
      history,
      maxIterations: 8,
      useOrchestrator: true,
      checkTask: () => null,
    });
    pool.start();
    const heard = await bus.subscribeWakeUps(({ runId }) => pool.nudge(runId));
    const woken = bus.onWakeUp(async ({ runId, tenantId }) =>
      (await pool.offer(runId, tenantId)) === 'busy' ? 'busy' : 'done',
    );
    sweeper.start();
    return new SimReplica(owner, service, [
      () => sweeper.stop(),
      () => woken.stop(),
      () => pool.drain(6_000),
      () => heard.stop(),
      () => publisher.flush(),
    ]);
  }

  /** What SIGTERM does. */
  async drain(): Promise<void> {
    for (const stop of this.#stops) await stop().catch(() => undefined);
  }
}
