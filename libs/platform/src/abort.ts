/*
 * One signal out of several, for one piece of work.
 *
 * `AbortSignal.any` and `AbortSignal.timeout` are not used on paths that are walked often: Node keeps such a signal,
 * and all that it refers to, for as long as a listener is on it and nothing aborted it, and libraries leave theirs on.
 * This one is an ordinary controller's: it goes with the work, and release() takes it off its sources.
 */

export interface LinkedAbort {
  readonly signal: AbortSignal;
  /** True where the time ran out first. */
  readonly timedOut: boolean;
  abort(reason?: unknown): void;
  /** The work is over: no source and no timer holds on to it any more. Idempotent. */
  release(): void;
}

/** A signal that is aborted with the first of the sources, after `timeoutMs` where it is given, or by abort(). */
export function linkAbort(sources: readonly AbortSignal[], timeoutMs?: number): LinkedAbort {
  const controller = new AbortController();
  let timedOut = false;
  let timer: NodeJS.Timeout | undefined;
  const release = (): void => {
    clearTimeout(timer);
    for (const source of sources) source.removeEventListener('abort', onAbort);
  };
  const abort = (reason?: unknown): void => {
    release();
    controller.abort(reason);
  };
  function onAbort(this: AbortSignal): void {
    abort(this.reason);
  }

  const aborted = sources.find((source) => source.aborted);
  if (aborted) {
    controller.abort(aborted.reason);
  } else {
    for (const source of sources) source.addEventListener('abort', onAbort, { once: true });
    if (timeoutMs !== undefined) {
      timer = setTimeout(() => {
        timedOut = true;
        abort(new DOMException('The time is up.', 'TimeoutError'));
      }, timeoutMs);
    }
  }
  return {
    signal: controller.signal,
    get timedOut() {
      return timedOut;
    },
    abort,
    release,
  };
}
