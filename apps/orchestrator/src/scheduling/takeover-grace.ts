import type { Clock } from '@switchyard/platform';

/*
 * Decides whether this replica may take over runs with an expired lease.
 *
 * - After a database outage or a pause of this process longer than 2/3 of a lease, the replica first waits one full
 *   lease: the owners may have been unable to renew. After a start of the database, the database itself grants them
 *   this time (`Journal.claim`).
 * - A run without an owner may be taken at any time.
 */

/** Owners renew every third of a lease: a shorter outage lets no lease expire. */
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

  /** A timer of this process fired this much too late. */
  stoodStill(lateMs: number): void {
    if (lateMs > this.#leaseMs * LONG) this.#until = this.#clock.now() + this.#leaseMs;
  }

  get takesExpired(): boolean {
    return this.#clock.now() >= this.#until;
  }
}
