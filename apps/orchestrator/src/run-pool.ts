import type { Clock, Logger, Metrics } from '@switchyard/platform';
import type { Journal } from '@switchyard/store';
import { ENGINE_VERSIONS } from './config.ts';
import { momentOf } from './lease.ts';
import { Patience } from './patience.ts';
import type { Publisher } from './publisher.ts';
import { RunMetrics } from './run-metrics.ts';
import { type LoopEnd, type LoopParts, type OwnedRun, RunLoop } from './run-loop.ts';

/*
 * The runs that this replica owns.
 *
 * O1 At most `maxConcurrent` loops, those counted in that are being accepted or claimed; what does not fit is remembered in a bounded backlog, and where that is
 *    full it is forgotten: the sweeper finds it again. Beyond it only runs that were told to end, at most
 *    MAX_ENDING: a cancel does not wait for a slot.
 * O2 A lease is renewed at a third of its life, for all runs in one statement, and at once when the database is
 *    back. A run that could not be renewed because another owner has it is fenced at once.
 * O3 A drain gives every lease back and says so, so that another replica goes on at once; steps under way have half of
 *    its time to answer.
 * O4 A lease that ran out is left alone while its owner may have been kept from renewing it (patience.ts).
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
const MAX_ENDING = 64;
const RENEW_AGAIN_MS = 250;

export class RunPool {
  readonly #loops = new Map<string, { loop: RunLoop; done: Promise<void> }>();
  readonly #claiming = new Set<string>();
  readonly #backlog = new Map<string, string>();
  #heartbeat: NodeJS.Timeout | undefined;
  #stopped = false;
  #ending = 0;
  #reserved = 0;
  readonly metrics: RunMetrics;
  readonly patience: Patience;

  constructor(
    private readonly parts: PoolParts,
    readonly settings: PoolSettings,
  ) {
    this.metrics = new RunMetrics(parts.metrics);
    this.patience = new Patience(parts.clock, settings.leaseMs);
    parts.metrics.gauge('runs_owned', 'Runs that this replica works on', [], () => this.#loops.size);
  }

  start(): void {
    this.#renewIn(this.#renewMs);
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

  /** Takes a run that nobody owns and that was told to end, also where no slot is free. */
  async end(runId: string): Promise<'taken' | 'not_needed'> {
    if (this.#stopped || this.#claiming.has(runId) || this.#ending >= MAX_ENDING) return 'not_needed';
    this.#ending += 1;
    return this.#claim(runId).finally(() => (this.#ending -= 1));
  }

  /** There may be an input for this run; only its owner cares. */
  nudge(runId: string): void {
    this.#loops.get(runId)?.loop.nudge();
  }

  async drain(timeoutMs: number): Promise<void> {
    this.#stopped = true;
    this.#backlog.clear();
    const running = [...this.#loops.values()];
    for (const { loop } of running) loop.drain(timeoutMs / 2);
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)));
    await Promise.race([Promise.allSettled(running.map(({ done }) => done)), limit]);
    clearTimeout(timer);
    clearTimeout(this.#heartbeat);
    this.#heartbeat = undefined;
  }

  async #claim(runId: string): Promise<'taken' | 'not_needed'> {
    this.#claiming.add(runId);
    try {
      const { owner, leaseMs } = this.settings;
      const leasedAt = momentOf(this.parts.clock);
      const { takesExpired } = this.patience;
      const claim = await this.parts.journal.claim(runId, owner, leaseMs, ENGINE_VERSIONS, takesExpired);
      if (claim.kind !== 'claimed') return 'not_needed';
      const { tenantId, epoch, inboxTaken, publishedSeq } = claim;
      const owned: OwnedRun = { runId, tenantId, epoch, inboxTaken, publishedSeq, leasedAt };
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

  get #renewMs(): number {
    return Math.max(200, Math.floor(this.settings.leaseMs / 3));
  }

  #renewIn(ms: number): void {
    const due = this.parts.clock.now() + ms;
    this.#heartbeat = setTimeout(() => {
      this.patience.stoodStill(this.parts.clock.now() - due);
      void this.#renew().then((renewed) => {
        if (this.#heartbeat !== undefined) this.#renewIn(renewed ? this.#renewMs : RENEW_AGAIN_MS);
      });
    }, ms);
  }

  /** False where the database did not answer. */
  async #renew(): Promise<boolean> {
    if (this.#loops.size === 0) return true;
    const askedAt = momentOf(this.parts.clock);
    const leases = [...this.#loops.values()].map(({ loop }) => ({
      runId: loop.owned.runId,
      epoch: loop.owned.epoch,
    }));
    try {
      const mine = await this.parts.journal.renew(leases, this.settings.leaseMs);
      this.patience.answered();
      for (const { runId, epoch } of leases) {
        const loop = this.#loops.get(runId)?.loop;
        if (loop?.owned.epoch !== epoch) continue; // it ended meanwhile, or began anew
        const inboxLast = mine.get(runId);
        if (inboxLast === undefined) {
          loop.fence();
          continue;
        }
        loop.lease.renewed(askedAt);
        if (inboxLast > loop.inboxTaken) loop.nudge();
      }
      return true;
    } catch (error) {
      // Without the database nobody else can take the runs either; the next append decides.
      this.patience.failed();
      this.parts.log.warn({ err: error }, 'leases not renewed');
      return false;
    }
  }
}
