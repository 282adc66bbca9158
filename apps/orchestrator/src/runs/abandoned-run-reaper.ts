import {
  graceMsOf,
  type InputOf,
  mayAct,
  type OutputOf,
  type RunSpec,
  WATCH_MS,
  type watchRun,
} from '@switchyard/contracts';
import type { Logger } from '@switchyard/platform';
import type { Journal, Watches } from '@switchyard/store';
import { logEvent } from '../log-events.ts';
import type { RunService } from './run-service.ts';
import { findHead, headFor } from './visible-run.ts';

/*
 * Cancels runs whose clients went away, if that is their policy (`on_disconnect`).
 *
 * - Such a run counts as watched from its start, so that it is cancelled even if its gateway dies at once.
 * - An answer to a question counts as watching: its client has the time of a watch to come back.
 * - An auditor's watch keeps no run alive.
 * - For a run that continues without its clients, nothing is ever written.
 */

const REASON = { by: 'system', reason: 'the client went away' };
const LIMIT = 100;

interface AbandonedRunReaperParts {
  readonly watches: Watches;
  readonly journal: Pick<Journal, 'head'>;
  readonly runs: Pick<RunService, 'tellOfCancel'>;
  readonly log: Logger;
  readonly intervalMs: number;
}

export class AbandonedRunReaper {
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();

  readonly #parts: AbandonedRunReaperParts;

  constructor(parts: AbandonedRunReaperParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#round = this.#round.then(() => this.stopUnwatched());
    }, this.#parts.intervalMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#round;
  }

  async watch({ principal, runId, forMs }: InputOf<typeof watchRun>): Promise<OutputOf<typeof watchRun>> {
    const head = await headFor(this.#parts.journal, principal, runId);
    return { runId: head.runId, watched: mayAct(principal) && (await this.#parts.watches.watch(head.runId, forMs)) };
  }

  /** Counts the run as watched from its start; writes nothing for a run that continues without its clients. */
  async started(runId: string, run: RunSpec): Promise<void> {
    const graceMs = graceMsOf(run.on_disconnect);
    if (graceMs !== null) await this.#parts.watches.watch(runId, WATCH_MS + graceMs);
  }

  /** Counts an answer to a question as watching; an auditor's does not count. */
  async answering({ principal, runId }: Pick<InputOf<typeof watchRun>, 'principal' | 'runId'>): Promise<void> {
    if (!mayAct(principal)) return;
    const head = await findHead(this.#parts.journal, principal, runId);
    if (head) await this.#parts.watches.rewatch(head.runId);
  }

  /** One round; public for tests. The next round retries what failed. */
  async stopUnwatched(): Promise<void> {
    const { watches, runs, log } = this.#parts;
    try {
      for (const { runId, tenantId, owned } of await watches.stopUnwatched(REASON, LIMIT)) {
        logEvent(log, 'abandoned_run_cancelled', { runId });
        await runs.tellOfCancel(tenantId, runId, owned);
      }
    } catch (error) {
      logEvent(log, 'abandoned_runs_not_checked', { err: error });
    }
  }
}
