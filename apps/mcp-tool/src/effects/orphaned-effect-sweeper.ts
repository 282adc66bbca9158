import type { SystemEventPublisher } from '@switchyard/bus';
import { type Logger, type Metrics, sleep } from '@switchyard/platform';
import type { AgentTurns, Effects } from '@switchyard/store';
import { logEvent } from '../log-events.ts';
import { effectInDoubt } from './facts.ts';

/*
 * Cleans up the ledger.
 *
 * - A dispatched call whose process died, and that was not repeated, is put in doubt some leases later.
 * - Known outcomes are removed after `keepMs`, a batch at a time. Effects in doubt stay until a person settles them.
 * - The turns of the tool agent are removed before the effects of their step, after TURNS_KEPT_MS at the latest. A step
 *   with effects and no turns is in doubt; a step with turns and no effects would have its effects again.
 */

const ORPHANS_AT_ONCE = 100;
/** The time that a repeat with the same key gets to arrive by itself, in leases. */
const GRACE_LEASES = 5;
const REMOVE_EVERY_MS = 3_600_000;
const FIRST_REMOVE_MS = 60_000;
const TURNS_KEPT_MS = 7 * 86_400_000;
const FIRST_COUNT_MS = 1_000;
const COUNT_EVERY_MS = 15_000;
const MOST_COUNTED = 10_000;
const BATCH = 1_000;
const BATCH_PAUSE_MS = 200;

export interface OrphanedEffectSweeperParts {
  readonly effects: Pick<Effects, 'countDoubts' | 'doubtOrphans' | 'remove'>;
  readonly turns: Pick<AgentTurns, 'remove'>;
  readonly systemEvents: Pick<SystemEventPublisher, 'publish'>;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly leaseMs: number;
  readonly keepMs: number;
  /** False right after an outage of the database. */
  readonly mayTakeOver: () => boolean;
}

export class OrphanedEffectSweeper {
  readonly #stopped = new AbortController();
  readonly #inDoubt;
  #work: Promise<unknown> = Promise.resolve();

  readonly #parts: OrphanedEffectSweeperParts;

  constructor(parts: OrphanedEffectSweeperParts) {
    this.#parts = parts;
    const help = 'Effects in doubt that nobody has settled, of all tenants, up to 10 000';
    this.#inDoubt = parts.metrics.gauge('effects_in_doubt', help);
  }

  start(): void {
    this.#work = Promise.all([
      this.#every(this.#parts.leaseMs, this.#parts.leaseMs, () => this.doubtOrphans()),
      this.#every(FIRST_REMOVE_MS, REMOVE_EVERY_MS, () => this.removeOld()),
      this.#every(FIRST_COUNT_MS, COUNT_EVERY_MS, () => this.countDoubts()),
    ]);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#work;
  }

  /** Puts calls in doubt whose process died, and publishes each; does nothing right after an outage of the database. */
  async doubtOrphans(): Promise<void> {
    const { effects, systemEvents, leaseMs, mayTakeOver } = this.#parts;
    if (!mayTakeOver()) return;
    for (const effect of await effects.doubtOrphans(ORPHANS_AT_ONCE, GRACE_LEASES * leaseMs))
      systemEvents.publish(effectInDoubt(effect, 'The worker was lost while the call was under way.'));
  }

  /** Sets the gauge of the effects in doubt. */
  async countDoubts(): Promise<void> {
    this.#inDoubt.set(await this.#parts.effects.countDoubts(MOST_COUNTED));
  }

  /** Removes old turns of the tool agent, then old effects whose outcome is known. */
  async removeOld(): Promise<void> {
    const { effects, turns, keepMs } = this.#parts;
    await this.#remove((limit) => turns.remove(limit, Math.min(keepMs, TURNS_KEPT_MS)));
    const removed = await this.#remove((limit) => effects.remove(limit, keepMs));
    if (removed > 0) logEvent(this.#parts.log, 'effects_expired', { removed });
  }

  async #remove(some: (limit: number) => Promise<number>): Promise<number> {
    let removed = 0;
    for (let count = BATCH; count === BATCH && !this.#stopped.signal.aborted;) {
      count = await some(BATCH);
      removed += count;
      if (count === BATCH) await sleep(BATCH_PAUSE_MS, this.#stopped.signal);
    }
    return removed;
  }

  async #every(firstMs: number, pauseMs: number, work: () => Promise<void>): Promise<void> {
    const { signal } = this.#stopped;
    for (let waitMs = firstMs; !signal.aborted; waitMs = pauseMs) {
      try {
        await sleep(waitMs, signal);
        await work();
      } catch (error) {
        if (!signal.aborted) logEvent(this.#parts.log, 'effect_upkeep_failed', { err: error });
      }
    }
  }
}
