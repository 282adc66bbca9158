import type { Clock, Logger, Metrics } from '@switchyard/platform';
import type { Journal } from '@switchyard/store';
import { ENGINE_VERSIONS } from './config.ts';
import type { Publisher } from './publisher.ts';
import { RunMetrics } from './run-metrics.ts';
import { type LoopEnd, type LoopParts, type OwnedRun, RunLoop } from './run-loop.ts';

/*
 * The runs that this replica owns.
 *
 * O1 At most `maxConcurrent` loops, those counted in that are being accepted or claimed; what does not fit is remembered in a bounded backlog, and where that is
 *    full it is forgotten: the sweeper finds it again.
 * O2 A lease is renewed at a third of its life, for all runs in one statement. A run that could not be renewed
 *    because another owner has it is fenced at once.
 * O3 A drain gives every lease back and says so, so that another replica goes on at once.
 */

export interface PoolSettings {
  readonly owner: string;
  readonly maxConcurrent: number;
  readonly leaseMs: number;
}

export interface PoolParts {
  readonly journal: Journal;
  readonly publisher: Publisher;
  readonly loop: LoopParts;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

const MAX_BACKLOG = 10_000;

export class RunPool {
  readonly #loops = new Map<string, { loop: RunLoop; done: Promise<void> }>();
  readonly #claiming = new Set<string>();
  readonly #backlog = new Map<string, string>();
  #heartbeat: NodeJS.Timeout | undefined;
  #renewing = false;
  #stopped = false;
  #reserved = 0;
  readonly metrics: RunMetrics;

  constructor(
    private readonly parts: PoolParts,
    readonly settings: PoolSettings,
  ) {
    this.metrics = new RunMetrics(parts.metrics);
    parts.metrics.gauge('runs_owned', 'Runs that this replica works on', [], () => this.#loops.size);
  }

  start(): void {
    this.#heartbeat = setInterval(() => void this.#renew(), Math.max(200, Math.floor(this.settings.leaseMs / 3)));
  }

  get freeSlots(): number {
    return this.#stopped
      ? 0
      : Math.max(0, this.settings.maxConcurrent - this.#loops.size - this.#claiming.size - this.#reserved);
  }

  owns(runId: string): boolean {
    return this.#loops.has(runId);
  }

  /** Keeps a slot for a run that is being accepted, until it is freed; undefined where there is none. */
  reserve(): { free(): void } | undefined {
    if (this.freeSlots === 0) return undefined;
    this.#reserved += 1;
    return { free: () => void (this.#reserved -= 1) };
  }

  /** Starts on a run whose lease this replica got with the accept. */
  adopt(owned: OwnedRun): void {
    if (!this.#stopped) return this.#start(owned);
    this.#giveBack(owned).catch((error: unknown) =>
      this.parts.log.warn({ runId: owned.runId, err: error }, 'lease not given back; it runs out'),
    );
  }

  /** Tells of a run that may need an owner. `busy`: no slot is free; somebody else should look too. */
  async offer(runId: string, tenantId: string): Promise<'taken' | 'not_needed' | 'busy'> {
    const running = this.#loops.get(runId);
    if (running) {
      running.loop.nudge();
      return 'taken';
    }
    if (this.#claiming.has(runId)) return 'not_needed';
    if (this.freeSlots === 0) {
      if (!this.#stopped && this.#backlog.size < MAX_BACKLOG) this.#backlog.set(runId, tenantId);
      return 'busy';
    }
    return this.#claim(runId);
  }

  /** There may be an input for this run; only its owner cares. */
  nudge(runId: string): void {
    this.#loops.get(runId)?.loop.nudge();
  }

  async drain(timeoutMs: number): Promise<void> {
    this.#stopped = true;
    this.#backlog.clear();
    clearInterval(this.#heartbeat);
    const running = [...this.#loops.values()];
    for (const { loop } of running) loop.drain();
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)));
    await Promise.race([Promise.allSettled(running.map(({ done }) => done)), limit]);
    clearTimeout(timer);
  }

  async #claim(runId: string): Promise<'taken' | 'not_needed'> {
    this.#claiming.add(runId);
    try {
      const claim = await this.parts.journal.claim(runId, this.settings.owner, this.settings.leaseMs, ENGINE_VERSIONS);
      if (claim.kind !== 'claimed') return 'not_needed';
      const { tenantId, epoch, inboxTaken, publishedSeq } = claim;
      const owned: OwnedRun = { runId, tenantId, epoch, inboxTaken, publishedSeq };
      if (this.#stopped) {
        await this.#giveBack(owned);
        return 'not_needed';
      }
      if (epoch > 1) this.metrics.takeovers.inc();
      this.#start(owned);
      return 'taken';
    } finally {
      this.#claiming.delete(runId);
    }
  }

  #start(owned: OwnedRun): void {
    const loop = new RunLoop(this.parts.loop, owned, this.parts.log, this.metrics);
    const done = loop
      .run()
      .then((end) => this.#ended(owned, end, loop.inputsWait))
      .catch((error: unknown) => this.parts.log.error({ runId: owned.runId, err: error }, 'letting go of a run failed'))
      .finally(() => {
        this.#loops.delete(owned.runId);
        this.parts.publisher.forget(owned.runId);
        this.#fillSlot();
      });
    this.#loops.set(owned.runId, { loop, done });
  }

  async #ended(owned: OwnedRun, end: LoopEnd, inputsWait: boolean): Promise<void> {
    this.metrics.loopsEnded.inc({ end });
    if (end === 'waiting' && inputsWait) await this.parts.loop.bus.wakeUp(owned.tenantId, owned.runId);
    if (end === 'released') await this.#giveBack(owned);
  }

  async #giveBack({ runId, tenantId, epoch }: OwnedRun): Promise<void> {
    await this.parts.journal.release(runId, epoch);
    // Without it the run would wait for a sweeper.
    await this.parts.loop.bus.wakeUp(tenantId, runId);
  }

  #fillSlot(): void {
    if (this.freeSlots === 0) return;
    const [entry] = this.#backlog;
    if (!entry) return;
    const [runId, tenantId] = entry;
    this.#backlog.delete(runId);
    this.offer(runId, tenantId)
      .then((outcome) => {
        if (outcome === 'not_needed') this.#fillSlot(); // somebody else has it: the slot is still free
      })
      .catch((error: unknown) =>
        this.parts.log.warn({ runId, err: error }, 'not claimed; the sweeper will offer it again'),
      );
  }

  async #renew(): Promise<void> {
    if (this.#renewing || this.#loops.size === 0) return;
    this.#renewing = true;
    try {
      const leases = [...this.#loops.values()].map(({ loop }) => ({
        runId: loop.owned.runId,
        epoch: loop.owned.epoch,
      }));
      const mine = await this.parts.journal.renew(leases, this.settings.leaseMs);
      for (const { runId } of leases) {
        const running = this.#loops.get(runId);
        const inboxLast = mine.get(runId);
        if (inboxLast === undefined) running?.loop.fence();
        else if (inboxLast > (running?.loop.inboxTaken ?? inboxLast)) running?.loop.nudge();
      }
    } catch (error) {
      // Without the database nobody else can take the runs either; the next append decides.
      this.parts.log.warn({ err: error }, 'leases not renewed');
    } finally {
      this.#renewing = false;
    }
  }
}
