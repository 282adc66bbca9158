import type { AuditRecord, RunEvent } from '@switchyard/contracts';
import type { Clock, Logger, Metrics } from '@switchyard/platform';
import type { AuditLog, SummaryUpdate } from '@switchyard/store';
import { groupByRun, inOrder } from './in-order.ts';
import type { JournalReader } from './journal-reader.ts';
import { logEvent } from './log-events.ts';
import { runRecord } from './records.ts';
import { summarise } from './run-summary.ts';

/*
 * Takes facts of runs into the audit log, the summaries and the log tree.
 *  - A fact that is taken twice is stored once: the id tells it for a record, the seq for a summary, the payload for a
 *    line of the tree.
 *  - Summaries and the tree follow a run without a hole. When a hole shows, the recorder asks the journal. When the
 *    journal does not answer, the recorder keeps the records, and the completer goes on from the hole later.
 *  - `take` resolves only when all its facts are in PostgreSQL, so the caller may then acknowledge the message.
 *  - The recorder takes one batch at a time. It writes the tree first: a batch that is repeated after a crash finds its
 *    lines there. It then writes the records, then the summaries: the database refuses a summary that says more than
 *    the records.
 *  - A record that the audit log already holds with another content is reported in the log, in a counter and in the
 *    audit log itself.
 */
/** Most ids of one batch that are named in the log. */
const MAX_NAMED = 20;

export interface RecorderParts {
  readonly auditLog: AuditLog;
  readonly journal: JournalReader;
  /** Absent: no log tree. */
  readonly tree?: { write(runs: readonly (readonly RunEvent[])[]): Promise<void> };
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly clock: Clock;
}

interface Taken {
  readonly summary: SummaryUpdate | undefined;
  readonly ready: readonly RunEvent[];
  readonly all: readonly RunEvent[];
}

export class FactRecorder {
  #last: Promise<unknown> = Promise.resolve();
  readonly #recorded;
  readonly #holes;
  readonly #conflicting;
  readonly #delay;

  readonly #parts: RecorderParts;

  constructor(parts: RecorderParts) {
    this.#parts = parts;
    const { metrics } = parts;
    this.#recorded = metrics.counter('audit_records_total', 'Records added to the audit log', []);
    this.#holes = metrics.counter('audit_holes_total', 'Holes that were seen in what arrived of a run', []);
    this.#conflicting = metrics.counter('audit_conflicts_total', 'Records that the log held with another content', []);
    this.#delay = metrics.histogram(
      'audit_delay_seconds',
      'Time from the commit of the newest fact of a batch to its record',
    );
  }

  /** Takes facts in, in any order, any number of times. Throws `unavailable` where PostgreSQL is away. */
  take(events: readonly RunEvent[]): Promise<void> {
    const turn = this.#last.then(() => this.#takeBatch(events));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Adds records to the audit log; answers how many were not there yet. */
  async append(records: readonly AuditRecord[]): Promise<number> {
    const { added, conflicts } = await this.#parts.auditLog.append(records);
    this.#recorded.inc(added);
    if (conflicts.length === 0) return added;
    // The database has already added a record of each conflict to the audit log.
    this.#conflicting.inc(conflicts.length);
    const ids = conflicts.slice(0, MAX_NAMED);
    logEvent(this.#parts.log, 'audit_record_conflict', { conflicts: conflicts.length, ids });
    return added;
  }

  async #takeBatch(events: readonly RunEvent[]): Promise<void> {
    if (events.length === 0) return;
    const { auditLog, tree, clock } = this.#parts;
    const groups = groupByRun(events);
    const known = new Map((await auditLog.summaries([...groups.keys()])).map((s) => [s.runId, s]));
    const taken: Taken[] = [];
    for (const [runId, arrived] of groups) taken.push(await this.#follow(known.get(runId), arrived));
    await tree?.write(taken.map(({ ready }) => ready));
    const moved = taken.filter((t) => t.ready.length > 0).map((t) => t.summary);
    const added = await this.append(
      taken.flatMap(({ all, summary }) => all.map((event) => runRecord(event, summary?.userId ?? null))),
    );
    await auditLog.upsertSummaries(moved.filter((s) => s !== undefined));
    // Known facts came in time.
    const newest = events.reduce((at, { ts }) => Math.max(at, ts), 0);
    if (added > 0) this.#delay.observe(Math.max(0, clock.now() - newest) / 1_000);
  }

  /** The events of one run, completed from the journal if needed. */
  async #follow(known: SummaryUpdate | undefined, arrived: readonly RunEvent[]): Promise<Taken> {
    const lastSeq = known?.lastSeq ?? 0;
    let all = arrived;
    const first = inOrder(lastSeq, arrived);
    let ready = first.ready;
    if (first.hole) {
      this.#holes.inc();
      const { tenantId, runId } = arrived[0]!;
      const after = lastSeq + ready.length;
      const missing = await this.#parts.journal.after(tenantId, runId, after);
      if (missing.kind !== 'read') logEvent(this.#parts.log, 'audit_gap_open', { runId, after, why: missing.kind });
      all = [...arrived, ...missing.events];
      ({ ready } = inOrder(lastSeq, all));
    }
    const summary = ready.reduce<SummaryUpdate | undefined>((run, event) => summarise(run, event), known);
    return { summary, ready, all: [...new Map(all.map((e) => [e.seq, e])).values()] };
  }
}
