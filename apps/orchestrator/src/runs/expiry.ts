import { AppError } from '@switchyard/contracts';
import type { Logger } from '@switchyard/platform';
import type { Journal, Retention } from '@switchyard/store';
import { logEvent } from '../log-events.ts';
import { readWhole } from './journal-pages.ts';
import { toRunView, toSnapshot, viewOfHead } from './run-view.ts';

/*
 * Deletes expired data: first the events of runs that ended long ago, which leave a snapshot behind, later the rows of
 * the runs. Any number of replicas may do it at once.
 *
 * - A round never overlaps itself and its work is limited. If work is left, the next round follows at once.
 * - A run whose events cannot be read does not keep other runs from expiring: its snapshot is made from its row.
 */

const BATCH = 100;
const PAUSE_MS = 60_000;
/** The pause between two full batches, so that other queries get their turn. */
const SHORT_PAUSE_MS = 200;
const HOUR_MS = 3_600_000;

interface ExpiryParts {
  readonly journal: Journal;
  readonly retention: Retention;
  readonly log: Logger;
  /** 0: events are kept for ever, and so are runs. */
  readonly eventHours: number;
  /** 0: runs are kept for ever. */
  readonly runDays: number;
}

export class Expiry {
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
  #stopped = false;

  readonly #parts: ExpiryParts;

  constructor(parts: ExpiryParts) {
    this.#parts = parts;
  }

  start(): void {
    if (this.#parts.eventHours > 0) this.#schedule(PAUSE_MS);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#round;
  }

  /** One round; public for tests. True if there is more to do. */
  async round(): Promise<boolean> {
    const { retention, eventHours, runDays, log } = this.#parts;
    if (eventHours === 0) return false;
    const due = await retention.due(BATCH, eventHours * HOUR_MS);
    let expired = 0;
    for (const runId of due) {
      if (this.#stopped) return false;
      if (await this.#expire(runId)) expired += 1;
    }
    const removed = runDays === 0 ? 0 : await retention.remove(BATCH, runDays * 24 * HOUR_MS);
    if (expired + removed > 0) logEvent(log, 'expired_runs_removed', { expired, removed });
    return expired === BATCH || removed === BATCH;
  }

  async #expire(runId: string): Promise<boolean> {
    const { journal, retention, eventHours, log } = this.#parts;
    const head = await journal.head(runId);
    if (!head || head.expired) return false;
    const view = await readWhole(journal, runId).then(
      (events) => toRunView(events, head.phase),
      (error: unknown) => {
        if (error instanceof AppError && error.code === 'unavailable') throw error;
        logEvent(log, 'expired_run_unreadable', { runId, err: error });
        return viewOfHead(head);
      },
    );
    return retention.expire(runId, toSnapshot(view), eventHours * HOUR_MS);
  }

  #schedule(pauseMs: number): void {
    if (this.#stopped) return;
    // Randomised, so that replicas do not query at the same moment.
    this.#timer = setTimeout(
      () => {
        this.#round = this.round()
          .catch((error: unknown) => {
            logEvent(this.#parts.log, 'expiry_failed', { err: error });
            return false;
          })
          .then((more) => this.#schedule(more ? SHORT_PAUSE_MS : PAUSE_MS));
      },
      pauseMs * (0.5 + Math.random()),
    );
  }
}
