import type { Bus } from '@switchyard/bus';
import { listAcceptedRuns, type OutputOf, type RunEvent } from '@switchyard/contracts';
import type { Clock, Logger } from '@switchyard/platform';
import type { AuditLog } from '@switchyard/store';
import type { FactRecorder } from './fact-recorder.ts';
import type { JournalReader } from './journal-reader.ts';
import { logEvent } from './log-events.ts';

/*
 * Finds the runs of which audit has heard nothing, and reads them from the journal. The bus keeps only the newest facts: the
 * facts of a run that ended while audit was away may all have left it, and then no number of what arrives shows a hole.
 *
 * - The comparison goes through all runs in the order of their acceptance and notes its place after each page. The place
 *   stays where it is while the journal does not answer, so no run is passed over.
 * - A run is compared once, when it is older than `minAgeMs`. If the log has anything of it by then, the completer does
 *   the rest.
 * - The first comparison of a new log begins a day back.
 */

const PAGE = 500;
const PAGES_PER_ROUND = 20;
/** Runs that are read from the journal at the same time. */
const AT_ONCE = 8;
const FIRST_LOOK_MS = 86_400_000;

type Accepted = OutputOf<typeof listAcceptedRuns>['runs'][number];

export interface JournalComparisonParts {
  readonly bus: Pick<Bus, 'request'>;
  readonly auditLog: AuditLog;
  readonly journal: JournalReader;
  readonly recorder: FactRecorder;
  readonly clock: Clock;
  readonly log: Logger;
  readonly minAgeMs: number;
}

export class JournalComparison {
  readonly #parts: JournalComparisonParts;

  constructor(parts: JournalComparisonParts) {
    this.#parts = parts;
  }

  /** One round of at most 10,000 runs. Ends early at the signal, and where the journal does not answer. */
  async compare(signal: AbortSignal): Promise<void> {
    const { bus, auditLog, clock, log, minAgeMs } = this.#parts;
    let place = (await auditLog.compared()) ?? { acceptedAt: clock.now() - FIRST_LOOK_MS, runId: '' };
    let recovered = 0;
    for (let pages = 0; pages < PAGES_PER_ROUND && !signal.aborted; pages += 1) {
      const { runs } = await bus.request(listAcceptedRuns, { ...place, minAgeMs, limit: PAGE }, { signal });
      const last = runs.at(-1);
      if (!last) break;
      const unknown = await this.#unknown(runs);
      if (!(await this.#takeAll(unknown, signal))) break;
      recovered += unknown.length;
      place = { acceptedAt: last.acceptedAt, runId: last.runId };
      await auditLog.noteCompared(place);
      if (runs.length < PAGE) break;
    }
    if (recovered > 0) logEvent(log, 'audit_runs_recovered', { runs: recovered });
  }

  async #unknown(runs: readonly Accepted[]): Promise<Accepted[]> {
    const known = new Set((await this.#parts.auditLog.positions(runs.map(({ runId }) => runId))).map((p) => p.runId));
    return runs.filter(({ runId }) => !known.has(runId));
  }

  /** False where the journal did not answer for one of them. */
  async #takeAll(runs: readonly Accepted[], signal: AbortSignal): Promise<boolean> {
    const { journal, recorder, log } = this.#parts;
    for (let from = 0; from < runs.length; from += AT_ONCE) {
      if (signal.aborted) return false;
      const some = runs.slice(from, from + AT_ONCE);
      const answers = await Promise.all(some.map(({ tenantId, runId }) => journal.after(tenantId, runId, 0)));
      await recorder.take(answers.flatMap(({ events }): readonly RunEvent[] => events));
      if (answers.some(({ kind }) => kind === 'unreachable')) return false;
      for (const [index, { kind }] of answers.entries()) {
        if (kind !== 'read') logEvent(log, 'audit_run_incomplete', { runId: some[index]?.runId, after: 0, why: kind });
      }
    }
    return true;
  }
}
