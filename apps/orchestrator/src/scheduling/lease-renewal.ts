import type { Clock, Logger } from '@switchyard/platform';
import type { Journal } from '@switchyard/store';
import { momentOf, type RunLoop } from '../execution/index.ts';
import { logEvent } from '../log-events.ts';
import type { TakeoverGrace } from './takeover-grace.ts';

/*
 * Renews the leases of all runs of this replica in one statement.
 *
 * - The leases are renewed every third of a lease, and every 250 ms while the database does not answer.
 * - A run that another owner has is fenced at once.
 * - A renewal also reports inputs of a run whose wake-up was lost; the loop then reads its inbox.
 * - The takeover grace learns of each outage of the database and of each pause of this process.
 */

const MIN_EVERY_MS = 200;
const AGAIN_MS = 250;

export interface LeaseRenewalParts {
  readonly journal: Journal;
  readonly grace: TakeoverGrace;
  readonly clock: Clock;
  readonly log: Logger;
  readonly leaseMs: number;
  /** The loops of the runs that this replica owns, by run; it changes while a renewal is under way. */
  readonly loops: ReadonlyMap<string, { readonly loop: RunLoop }>;
}

export class LeaseRenewal {
  readonly #parts: LeaseRenewalParts;
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: LeaseRenewalParts) {
    this.#parts = parts;
    this.#everyMs = Math.max(MIN_EVERY_MS, Math.floor(parts.leaseMs / 3));
  }

  start(): void {
    this.#renewIn(this.#everyMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #renewIn(ms: number): void {
    const { clock, grace } = this.#parts;
    const due = clock.now() + ms;
    this.#timer = setTimeout(() => {
      grace.stoodStill(clock.now() - due);
      void this.#renew().then((renewed) => {
        if (this.#timer !== undefined) this.#renewIn(renewed ? this.#everyMs : AGAIN_MS);
      });
    }, ms);
  }

  /** Renews all leases; false if the database did not answer. */
  async #renew(): Promise<boolean> {
    const { journal, grace, clock, log, leaseMs, loops } = this.#parts;
    if (loops.size === 0) return true;
    const askedAt = momentOf(clock);
    const leases = [...loops.values()].map(({ loop }) => ({ runId: loop.owned.runId, epoch: loop.owned.epoch }));
    try {
      const mine = await journal.renew(leases, leaseMs);
      grace.answered();
      for (const { runId, epoch } of leases) {
        const loop = loops.get(runId)?.loop;
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
      // Without the database no other replica can take the runs either; the next append decides.
      grace.failed();
      logEvent(log, 'leases_not_renewed', { err: error });
      return false;
    }
  }
}
