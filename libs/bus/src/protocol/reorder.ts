import { type RunEvent, TERMINAL_TYPE } from '@switchyard/contracts';

/*
 * Puts the events of one run in order, in whatever order, with whatever duplicates and losses they arrive. No I/O, no
 * clock.
 *
 * - The events that leave are exactly after+1, after+2, ...: no gap, no duplicate.
 * - No event leaves after the terminal event.
 * - The number of events that wait for a hole is limited. Beyond it the latest are dropped, and the hole stays.
 */
export class Reorder {
  #last: number;
  #ended = false;
  readonly #waiting = new Map<number, RunEvent>();

  readonly #maxWaiting: number;

  constructor(after: number, maxWaiting = 2_000) {
    this.#maxWaiting = maxWaiting;
    this.#last = after;
  }

  /** The last seq that left. */
  get last(): number {
    return this.#last;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** True if later events are here and the next one is missing. */
  get hole(): boolean {
    return this.#waiting.size > 0;
  }

  /** Takes events; returns those that may leave now, in order. */
  take(events: readonly RunEvent[]): RunEvent[] {
    for (const event of events) if (event.seq > this.#last && !this.#ended) this.#waiting.set(event.seq, event);
    const ready: RunEvent[] = [];
    for (let next = this.#waiting.get(this.#last + 1); next && !this.#ended; next = this.#waiting.get(this.#last + 1)) {
      this.#waiting.delete(next.seq);
      this.#last = next.seq;
      this.#ended = next.type === TERMINAL_TYPE;
      ready.push(next);
    }
    if (this.#ended) this.#waiting.clear();
    if (this.#waiting.size > this.#maxWaiting) this.#forgetLatest();
    return ready;
  }

  /** Keeps the earliest, which are needed first, and at least one, so that the hole is visible. */
  #forgetLatest(): void {
    const kept = [...this.#waiting.keys()]
      .sort((a, b) => a - b)
      .slice(0, Math.max(1, Math.floor(this.#maxWaiting / 2)));
    const keep = new Set(kept);
    for (const seq of [...this.#waiting.keys()]) if (!keep.has(seq)) this.#waiting.delete(seq);
  }
}
