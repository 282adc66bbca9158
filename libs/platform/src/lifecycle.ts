import type { Logger } from './log.ts';

/*
 * How a service goes down.
 *
 * C1 What was started last is stopped first; each part has the time that is left, all together drainTimeoutMs.
 * C2 A part that fails to stop does not keep the others from stopping.
 * C3 A second signal ends the process at once.
 */

export interface LifecycleOptions {
  readonly log: Logger;
  readonly drainTimeoutMs?: number;
  /** Default true: SIGTERM, SIGINT and uncaught errors end the process. Off where many apps share one. */
  readonly handleSignals?: boolean;
}

export interface Lifecycle {
  /** Registers what must happen when the service stops. */
  onStop(name: string, stop: () => Promise<void> | void): void;
  /** Stops everything; the same promise for every caller. */
  stop(): Promise<void>;
}

export function createLifecycle({ log, drainTimeoutMs = 10_000, handleSignals = true }: LifecycleOptions): Lifecycle {
  const parts: { name: string; stop: () => Promise<void> | void }[] = [];
  let stopping: Promise<void> | undefined;

  const stop = (): Promise<void> => {
    stopping ??= stopAll(parts.splice(0).reverse(), log, drainTimeoutMs);
    return stopping;
  };

  if (handleSignals) {
    const end = (code: number) => {
      if (stopping) process.exit(code === 0 ? 130 : code);
      void stop().finally(() => log.flush(() => process.exit(code)));
      setTimeout(() => process.exit(code), drainTimeoutMs + 1_000).unref();
    };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        log.info({ signal }, 'stopping');
        end(0);
      });
    }
    for (const kind of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(kind, (error: unknown) => {
        log.fatal({ err: error, kind }, 'a defect ends this process');
        end(1);
      });
    }
  }
  return { onStop: (name, fn) => void parts.push({ name, stop: fn }), stop };
}

async function stopAll(
  parts: readonly { name: string; stop: () => Promise<void> | void }[],
  log: Logger,
  limitMs: number,
): Promise<void> {
  const until = Date.now() + limitMs;
  for (const part of parts) {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<'late'>(
      (resolve) => (timer = setTimeout(() => resolve('late'), Math.max(0, until - Date.now()))),
    );
    try {
      if ((await Promise.race([Promise.resolve(part.stop()), limit])) === 'late')
        log.warn({ part: part.name }, 'did not stop in time');
    } catch (error) {
      log.warn({ part: part.name, err: error }, 'did not stop cleanly');
    } finally {
      clearTimeout(timer);
    }
  }
}
