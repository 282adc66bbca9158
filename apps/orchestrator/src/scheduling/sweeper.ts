import type { Bus } from '@switchyard/bus';
import { AppError, ENGINE_VERSIONS } from '@switchyard/contracts';
import type { Logger } from '@switchyard/platform';
import type { Journal } from '@switchyard/store';
import { logEvent } from '../log-events.ts';
import type { Admission } from './admission.ts';
import type { Publisher } from '../execution/index.ts';
import type { RunPool } from './run-pool.ts';

/*
 * The safety net behind the wake-ups: looks periodically for runs that have work but no live owner, and for committed
 * events that were not published.
 *
 * - The sweeper takes due runs for this replica as long as slots are free. For some of the rest it sends wake-ups, so
 *   that other replicas take them.
 * - The next round retries what failed. A round never overlaps itself.
 * - A run that cannot be published does not keep the other runs from being published.
 */

const SWEEP_LIMIT = 200;
/** Other replicas sweep as well: more wake-ups than they have slots for would only be returned. */
const TELL_LIMIT = 32;
const RELAY_LIMIT = 100;
const RELAY_AFTER_MS = 2_000;
const PAGE = 500;

interface SweeperParts {
  readonly journal: Journal;
  readonly admission: Admission;
  readonly bus: Bus;
  readonly pool: RunPool;
  readonly publisher: Publisher;
  readonly log: Logger;
  readonly intervalMs: number;
}

export class Sweeper {
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
  #stopped = false;

  readonly #parts: SweeperParts;

  constructor(parts: SweeperParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#round;
  }

  /** One round; public for tests and for the start of a replica. */
  async sweep(): Promise<void> {
    const { journal, admission, pool, bus, log } = this.#parts;
    const { sweeps } = pool.metrics;
    try {
      const stats = await journal.stats(ENGINE_VERSIONS);
      pool.grace.answered();
      pool.metrics.queue(stats);
      admission.refresh(stats);
      const { takesExpired: takeExpired } = pool.grace;
      const due = await journal.sweep({ limit: SWEEP_LIMIT, engineVersions: ENGINE_VERSIONS, takeExpired });
      let told = 0;
      for (const { runId, tenantId, stalls } of due) {
        if (this.#stopped) return;
        if ((await pool.offer(runId, tenantId, stalls)) !== 'busy' || told >= TELL_LIMIT) continue;
        told += 1;
        await bus.wakeUp(tenantId, runId);
      }
      sweeps.inc({ outcome: 'done' });
    } catch (error) {
      sweeps.inc({ outcome: 'failed' });
      pool.grace.failed();
      logEvent(log, 'sweep_failed', { err: error });
    }
    try {
      await this.#relay();
    } catch (error) {
      logEvent(log, 'relay_failed', { err: error });
    }
  }

  async #relay(): Promise<void> {
    const { journal, pool, publisher, log } = this.#parts;
    const late = await journal.unpublished(RELAY_LIMIT, RELAY_AFTER_MS);
    pool.metrics.unpublished(late.length);
    try {
      for (const { runId, publishedSeq } of late) {
        if (this.#stopped) break;
        try {
          await this.#relayRun(runId, publishedSeq);
        } catch (error) {
          if (error instanceof AppError && error.code === 'unavailable') throw error;
          logEvent(log, 'run_unpublishable', { runId, err: error }); // the others still can
        }
      }
    } finally {
      if (late.length > 0) await publisher.flush();
    }
  }

  async #relayRun(runId: string, publishedSeq: number): Promise<void> {
    const { journal, publisher } = this.#parts;
    for (let after = publishedSeq; !this.#stopped;) {
      const events = await journal.read(runId, after, PAGE);
      await publisher.republish(events);
      const last = events.at(-1);
      if (!last || events.length < PAGE) return;
      after = last.seq;
    }
  }

  #schedule(): void {
    if (this.#stopped) return;
    // Randomised, so that replicas do not query at the same moment.
    const delay = this.#parts.intervalMs * (0.5 + Math.random());
    this.#timer = setTimeout(() => {
      this.#round = this.sweep().finally(() => this.#schedule());
    }, delay);
  }
}
