import {
  AppError,
  type AuditRecord,
  CompletionReason,
  RunPhase,
  RunStatus,
  type RunSummary,
  TERMINAL_TYPE,
} from '@switchyard/contracts';
import type { Pool } from 'pg';
import type { AuditFilter, AuditLog, AuditPosition, RecordsAppended, RunFilter, SummaryUpdate } from './audit-log.ts';
import type { Prisma } from '../generated/client.ts';
import { attempt, type GetPrisma, row, rows, type Statement } from '../postgres/index.ts';
import { type AcceptedPlace, readable } from '../journal/index.ts';

/** Records per statement: bounds its parameters and how long a position stays locked. */
const BATCH = 500;

const APPEND: Statement = {
  name: 'audit_append',
  text: 'select added, conflicts from audit.append_records($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
};

const UPSERT_SUMMARIES: Statement = {
  name: 'audit_summaries',
  text: 'select audit.put_summaries($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)',
};

/** $1 most rows, $2 age of a hole in ms, $3 silence in ms. The first line is the condition of the index. */
const GAPS: Statement = {
  name: 'audit_gaps',
  text: `select run_id, tenant_id, known_seq, seen_seq, ended from audit.positions
    where (not ended or known_seq < seen_seq)
      and news_at < clock_timestamp() - interval '1 millisecond'
        * case when known_seq < seen_seq then $2::int else $3::int end
    order by news_at limit $1`,
};

/** $1 run ids. Named as Prisma names the columns: one mapping serves both. */
const SUMMARIES: Statement = {
  name: 'audit_summaries_of',
  text: `select run_id as "runId", tenant_id as "tenantId", user_id as "userId", thread_id as "threadId", task, phase,
      status, completion_reason as "completionReason", total_steps as "totalSteps", last_seq as "lastSeq",
      created_at as "createdAt", ended_at as "endedAt"
    from audit.run_summaries where run_id = any($1::text[])`,
};

/** $1 run ids. */
const POSITIONS: Statement = {
  name: 'audit_positions_of',
  text: `select run_id as "runId", tenant_id as "tenantId", known_seq as "knownSeq", seen_seq as "seenSeq", ended
    from audit.positions where run_id = any($1::text[])`,
};

/** Written like the condition of the index that serves it. */
const CONFLICTS: Statement = {
  name: 'audit_conflicts',
  text: `select count(*)::int as count from (
    select from audit.audit_events where type = 'audit.record.conflict' limit 1000) c`,
};

const MARK_CHECKED: Statement = {
  name: 'audit_mark_checked',
  text: 'update audit.positions set news_at = clock_timestamp() where run_id = any($1::text[])',
};

const PRUNE: Statement = { name: 'audit_prune', text: 'select audit.prune_records($1, $2) as removed' };

const COMPARED: Statement = {
  name: 'audit_compared',
  text: `select (extract(epoch from accepted_at) * 1000)::float8 as "acceptedAt", run_id as "runId" from audit.compared`,
};

const NOTE_COMPARED: Statement = { name: 'audit_note_compared', text: 'select audit.note_compared($1, $2)' };

/** The audit log over PostgreSQL. */
export class SqlAuditLog implements AuditLog {
  readonly #pool: Pool;
  readonly #prisma: GetPrisma;

  constructor(pool: Pool, prisma: GetPrisma) {
    this.#pool = pool;
    this.#prisma = prisma;
  }

