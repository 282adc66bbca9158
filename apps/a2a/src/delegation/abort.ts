/**
 * Why a signal ended a piece of work.
 *   timeout    a limit of time has passed
 *   cancelled  somebody decided that the work is not wanted any more
 *   gone       the caller or this service goes away; whoever takes over asks again
 */
export type End = 'timeout' | 'cancelled' | 'gone';

/** Reads the reason of an aborted signal. By name and code: such reasons come from several realms and libraries. */
export function endOf(signal: AbortSignal): End {
  const { name, code, message } = fieldsOf(signal.reason);
  if (name === 'TimeoutError' || code === 'deadline_exceeded') return 'timeout';
  if (code === 'unavailable' || (code === 'cancelled' && /caller has gone/i.test(message ?? ''))) return 'gone';
  return 'cancelled';
}

/** True for the error of an aborted or timed-out wait. */
export function isAbortLike(error: unknown): boolean {
  const { name } = fieldsOf(error);
  return name === 'AbortError' || name === 'TimeoutError';
}

/** The result of the promise, or undefined as soon as the signal aborts; no listener stays behind. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return undefined;
  let stop!: () => void;
  const aborted = new Promise<undefined>((resolve) => (stop = () => resolve(undefined)));
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function fieldsOf(error: unknown): { name?: unknown; code?: unknown; message?: string } {
  if (typeof error !== 'object' || error === null) return {};
  const { name, code, message } = error as { name?: unknown; code?: unknown; message?: unknown };
  return { name, code, ...(typeof message === 'string' ? { message } : {}) };
}
