import { BoundedMap } from '@switchyard/platform';
/*
 * Takes requests out of the shared count a slice at a time, so that a busy caller does not wait for the shared count
 * each time.
 *
 * - No caller gets more than the limit: every granted request was taken from the shared count before.
 * - A slice is at most a sixteenth of a caller's remaining requests, and one request for a caller that is new in this
 *   minute. So a caller that uses several replicas may be refused early, by one slice for each further replica. The
 *   last requests of a caller are counted one by one.
 * - A slice ends with its minute. Each caller has at most one request to the shared count under way, however many
 *   requests wait for it.
 * - The number of slices is limited: the one that was requested longest ago is dropped first.
 */

/** The answer of the shared count. */
export interface Slice {
  /** How many requests are granted; at least one. */
  readonly points: number;
  /** How many are left in the shared count. */
  readonly left: number;
  readonly endsInMs: number;
}

const PART = 16;
const MAX_CALLERS = 10_000;

export class RateSlices {
  readonly #held = new BoundedMap<string, { points: number; readonly left: number; readonly endsAt: number }>(
    MAX_CALLERS,
  );
  readonly #asking = new Map<string, Promise<void>>();

  /** Takes points out of the shared count. Throws if none is left. */
  readonly #takeThere: (caller: string, points: number) => Promise<Slice>;
  readonly #now: () => number;

  constructor(
    takeThere: (caller: string, points: number) => Promise<Slice>,
    now: () => number = () => performance.now(),
  ) {
    this.#takeThere = takeThere;
    this.#now = now;
  }

  /** Counts one request. Throws what the shared count throws. */
  async take(caller: string): Promise<void> {
    for (;;) {
      const held = this.#held.get(caller);
      if (held && held.points > 0 && this.#now() < held.endsAt) {
        held.points -= 1;
        return;
      }
      await (this.#asking.get(caller) ?? this.#ask(caller));
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
    const began = this.#now();
    const held = this.#held.get(caller);
    // A caller that is new in this minute gets one request, since its remaining count is not known yet.
    const wanted = held && began < held.endsAt ? Math.max(1, Math.floor(held.left / PART)) : 1;
    const { points, left, endsInMs } = await this.#takeThere(caller, wanted);
    this.#held.set(caller, { points, left, endsAt: began + endsInMs });
  }
}
