import { AppError } from '@switchyard/contracts';

export interface Backoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * Full jitter: a random time between 0 and min(maxMs, baseMs * 2^(attempt - 1)), so that many callers that
 * failed together do not come back together. `attempt` counts from 1.
 */
export function backoffMs(attempt: number, { baseMs, maxMs }: Backoff, random: () => number = Math.random): number {
  const exponent = Math.min(30, Math.max(0, attempt - 1));
  return Math.floor(random() * Math.min(maxMs, baseMs * 2 ** exponent));
}

/** The longest time that a timer of Node takes; a longer one would fire at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** Waits `ms`; throws AppError `cancelled` as soon as the signal is aborted, leaving no timer behind. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancelled = () => new AppError('cancelled', undefined, { cause: signal?.reason });
    if (signal?.aborted) return reject(cancelled());
    const onAbort = () => {
      clearTimeout(timer);
      reject(cancelled());
    };
    const timer = setTimeout(
      () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      },
      Math.min(ms, MAX_TIMER_MS),
    );
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
