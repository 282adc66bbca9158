import type { Clock } from '@switchyard/platform';

/*
 * How long this process may believe that it owns a run, by its own clocks. The database alone decides who the owner
 * is; this tells when it must be asked again before something leaves that no append fences.
 *
 * - The lease is counted from before the owner asked for a renewal, so it ends before the database's own lease does.
 * - It is counted by two clocks: one that cannot be set back, and the system's, which goes on while a machine is
 *   suspended.
 */

/** What leaves now arrives a little later. */
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

  /** To be taken before the database is asked. */
  now(): Moment {
    return momentOf(this.#clock);
  }

  /** The database prolonged the lease, for a question that was asked at `askedAt`. */
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
