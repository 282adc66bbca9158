import type { Clock } from '@switchyard/platform';

/*
 * Whether this replica may take runs whose owners let their lease run out.
 *
 * - After a database outage or a pause of this process so long that owners may have been kept from renewing, this
 *   replica first gives them the time of one lease to renew. After a start of the database, the database itself gives
 *   them this time (`Journal.claim`).
 * - A run that nobody holds may be taken at any time.
 */

/** Owners renew at a third of a lease: a shorter outage lets no lease run out. */
const LONG = 2 / 3;

export class TakeoverGrace {
  #failing = false;
  #answeredAt: number;
  #until = 0;

  readonly #clock: Clock;
  readonly #leaseMs: number;

  constructor(clock: Clock, leaseMs: number) {
    this.#clock = clock;
    this.#leaseMs = leaseMs;
    this.#answeredAt = clock.now();
  }

  /** The database answered. */
  answered(): void {
    const now = this.#clock.now();
    if (this.#failing && now - this.#answeredAt > this.#leaseMs * LONG) this.#until = now + this.#leaseMs;
    this.#failing = false;
    this.#answeredAt = now;
  }

  /** The database did not answer. */
  failed(): void {
    this.#failing = true;
  }

  /** A timer of this process came so much too late. */
  stoodStill(lateMs: number): void {
    if (lateMs > this.#leaseMs * LONG) this.#until = this.#clock.now() + this.#leaseMs;
  }

  get takesExpired(): boolean {
    return this.#clock.now() >= this.#until;
  }
}
