import type { Clock } from '@switchyard/platform';

/*
 * How long this process may assume that it owns a run, by its own clocks. Only the database decides who the owner is;
 * this class says when the database must be asked again before an effect that no append can fence.
 *
 * - The lease is counted from before the owner asked for a renewal, so it ends before the database's own lease does.
 * - It is counted by two clocks: a monotonic one, which cannot be set back, and the system clock, which keeps going
 *   while a machine is suspended.
 */

/** Share of the lease that is kept for the delivery of a message that leaves now. */
const MARGIN = 0.1;

export interface Moment {
  readonly wall: number;
  readonly steady: number;
}

export class Lease {
  #from: Moment;

  readonly #clock: Clock;
  readonly #leaseMs: number;

  constructor(clock: Clock, leaseMs: number, from?: Moment) {
    this.#clock = clock;
    this.#leaseMs = leaseMs;
    this.#from = from ?? momentOf(clock);
  }

  /** Take this before asking the database. */
  now(): Moment {
    return momentOf(this.#clock);
  }

  /** The database renewed the lease in answer to a request sent at `askedAt`. */
  renewed(askedAt: Moment): void {
    if (askedAt.steady > this.#from.steady) this.#from = askedAt;
  }

  get holds(): boolean {
    const { wall, steady } = momentOf(this.#clock);
    const passed = Math.max(wall - this.#from.wall, steady - this.#from.steady);
    return passed < this.#leaseMs * (1 - MARGIN);
  }
}

export function momentOf(clock: Clock): Moment {
  return { wall: clock.now(), steady: performance.now() };
}
