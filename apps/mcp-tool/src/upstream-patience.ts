import { linkAbort } from '@switchyard/platform';

/**
 * The time limits of a call that may ask its caller something: so much silence, so much in all, and the time in which a
 * question waits for its answer does not count.
 */
export class Patience {
  readonly #timeUp = new AbortController();
  readonly #linked;
  #timer: NodeJS.Timeout | undefined;
  #questions = 0;
  #leftMs: number;
  #since = performance.now();

  constructor(
    private readonly silenceMs: number,
    totalMs: number,
    signal: AbortSignal | undefined,
  ) {
    this.#leftMs = totalMs;
    this.#linked = linkAbort([...(signal ? [signal] : []), this.#timeUp.signal]);
    this.#start();
  }

  get signal(): AbortSignal {
    return this.#linked.signal;
  }

  get timedOut(): boolean {
    return this.#timeUp.signal.aborted;
  }

  /** Something was heard. */
  heard(): void {
    if (this.#questions > 0) return;
    this.#pause();
    this.#start();
  }

  async whileAsking<T>(ask: () => Promise<T>): Promise<T> {
    if ((this.#questions += 1) === 1) this.#pause();
    try {
      return await ask();
    } finally {
      if ((this.#questions -= 1) === 0) this.#start();
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#questions = Infinity;
    this.#linked.release();
  }

  #pause(): void {
    clearTimeout(this.#timer);
    this.#leftMs -= performance.now() - this.#since;
  }

  #start(): void {
    this.#since = performance.now();
    this.#timer = setTimeout(() => this.#timeUp.abort(), Math.max(0, Math.min(this.silenceMs, this.#leftMs)));
  }
}
