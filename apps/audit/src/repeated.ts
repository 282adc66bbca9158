import type { Logger } from '@switchyard/platform';
import { logEvent } from './log-events.ts';

/** Runs work periodically, never twice at once, until it is stopped. A failure is logged and costs one round. */
export class Repeated {
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
  readonly #stopping = new AbortController();

  readonly #what: string;
  readonly #everyMs: number;
  readonly #log: Logger;
  /** Ends early if the signal aborts. */
  readonly #work: (signal: AbortSignal) => Promise<void>;

  constructor(what: string, everyMs: number, log: Logger, work: (signal: AbortSignal) => Promise<void>) {
    this.#what = what;
    this.#everyMs = everyMs;
    this.#log = log;
    this.#work = work;
  }

  start(): void {
    this.#schedule(0);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    await this.#round;
  }

  #schedule(delayMs: number): void {
    const { signal } = this.#stopping;
    if (signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#round = this.#work(signal)
        .catch((error: unknown) => logEvent(this.#log, 'audit_upkeep_failed', { err: error, work: this.#what }))
        .finally(() => this.#schedule(this.#everyMs));
    }, delayMs);
    this.#timer.unref();
  }
}
