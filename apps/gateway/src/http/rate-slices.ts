/*
 * Requests that callers may still make, taken out of a count that all replicas share, some at a time. So a caller that
 * sends many is not waited for at the shared count each time.
 *
 * C1 Nobody gets more than the limit: what is given out here was taken there before.
 * C2 A slice is at most a sixteenth of what a caller has left, and one for a caller that was not there in this minute.
 *    So one that comes to several replicas may be refused early, by that much for each further replica; what is left
 *    at the end is counted one by one.
 * C3 What was taken ends with its minute. There is one question at a time for each caller, however many wait for it.
 * C4 What is kept is bounded: of the caller that asked for a slice longest ago it is forgotten first.
 */

/** What the shared count gave. */
export interface Slice {
  /** How many requests may be made; at least one. */
  readonly points: number;
  /** How many are left there. */
  readonly left: number;
  readonly endsInMs: number;
}

const PART = 16;
const MAX_CALLERS = 10_000;

export class RateSlices {
  readonly #held = new Map<string, { points: number; readonly left: number; readonly endsAt: number }>();
  readonly #asking = new Map<string, Promise<void>>();

  constructor(
    /** Takes so many out of the shared count. Throws where there is none left. */
    private readonly takeThere: (caller: string, points: number) => Promise<Slice>,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Counts one request. Throws what the shared count throws. */
  async take(caller: string): Promise<void> {
    for (;;) {
      const held = this.#held.get(caller);
      if (held && held.points > 0 && this.now() < held.endsAt) {
        held.points -= 1;
        return;
      }
      await (this.#asking.get(caller) ?? this.#ask(caller)); // C3
    }
  }

  get callers(): number {
    return this.#held.size;
  }

  #ask(caller: string): Promise<void> {
    const asking = this.#refill(caller).finally(() => this.#asking.delete(caller));
    this.#asking.set(caller, asking);
    return asking;
  }

  async #refill(caller: string): Promise<void> {
    const began = this.now();
    const held = this.#held.get(caller);
    const wanted = held && began < held.endsAt ? Math.max(1, Math.floor(held.left / PART)) : 1; // C2
    const { points, left, endsInMs } = await this.takeThere(caller, wanted);
    this.#held.delete(caller);
    this.#held.set(caller, { points, left, endsAt: began + endsInMs });
    for (const oldest of this.#held.keys()) {
      if (this.#held.size <= MAX_CALLERS) break;
      this.#held.delete(oldest);
    }
  }
}
