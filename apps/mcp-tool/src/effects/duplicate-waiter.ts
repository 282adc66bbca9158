import { sleep } from '@switchyard/platform';

interface Wait {
  readonly over: Promise<void>;
  readonly abort: AbortController;
  waiters: number;
}

const FIRST_PAUSE_MS = 20;
const MAX_PAUSE_MS = 300;

/**
 * Lets duplicates of a call wait for its outcome. All that wait for one effect share one poll, with growing pauses; it
 * ends with the last of them. When the effect ends in this process, they are woken at once.
 */
export class DuplicateWaiter {
  readonly #waits = new Map<string, Wait>();

  readonly #isRunning: (effectId: string) => Promise<boolean>;

  constructor(isRunning: (effectId: string) => Promise<boolean>) {
    this.#isRunning = isRunning;
  }

  /** Resolves when the effect is not under way any more, or the signal is aborted. */
  async wait(effectId: string, signal: AbortSignal): Promise<void> {
    const wait = this.#waits.get(effectId) ?? this.#open(effectId);
    wait.waiters += 1;
    let stop: (() => void) | undefined;
    const aborted = new Promise<void>((resolve) => {
      stop = resolve;
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) resolve();
    });
    await Promise.race([wait.over, aborted]);
    signal.removeEventListener('abort', stop!);
    wait.waiters -= 1;
    if (wait.waiters === 0) wait.abort.abort();
  }

  /** Wakes the waiters: the effect has ended. */
  call(effectId: string): void {
    this.#waits.get(effectId)?.abort.abort();
  }

  get size(): number {
    return this.#waits.size;
  }

  #open(effectId: string): Wait {
    const abort = new AbortController();
    const over = this.#ask(effectId, abort.signal).finally(() => this.#waits.delete(effectId));
    const wait: Wait = { over, abort, waiters: 0 };
    this.#waits.set(effectId, wait);
    return wait;
  }

  async #ask(effectId: string, signal: AbortSignal): Promise<void> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(MAX_PAUSE_MS, pauseMs * 1.5)) {
      await sleep(pauseMs * (0.75 + Math.random() / 2), signal).catch(() => undefined);
      if (signal.aborted) return;
      // The next poll shows whether an unavailable ledger is back.
      if (!(await this.#isRunning(effectId).catch(() => true))) return;
    }
  }
}
