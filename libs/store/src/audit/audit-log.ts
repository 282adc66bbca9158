import type { AuditRecord, RunStatus, RunSummary } from '@switchyard/contracts';
import type { AcceptedPlace } from '../journal/index.ts';

/** The type of a record for a conflict: its id was taken by other content, and its data is the record that arrived. */
export const CONFLICT_TYPE = 'audit.record.conflict';
/** The type of the record that stands for records removed by age. */
export const PRUNED_TYPE = 'audit.records.pruned';
/** No record is removed before this age. */
export const LEAST_KEPT_DAYS = 30;

export interface AuditFilter {
  /** Null: the records that belong to no tenant. */
  readonly tenantId: string | null;
  /** Only records of this user. */
  readonly userId?: string;
  /** Any of these runs. */
  readonly runIds?: readonly string[];
  /** Exact type, or a prefix that ends in ".*". */
  readonly type?: string;
  /** Milliseconds since 1970, both inclusive. */
  readonly since?: number;
  readonly until?: number;
  /** `nextCursor` of the page before; anything else throws `invalid_cursor`. */
  readonly cursor?: string;
  readonly limit: number;
}

export interface RunFilter {
  readonly tenantId: string;
  readonly userId?: string;
  readonly threadId?: string;
  readonly status?: RunStatus;
  readonly cursor?: string;
  readonly limit: number;
}

/** A summary after event `lastSeq`; an older one never replaces a newer one. */
export type SummaryUpdate = RunSummary & { readonly tenantId: string; readonly lastSeq: number };

/** How far the log of one run reaches. */
export interface AuditPosition {
  readonly runId: string;
  readonly tenantId: string;
  /** Every event up to here is in the log. */
  readonly knownSeq: number;
  /** The highest event that was seen. */
  readonly seenSeq: number;
  /** The terminal event is in the log. */
  readonly ended: boolean;
}

export interface RecordsAppended {
  /** How many were new. */
  readonly added: number;
  /** Ids under which the log already had other content; the new content is stored beside it (`CONFLICT_TYPE`). */
  readonly conflicts: readonly string[];
}

export interface AuditLog {
  /** Adds records; an existing id is left unchanged. Records of a run (id `<runId>:<seq>`) advance its position. */
  append(records: readonly AuditRecord[]): Promise<RecordsAppended>;
  /** Newest first. */
  query(filter: AuditFilter): Promise<{ records: AuditRecord[]; nextCursor: string | null }>;
  /** Summaries up to the run's position in the log; newer and outdated ones are ignored. */
  upsertSummaries(summaries: readonly SummaryUpdate[]): Promise<void>;
  /** Newest first. */
  listRuns(filter: RunFilter): Promise<{ runs: RunSummary[]; nextCursor: string | null }>;
  summaries(runIds: readonly string[]): Promise<SummaryUpdate[]>;
  positions(runIds: readonly string[]): Promise<AuditPosition[]>;
  /**
   * Runs whose log may be incomplete: a hole older than `olderThanMs`, or no terminal event and no new record for
   * `quietMs`. Reading the journal after `knownSeq` completes them.
   */
  gaps(options: { limit: number; olderThanMs: number; quietMs: number }): Promise<AuditPosition[]>;
  /** The number of conflict records; at most 1,000 are counted. */
  conflicts(): Promise<number>;
  /**
   * Removes records older than `keepDays` (at least `LEAST_KEPT_DAYS`), at most `limit`, none of an open run, and
   * leaves a record of the type `PRUNED_TYPE`. Returns how many were removed. Any number of callers at once.
   */
  prune(options: { keepDays: number; limit: number }): Promise<number>;
  /** The journal was read for these runs; their quiet time starts anew. */
  markChecked(runIds: readonly string[]): Promise<void>;
  /** The last run of the journal with which the log was compared; undefined: it never was. */
  compared(): Promise<AcceptedPlace | undefined>;
  /** Notes that place; an earlier one than is noted changes nothing. */
  noteCompared(place: AcceptedPlace): Promise<void>;
}
