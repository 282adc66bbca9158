import type { Bus } from '@switchyard/bus';
import { graceMsOf, mayAct, type Principal, type RunSpec, WATCH_MS, watchRun } from '@switchyard/contracts';
import type { Logger } from '@switchyard/platform';
import { logEvent } from '../log-events.ts';

/*
 * Reports runs as watched while clients see them here, if such a run is to stop without clients.
 *
 * - A process renews one watch per run, whatever the number of the run's streams, and stops with the last of them.
 * - There is no "leave" message: a watch expires. So a crashed replica looks like one whose clients left.
 * - A run that continues without clients costs nothing. An auditor's stream keeps no run alive.
 */

/** Two renewals may be lost before a watch expires. */
const RENEW_MS = WATCH_MS * 0.3;

interface Watch {
  viewers: number;
  readonly timer: NodeJS.Timeout;
}

export class Watches {
  readonly #watches = new Map<string, Watch>();

  readonly #bus: Pick<Bus, 'request'>;
  readonly #log: Logger;

  constructor(bus: Pick<Bus, 'request'>, log: Logger) {
    this.#bus = bus;
    this.#log = log;
  }

  get size(): number {
    return this.#watches.size;
  }

  /** Keeps the run watched until the returned function is called. */
  hold(principal: Principal, runId: string, run: RunSpec): () => void {
    const graceMs = graceMsOf(run.on_disconnect);
    // The run continues without clients, or this principal only watches.
    if (graceMs === null || !mayAct(principal)) return NOTHING;
    const key = `${principal.tenantId}/${runId}`;
    const known = this.#watches.get(key);
    if (known === undefined) {
      const say = () => void this.#say(principal, runId, WATCH_MS + graceMs);
      this.#watches.set(key, { viewers: 1, timer: setInterval(say, RENEW_MS) });
      say();
    } else known.viewers += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#leave(key);
    };
  }

  #leave(key: string): void {
    const watch = this.#watches.get(key);
    if (watch === undefined) return;
    watch.viewers -= 1;
    if (watch.viewers > 0) return;
    clearInterval(watch.timer);
    this.#watches.delete(key);
  }

  async #say(principal: Principal, runId: string, forMs: number): Promise<void> {
    try {
      await this.#bus.request(watchRun, { principal, runId, forMs });
    } catch (error) {
      logEvent(this.#log, 'watch_not_renewed', { err: error, runId });
    }
  }
}

const NOTHING = (): void => undefined;
