import type { AuditRecord, RunStatus, RunSummary } from '@switchyard/contracts';

/** The type of a record whose id was taken by another content: its data is the record that came. */
export const CONFLICT_TYPE = 'audit.record.conflict';
/** The type of the record that stands for those that were removed for their age. */
export const PRUNED_TYPE = 'audit.records.pruned';
/** No record goes before it is so old, whatever is asked. */
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

/** A summary as it stands after event `lastSeq`; an older one never replaces a newer one. */
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
  /** Ids under which the log holds another content than was given; that is kept beside it (`CONFLICT_TYPE`). */
  readonly conflicts: readonly string[];
}

export interface AuditLog {
  /**
   * Adds records; one whose id is there already is left as it is. Records of a run (id `<runId>:<seq>`) move its
   * position.
   */
  append(records: readonly AuditRecord[]): Promise<RecordsAppended>;
  /** Newest first. */
  query(filter: AuditFilter): Promise<{ records: AuditRecord[]; nextCursor: string | null }>;
  /** Of a run that has come so far in the log; what goes beyond it, or back, is left out. */
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
  /** How many records say that the log held another content than a fact has; at most 1,000 are counted. */
  conflicts(): Promise<number>;
  /**
   * Removes records older than `keepDays` (at least `LEAST_KEPT_DAYS`), at most `limit`, none of a run that has not ended,
   * and leaves a record of the type `PRUNED_TYPE`. Answers how many went. Any number of callers at once.
   */
  prune(options: { keepDays: number; limit: number }): Promise<number>;
  /** The journal was asked about these runs; they are quiet from now on again. */
  markChecked(runIds: readonly string[]): Promise<void>;
}
