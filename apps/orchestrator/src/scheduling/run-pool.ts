import { AppError, ENGINE_VERSIONS } from '@switchyard/contracts';
import { type Clock, type Logger, type Metrics, withoutTrace } from '@switchyard/platform';
import type { Claim, Journal } from '@switchyard/store';
import { logEvent } from '../log-events.ts';
import type { Admission } from './admission.ts';
import { moveToDeadLetters } from './dead-letter-run.ts';
import {
  type LoopEnd,
  type LoopParts,
  momentOf,
  type OwnedRun,
  type Publisher,
  RunLoop,
  RunMetrics,
} from '../execution/index.ts';
import { LeaseRenewal } from './lease-renewal.ts';
import { TakeoverGrace } from './takeover-grace.ts';
import { type Slot, Slots } from './slots.ts';

/*
 * The pool of runs that this replica owns: it claims runs and drives one loop per run.
 *
 * - The pool runs at most `maxConcurrent` loops, counting runs that are being accepted or claimed. Further runs wait in
 *   a bounded backlog; the sweeper finds again what the backlog drops. Beyond the limit the pool takes only runs that
 *   were told to end, at most MAX_ENDING: a cancel does not wait for a slot.
 * - The pool keeps the leases of its runs as long as it runs (lease-renewal.ts).
 * - On a drain the pool releases every lease and wakes the other replicas, so that one of them continues at once. Steps
 *   under way get half of the drain time to answer.
 * - The pool does not take over a run while its owner may have been unable to renew (takeover-grace.ts).
 * - Tenants share the slots (fair-share.ts): no tenant waits behind all the runs of another.
 * - The pool ends a run whose last `poisonAttempts` owners made no progress, and writes its dead letter.
 * - A run whose last two owners made no progress may be a poison run that crashes its process. The pool works on one
 *   such suspect at a time, so that runs which merely shared the crashed process are not blamed.
 */

interface PoolSettings {
  readonly owner: string;
  readonly maxConcurrent: number;
  /** The most runs of one tenant at the same time. */
  readonly maxPerTenant: number;
  readonly leaseMs: number;
  readonly poisonAttempts: number;
  /** How long the pool leaves a run alone after the second owner without progress; doubles with each further one. */
  readonly retryPauseMs: number;
}

export interface PoolParts {
  readonly journal: Journal;
  readonly admission: Admission;
  readonly publisher: Publisher;
  readonly loop: LoopParts;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

const MAX_BACKLOG = 10_000;
const MAX_ENDING = 64;
/** A run is a suspect after this many consecutive owners without progress. */
const SUSPECT_STALLS = 2;

export class RunPool {
  readonly #loops = new Map<string, { loop: RunLoop; done: Promise<void> }>();
  readonly #suspects = new Map<string, RunLoop>();
  readonly #claiming = new Set<string>();
  readonly #slots: Slots;
  #stopped = false;
  readonly metrics: RunMetrics;
  readonly grace: TakeoverGrace;
  readonly #renewal: LeaseRenewal;

  readonly #parts: PoolParts;