  async append(records: readonly AuditRecord[]): Promise<RecordsAppended> {
    let added = 0;
    const conflicts: string[] = [];
    for (const batch of batches(inOneOrder(records))) {
      const answer = await row<{ added: number; conflicts: string[] }>(this.#pool, APPEND, [
        batch.map((r) => r.id),
        batch.map((r) => r.ts),
        batch.map((r) => r.type),
        batch.map((r) => r.source),
        batch.map((r) => r.tenantId),
        batch.map((r) => r.userId),
        batch.map((r) => r.runId),
        batch.map((r) => r.seq),
        batch.map((r) => JSON.stringify(r.data ?? null)),
        TERMINAL_TYPE,
      ]);
      added += answer.added;
      conflicts.push(...answer.conflicts);
    }
    return { added, conflicts };
  }

  async query(filter: AuditFilter): Promise<{ records: AuditRecord[]; nextCursor: string | null }> {
    const found = await attempt(async () =>
      (await this.#prisma()).auditEvent.findMany({
        where: { AND: [conditions(filter), ...afterEvent(filter.cursor)] },
        orderBy: [{ ts: 'desc' }, { seq: 'desc' }, { n: 'desc' }],
        take: filter.limit + 1,
      }),
    );
    const page = found.slice(0, filter.limit);
    const last = page.at(-1);
    const records = page.map(({ n: _, ts, body, ...record }) => ({
      ...record,
      ts: ts.getTime(),
      data: JSON.parse(body) as unknown,
    }));
    const more = found.length > page.length && last !== undefined;
    return { records, nextCursor: more ? `${last.ts.getTime()}.${last.seq}.${last.n}` : null };
  }

  async upsertSummaries(summaries: readonly SummaryUpdate[]): Promise<void> {
    // A statement may touch a row only once, so of several summaries of a run the newest is stored.
    const newest = new Map<string, SummaryUpdate>();
    for (const summary of summaries) {
      if ((newest.get(summary.runId)?.lastSeq ?? -1) <= summary.lastSeq) newest.set(summary.runId, summary);
    }
    for (const batch of batches([...newest.values()])) {
      await rows(this.#pool, UPSERT_SUMMARIES, [
        batch.map((s) => s.runId),
        batch.map((s) => s.tenantId),
        batch.map((s) => s.userId),
        batch.map((s) => s.threadId),
        batch.map((s) => readable(s.task)),
        batch.map((s) => s.phase),
        batch.map((s) => s.status),
        batch.map((s) => s.completionReason),
        batch.map((s) => s.totalSteps),
        batch.map((s) => s.lastSeq),
        batch.map((s) => s.createdAt),
        batch.map((s) => s.endedAt),
      ]);
    }
  }

  async listRuns(filter: RunFilter): Promise<{ runs: RunSummary[]; nextCursor: string | null }> {
    const { tenantId, userId, threadId, status, limit } = filter;
    const found = await attempt(async () =>
      (await this.#prisma()).runSummaryRow.findMany({
        where: { AND: [defined({ tenantId, userId, threadId, status }), ...afterRun(filter.cursor)] },
        orderBy: [{ createdAt: 'desc' }, { runId: 'desc' }],
        take: limit + 1,
      }),
    );
    const page = found.slice(0, limit);
    const last = page.at(-1);
    const more = found.length > page.length && last !== undefined;
    return {
      runs: page.map((summary) => toSummary(summary)),
      nextCursor: more ? `${last.createdAt.getTime()}.${last.runId}` : null,
    };
  }

  async summaries(runIds: readonly string[]): Promise<SummaryUpdate[]> {
    const found = await rows<Prisma.RunSummaryRowGetPayload<object>>(this.#pool, SUMMARIES, [[...runIds]]);
    return found.map((summary) => ({
      ...toSummary(summary),
      tenantId: summary.tenantId,
      lastSeq: summary.lastSeq,
    }));
  }

  positions(runIds: readonly string[]): Promise<AuditPosition[]> {
    return rows<{ -readonly [K in keyof AuditPosition]: AuditPosition[K] }>(this.#pool, POSITIONS, [[...runIds]]);
  }

  async gaps(options: { limit: number; olderThanMs: number; quietMs: number }): Promise<AuditPosition[]> {
    const found = await rows<{
      run_id: string;
      tenant_id: string;
      known_seq: number;
      seen_seq: number;
      ended: boolean;
    }>(this.#pool, GAPS, [options.limit, options.olderThanMs, options.quietMs]);
    return found.map((p) => ({
      runId: p.run_id,
      tenantId: p.tenant_id,
      knownSeq: p.known_seq,
      seenSeq: p.seen_seq,
      ended: p.ended,
    }));
  }

  async conflicts(): Promise<number> {
    return (await row<{ count: number }>(this.#pool, CONFLICTS, [])).count;
  }

  async prune({ keepDays, limit }: { keepDays: number; limit: number }): Promise<number> {
    return (await row<{ removed: number }>(this.#pool, PRUNE, [keepDays, limit])).removed;
  }

  async markChecked(runIds: readonly string[]): Promise<void> {
    if (runIds.length > 0) await rows(this.#pool, MARK_CHECKED, [[...runIds].sort()]);
  }

  async compared(): Promise<AcceptedPlace | undefined> {
    const [place] = await rows<{ acceptedAt: number; runId: string }>(this.#pool, COMPARED, []);
    return place;
  }

  async noteCompared({ acceptedAt, runId }: AcceptedPlace): Promise<void> {
    await rows(this.#pool, NOTE_COMPARED, [acceptedAt, runId]);
  }
}

function conditions(filter: AuditFilter): Prisma.AuditEventWhereInput {
  const { tenantId, userId, runIds, type, since, until } = filter;
  // Prisma passes a prefix to LIKE without escaping it.
  const prefix = type?.endsWith('.*') ? type.slice(0, -1).replace(/[\\%_]/g, '\\$&') : undefined;
  return {
    ...defined({ tenantId, userId, runId: runIds && { in: [...runIds] } }),
    ...(type === undefined ? {} : { type: prefix === undefined ? type : { startsWith: prefix } }),
    ts: defined({
      gte: since === undefined ? undefined : new Date(since),
      lte: until === undefined ? undefined : new Date(until),
    }),
  };
}

/**
 * The records after a cursor, newest first. The first condition follows from the others; it narrows the scan of the
 * index.
 */
function afterEvent(cursor: string | undefined): Prisma.AuditEventWhereInput[] {
  if (cursor === undefined) return [];
  const match = /^(\d{1,16})\.(\d{1,10})\.(\d{1,19})$/.exec(cursor);
  if (!match) throw new AppError('invalid_cursor');
  const ts = dateOf(match[1]!);
  const seq = Number(match[2]);
  const n = BigInt(match[3]!);
  return [{ ts: { lte: ts } }, { OR: [{ ts: { lt: ts } }, { ts, seq: { lt: seq } }, { ts, seq, n: { lt: n } }] }];
}

function afterRun(cursor: string | undefined): Prisma.RunSummaryRowWhereInput[] {
  if (cursor === undefined) return [];
  const match = /^(\d{1,16})\.([A-Za-z0-9_-]{1,80})$/.exec(cursor);
  if (!match) throw new AppError('invalid_cursor');
  const createdAt = dateOf(match[1]!);
  return [
    { createdAt: { lte: createdAt } },
    { OR: [{ createdAt: { lt: createdAt } }, { createdAt, runId: { lt: match[2]! } }] },
  ];
}

function dateOf(millis: string): Date {
  const date = new Date(Number(millis));
  if (Number.isNaN(date.getTime())) throw new AppError('invalid_cursor');
  return date;
}

/** Built once: building a schema costs far more than applying it. */
const EndedStatus = RunStatus.nullable();
const EndedReason = CompletionReason.nullable();

function toSummary(stored: Prisma.RunSummaryRowGetPayload<object>): RunSummary {
  return {
    runId: stored.runId,
    threadId: stored.threadId,
    userId: stored.userId,
    task: stored.task,
    phase: RunPhase.parse(stored.phase),
    status: EndedStatus.parse(stored.status),
    completionReason: EndedReason.parse(stored.completionReason),
    totalSteps: stored.totalSteps,
    createdAt: stored.createdAt.getTime(),
    endedAt: stored.endedAt?.getTime() ?? null,
  };
}

/** In one fixed order. Two replicas that store the same records at once in different orders would deadlock. */
const inOneOrder = (records: readonly AuditRecord[]): readonly AuditRecord[] =>
  [...records].sort((one, other) => (one.id < other.id ? -1 : Number(one.id > other.id)));

function* batches<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < all.length; from += BATCH) yield all.slice(from, from + BATCH);
}

/** Drops undefined keys. Prisma reads an undefined key as "no condition"; this makes it explicit. */
function defined<T extends object>(conditions: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(conditions).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
