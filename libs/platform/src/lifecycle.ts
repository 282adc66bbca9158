import { logConsole, type Logger, logSharedEvent } from './log/index.ts';

/*
 * How a service goes down.
 *
 * - The part that was started last is stopped first. Each part has the time that is left; all together have
 *   drainTimeoutMs. Where nothing is left, each part still has a moment, so that what is said at the end (leases, lost
 *   calls) gets out.
 * - A part that fails to stop does not keep the others from stopping.
 * - A second signal ends the process at once.
 * - A defect ends the process with 1 at once, as a crash: a broken process says and writes nothing more, and others
 *   take over as from one that died. A defect that shows while the service stops does not cut the stop short.
 * - A part that is registered while the service stops (it was still starting) is stopped as well.
 */

/** The least time of each part. */
const LEAST_MS = 100;
/** A log that takes longer is not waited for. */
const FLUSH_LIMIT_MS = 500;

export interface LifecycleOptions {
  readonly log: Logger;
  readonly drainTimeoutMs?: number;
  /**
   * Default true: SIGTERM, SIGINT and uncaught errors end the process, and what libraries say on the console goes to the
   * log. Off where many apps share one process.
   */
  readonly handleSignals?: boolean;
}

type Stop = (leftMs: number) => Promise<void> | void;

export interface Lifecycle {
  /** Registers what must happen when the service stops; it happens at once where that has begun. It is told what time is left. */
  onStop(name: string, stop: Stop): void;
  /** Stops everything; the same promise for every caller. */
  stop(): Promise<void>;
}

export function createLifecycle({ log, drainTimeoutMs = 10_000, handleSignals = true }: LifecycleOptions): Lifecycle {
  const parts: Part[] = [];
  let until = 0;
  let stopping: Promise<void> | undefined;
  let stopped = false;

  const stopAll = async (): Promise<void> => {
    until = Date.now() + drainTimeoutMs;
    for (let part = parts.pop(); part; part = parts.pop()) await stopPart(part, log, until);
    stopped = true;
  };
  const stop = (): Promise<void> => {
    stopping ??= stopAll();
    return stopping;
  };

  if (handleSignals) {
    logConsole(log);
    let code = 0;
    let ending = false;
    let crashed = false;
    const end = () => {
      if (ending) return;
      ending = true;
      const backstop = setTimeout(() => process.exit(code), drainTimeoutMs + 1_000).unref();
      void stop().finally(() =>
        log.flush(() => {
          clearTimeout(backstop);
          process.exit(code);
        }),
      );
    };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (stopping) process.exit(code === 0 ? 130 : code);
        logSharedEvent(log, 'service_stopping', { signal });
        end();
      });
    }
    for (const kind of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(kind, (error: unknown) => {
        if (crashed) return;
        code = 1;
        logSharedEvent(log, 'process_crashed', { err: error, kind });
        if (ending) return;
        crashed = true;
        const backstop = setTimeout(() => process.exit(code), FLUSH_LIMIT_MS);
        log.flush(() => {
          clearTimeout(backstop);
          process.exit(code);
        });
      });
    }
  }
  return {
    onStop: (name, fn) => {
      const part = { name, stop: fn };
      if (stopped) void stopPart(part, log, Math.max(until, Date.now() + 1_000));
      else parts.push(part);
    },
    stop,
  };
}

interface Part {
  readonly name: string;
  readonly stop: Stop;
}

async function stopPart(part: Part, log: Logger, until: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const leftMs = Math.max(LEAST_MS, until - Date.now());
  const limit = new Promise<'late'>((resolve) => (timer = setTimeout(() => resolve('late'), leftMs)));
  try {
    if ((await Promise.race([Promise.resolve(part.stop(leftMs)), limit])) === 'late')
      logSharedEvent(log, 'shutdown_part_late', { part: part.name });
  } catch (error) {
    logSharedEvent(log, 'shutdown_part_failed', { part: part.name, err: error });
  } finally {
    clearTimeout(timer);
  }
}