  constructor(
    parts: PoolParts,
    readonly settings: PoolSettings,
  ) {
    this.#parts = parts;
    const { maxConcurrent: total, maxPerTenant: perTenant } = settings;
    this.#slots = new Slots({ total, perTenant, backlog: MAX_BACKLOG }, (...next) => this.#takeUp(...next));
    this.metrics = new RunMetrics(parts.metrics);
    this.grace = new TakeoverGrace(parts.clock, settings.leaseMs);
    const { journal, clock, log } = parts;
    const { grace } = this;
    this.#renewal = new LeaseRenewal({ journal, grace, clock, log, leaseMs: settings.leaseMs, loops: this.#loops });
    parts.metrics.gauge('runs_owned', 'Runs that this replica works on', [], () => this.#loops.size);
  }

  start(): void {
    this.#renewal.start();
  }

  get #hasSuspect(): boolean {
    return [...this.#suspects.values()].some((loop) => !loop.progressed);
  }

  owns(runId: string): boolean {
    return this.#loops.has(runId);
  }

  /**
   * Reserves a slot for a run of this tenant that is being accepted, until the slot is freed; undefined if none is
   * available.
   */
  reserve(tenantId: string): Slot | undefined {
    return this.#slots.take(tenantId);
  }

  /** Starts a run whose lease this replica got with the acceptance, in its reserved slot. */
  adopt(owned: OwnedRun, slot: Slot): void {
    if (!this.#stopped) return this.#start(owned, slot);
    slot.free();
    this.#giveBack(owned).catch((error: unknown) =>
      logEvent(this.#parts.log, 'lease_not_released', { runId: owned.runId, err: error }),
    );
  }

  /** Offers a run that may need an owner. `busy`: no slot is free; another replica should take it. */
  async offer(runId: string, tenantId: string, stalls = 0): Promise<'taken' | 'not_needed' | 'busy'> {
    if (this.nudge(runId)) return 'taken';
    if (this.#claiming.has(runId)) return 'not_needed';
    if (stalls >= SUSPECT_STALLS && this.#hasSuspect) return 'not_needed'; // the sweeper offers it again
    const slot = this.reserve(tenantId);
    if (slot) return this.#claim(runId, tenantId, slot);
    this.#slots.wait(runId, tenantId);
    return 'busy';
  }

  /** Takes a run that nobody owns and that was told to end, also where no slot is free. */
  async end(runId: string, tenantId: string): Promise<'taken' | 'not_needed'> {
    if (this.nudge(runId)) return 'taken';
    const slot = this.#claiming.has(runId) ? undefined : this.#slots.beyond(tenantId, MAX_ENDING);
    return slot ? this.#claim(runId, tenantId, slot) : 'not_needed';
  }

  /** Tells the run's loop that there may be an input. False: the run is not owned here. */
  nudge(runId: string): boolean {
    const running = this.#loops.get(runId);
    running?.loop.nudge();
    return running !== undefined;
  }

  /** Takes a run up here as soon as a slot is free, and wakes the other replicas if none is. */
  hand(runId: string, tenantId: string): void {
    this.offer(runId, tenantId)
      .then((outcome) => (outcome === 'busy' ? this.#parts.loop.bus.wakeUp(tenantId, runId) : undefined))
      .catch((error: unknown) => logEvent(this.#parts.log, 'wake_up_not_sent', { runId, err: error }));
  }

  async drain(timeoutMs: number): Promise<void> {
    this.#stopped = true;
    this.#slots.close();
    const running = [...this.#loops.values()];
    for (const { loop } of running) loop.drain(timeoutMs / 2);
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)));
    await Promise.race([Promise.allSettled(running.map(({ done }) => done)), limit]);
    clearTimeout(timer);
    this.#renewal.stop();
  }

  async #claim(runId: string, tenantId: string, slot: Slot): Promise<'taken' | 'not_needed'> {
    this.#claiming.add(runId);
    let kept = false;
    try {
      const { owner, leaseMs, retryPauseMs, poisonAttempts } = this.settings;
      const leasedAt = momentOf(this.#parts.clock);
      const { takesExpired } = this.grace;
      const claim = await this.#parts.journal.claim(runId, owner, leaseMs, ENGINE_VERSIONS, takesExpired, retryPauseMs);
      if (claim.kind !== 'claimed') return 'not_needed';
      const { epoch, inboxTaken, publishedSeq } = claim;
      const owned: OwnedRun = { runId, tenantId: claim.tenantId, epoch, inboxTaken, publishedSeq, leasedAt };
      if (epoch > 1) this.metrics.takeovers.inc();
      else this.#parts.admission.begun(claim.tenantId);
      if (this.#stopped) {
        await this.#giveBack(owned);
        return 'not_needed';
      }
      const suspect = claim.stalls >= SUSPECT_STALLS;
      if (claim.stalls >= poisonAttempts) await this.#moveToDeadLetters(owned, claim);
      else if (suspect && this.#hasSuspect) {
        await this.#parts.journal.release(runId, epoch);
        return 'not_needed';
      } else {
        kept = true;
        this.#start(owned, slot, suspect);
      }
      return 'taken';
    } catch (error) {
      // If the database does not answer, the rest of the backlog is dropped; the sweeper finds it again.
      if (error instanceof AppError && error.code === 'unavailable') this.#slots.forget();
      throw error;
    } finally {
      this.#claiming.delete(runId);
      if (!kept) slot.free();
    }
  }

  /** Ends a run whose last `poisonAttempts` owners made no progress, and writes its dead letter. */
  async #moveToDeadLetters(owned: OwnedRun, claim: Extract<Claim, { kind: 'claimed' }>): Promise<void> {
    const { runId, epoch, publishedSeq } = owned;
    const { lastSeq, stalls } = claim;
    try {
      const moved = await moveToDeadLetters(this.#parts, {
        runId,
        epoch,
        lastSeq,
        publishedSeq,
        stalls,
        limit: this.settings.poisonAttempts,
      });
      if (!moved) return;
      this.metrics.moved.inc();
      for (const event of moved.events) this.metrics.committed(event, event.ts);
      if (moved.nextRun !== null) this.hand(moved.nextRun, owned.tenantId);
    } finally {
      this.#parts.publisher.forget(runId);
    }
  }

  #start(owned: OwnedRun, slot: Slot, suspect = false): void {
    const loop = new RunLoop(this.#parts.loop, owned, this.#parts.log, this.metrics);
    if (suspect) this.#suspects.set(owned.runId, loop);
    const done = loop
      .run()
      .then((end) => this.#ended(owned, end, loop))
      .catch((error: unknown) => logEvent(this.#parts.log, 'run_release_failed', { runId: owned.runId, err: error }))
      .finally(() => {
        this.#loops.delete(owned.runId);
        this.#suspects.delete(owned.runId);
        this.#parts.publisher.forget(owned.runId);
        // The next run must not become part of this run's trace.
        withoutTrace(() => {
          slot.free();
          if (loop.nextRun !== null) this.hand(loop.nextRun, owned.tenantId); // the next run of this thread
        });
      });
    this.#loops.set(owned.runId, { loop, done });
  }

  async #ended(owned: OwnedRun, end: LoopEnd, loop: RunLoop): Promise<void> {
    this.metrics.loopsEnded.inc({ end });
    if (end === 'waiting' && loop.inputsWait) await this.#parts.loop.bus.wakeUp(owned.tenantId, owned.runId);
    if (end === 'released') await this.#giveBack(owned);
    if (end === 'broken') await this.#parts.journal.giveUp(owned.runId, owned.epoch, loop.fault ?? 'internal');
  }

  async #giveBack({ runId, tenantId, epoch }: OwnedRun): Promise<void> {
    await this.#parts.journal.release(runId, epoch);
    // Without the wake-up the run would wait for a sweeper.
    await this.#parts.loop.bus.wakeUp(tenantId, runId);
  }

  /** Starts a run that waited for a slot. */
  #takeUp(runId: string, tenantId: string, slot: Slot): void {
    if (this.#loops.has(runId) || this.#claiming.has(runId)) return slot.free();
    this.#claim(runId, tenantId, slot).catch((error: unknown) =>
      logEvent(this.#parts.log, 'run_not_claimed', { runId, err: error }),
    );
  }
}
