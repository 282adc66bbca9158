/** True for the error of an aborted or timed-out wait. By name: such errors come from several realms and libraries. */
export function isAbortLike(error: unknown): boolean {
  const name = nameOf(error);
  return name === 'AbortError' || name === 'TimeoutError';
}

/** True where the signal ended by a time limit and not by a caller. */
export function isTimedOut(signal: AbortSignal): boolean {
  return signal.aborted && nameOf(signal.reason) === 'TimeoutError';
}

function nameOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null ? (error as { name?: unknown }).name : undefined;
}
