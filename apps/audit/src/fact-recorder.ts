import type { AuditRecord, RunEvent } from '@switchyard/contracts';
import type { Clock, Logger, Metrics } from '@switchyard/platform';
import type { AuditLog, SummaryUpdate } from '@switchyard/store';
import { groupByRun, inOrder } from './in-order.ts';
import type { JournalReader } from './journal-reader.ts';
import { runRecord } from './records.ts';
import { summarise } from './run-summary.ts';

/*
 * Takes facts of runs into the audit log, the summaries and the log tree.
 *  R1 What was taken twice is there once: records by their id, summaries by their seq, lines by their payload.
 *  R2 Summaries and the tree follow a run without a hole. Where one shows, the journal is asked; where the journal
 *     does not answer, the records are kept, and the completer goes on from the hole later.
 *  R3 `take` has returned only when all of it is in PostgreSQL; so what asked for it may be acknowledged.
 *  R4 One batch at a time. The tree is written first: a batch that is repeated after a crash finds its lines there.
 *     Then the records, then the summaries: the database takes no summary that says more than the records.
 *  R5 A record that is there with another content is told: in the log, as a number, and in the audit log itself.
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
  private last: Promise<unknown> = Promise.resolve();
  private readonly recorded;
  private readonly holes;
  private readonly conflicting;
  private readonly delay;

  constructor(private readonly parts: RecorderParts) {
    const { metrics } = parts;
    this.recorded = metrics.counter('audit_records_total', 'Records added to the audit log', []);
    this.holes = metrics.counter('audit_holes_total', 'Holes that were seen in what arrived of a run', []);
    this.conflicting = metrics.counter('audit_conflicts_total', 'Records that the log held with another content', []);
    this.delay = metrics.histogram(
      'audit_delay_seconds',
      'Time from the commit of the newest fact of a batch to its record',
    );
  }

  /** Takes facts in, in any order, any number of times. Throws `unavailable` where PostgreSQL is away. */
  take(events: readonly RunEvent[]): Promise<void> {
    const turn = this.last.then(() => this.takeBatch(events));
    this.last = turn.catch(() => undefined);
    return turn;
  }

  /** Adds records to the audit log; answers how many were not there yet. */
  async append(records: readonly AuditRecord[]): Promise<number> {
    const { added, conflicts } = await this.parts.auditLog.append(records);
    this.recorded.inc(added);
    if (conflicts.length === 0) return added;
    this.conflicting.inc(conflicts.length);
    const ids = conflicts.slice(0, MAX_NAMED);
    this.parts.log.error(
      { event: 'audit_record_conflict', conflicts: conflicts.length, ids },
      'the audit log holds records that are not what happened: somebody else wrote them',
    ); // R5
    return added;
  }

  private async takeBatch(events: readonly RunEvent[]): Promise<void> {
    if (events.length === 0) return;
    const { auditLog, tree, clock } = this.parts;
    const groups = groupByRun(events);
    const known = new Map((await auditLog.summaries([...groups.keys()])).map((s) => [s.runId, s]));
    const taken: Taken[] = [];
    for (const [runId, arrived] of groups) taken.push(await this.follow(known.get(runId), arrived));
    await tree?.write(taken.map(({ ready }) => ready));
    const moved = taken.filter((t) => t.ready.length > 0).map((t) => t.summary);
    const added = await this.append(
      taken.flatMap(({ all, summary }) => all.map((event) => runRecord(event, summary?.userId ?? null))),
    );
    await auditLog.upsertSummaries(moved.filter((s) => s !== undefined));
    // What was there already came in time.
    const newest = events.reduce((at, { ts }) => Math.max(at, ts), 0);
    if (added > 0) this.delay.observe(Math.max(0, clock.now() - newest) / 1_000);
  }

  /** What arrived of one run, with what the journal had to add. */
  private async follow(known: SummaryUpdate | undefined, arrived: readonly RunEvent[]): Promise<Taken> {
    const lastSeq = known?.lastSeq ?? 0;
    let all = arrived;
    const first = inOrder(lastSeq, arrived);
    let ready = first.ready;
    if (first.hole) {
      this.holes.inc();
      const { tenantId, runId } = arrived[0]!;
      const after = lastSeq + ready.length;
      const missing = await this.parts.journal.after(tenantId, runId, after);
      if (missing.kind !== 'read')
        this.parts.log.warn({ runId, after, why: missing.kind }, 'hole in a run; not filled yet');
      all = [...arrived, ...missing.events];
      ({ ready } = inOrder(lastSeq, all));
    }
    const summary = ready.reduce<SummaryUpdate | undefined>((run, event) => summarise(run, event), known);
    return { summary, ready, all: [...new Map(all.map((e) => [e.seq, e])).values()] };
  }
}
