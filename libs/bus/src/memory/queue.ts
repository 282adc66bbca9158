import { DRAIN_LIMIT_MS, settledWithin, type WakeUp } from '../protocol/index.ts';

/** Further wake-ups are dropped; the sweeper finds their runs. */
const MAX_WAITING = 100_000;
/** A wake-up that was returned as busy is delivered again after this time. */
const AGAIN_MS = 50;

interface Taker {
  readonly handler: (wakeUp: WakeUp) => Promise<'done' | 'busy'>;
  readonly underWay: Set<Promise<void>>;
  free: number;
}

/** The work queue of wake-ups, shared by all connections: each goes to one consumer with free capacity. */
export class MemoryQueue {
  readonly #waiting: WakeUp[] = [];
  readonly #takers: Taker[] = [];

  put(wakeUp: WakeUp): void {
    if (this.#waiting.length < MAX_WAITING) this.#waiting.push(wakeUp);
    this.#hand();
  }

  /** Starts to take wake-ups; returns a function that stops, and waits for those being handled. */
  take(handler: Taker['handler'], maxInFlight: number): () => Promise<void> {
    const taker: Taker = { handler, free: maxInFlight, underWay: new Set() };
    this.#takers.push(taker);
    this.#hand();
    return () => {
      this.#takers.splice(this.#takers.indexOf(taker), 1);
      return settledWithin(taker.underWay, DRAIN_LIMIT_MS);
    };
  }

  wipe(): void {
    this.#waiting.length = 0;
  }

  #hand(): void {
    for (const taker of this.#takers) {
      while (taker.free > 0) {
        const wakeUp = this.#waiting.shift();
        if (!wakeUp) return;
        taker.free -= 1;
        const done = taker
          .handler(wakeUp)
          .catch(() => 'busy' as const)
          .then((verdict) => {
            taker.free += 1;
            taker.underWay.delete(done);
            if (verdict === 'busy') setTimeout(() => this.put(wakeUp), AGAIN_MS).unref();
            else this.#hand();
          });
        taker.underWay.add(done);
      }
    }
  }
}
