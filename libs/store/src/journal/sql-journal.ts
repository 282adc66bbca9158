import { AppError, type RunEvent, type ThreadTurn } from '@switchyard/contracts';
import type { Pool } from 'pg';
import {
  type Accept,
  type Accepted,
  type Append,
  type Appended,
  type Claim,
  type Journal,
  type JournalStats,
  type RunAt,
  type RunHead,
  type RunInput,
  type Sweep,
  type SweptRun,
  type ThreadQuery,
} from './journal.ts';
import {
  type EventRow,
  type HeadRow,
  readable,
  refsOf,
  type StatsRow,
  toRunEvent,
  toRunHead,
  toStats,
} from './rows.ts';
import * as sql from './statements.ts';
import { inputsAfter, threadReader } from './reads.ts';
import { acceptedBefore } from './accepts.ts';
import { GroupCommit } from './group-commit.ts';
import { row, rows } from '../postgres/index.ts';

/** The limit of inputs of one run that no owner has taken. */
const INBOX_LIMIT = 1_000;
const DEFAULT_GRACE_MS = 2_000;
/** The shortest time limit of a renewal. */
const MIN_RENEW_LIMIT_MS = 500;
const DEFAULT_PAUSE_MS = 1_000;
/** In effect no limit: more than a page of the largest events. */
const ANY_BYTES = Number.MAX_SAFE_INTEGER;

/**
 * The journal over PostgreSQL. This class decides nothing: the functions in prisma/migrations decide whether a write
 * may happen, under the lock of the run's row.
 */
export class SqlJournal implements Journal {
  readonly #pool: Pool;
  readonly #writes: GroupCommit;
  readonly #turns: (query: ThreadQuery) => Promise<ThreadTurn[]>;

  constructor(pool: Pool) {
    this.#pool = pool;
    this.#writes = new GroupCommit(pool);
    this.#turns = threadReader(pool);
  }

  accept(input: Accept): Promise<Accepted> {
    return this.#writes.accept(input);
  }

  acceptedBefore(input: Accept): Promise<Accepted | undefined> {
    return acceptedBefore(this.#pool, input);
  }

  async claim(
    runId: string,
    owner: string,
    leaseMs: number,
    engineVersions: readonly number[],
    takeExpired = true,
    pauseMs = DEFAULT_PAUSE_MS,
  ): Promise<Claim> {
    const answer = await row<{
      outcome: Claim['kind'];
      epoch: number;
      last_seq: number;
      published_seq: number;
      inbox_taken: number;
      inbox_last: number;
      tenant_id: string;
      user_id: string;
      attempts: number;
      stalls: number;
    }>(this.#pool, sql.CLAIM, [runId, owner, leaseMs, [...engineVersions], takeExpired, pauseMs]);
    if (answer.outcome !== 'claimed') return { kind: answer.outcome };
    return {
      kind: 'claimed',
      epoch: answer.epoch,
      lastSeq: answer.last_seq,
      publishedSeq: answer.published_seq,
      inboxTaken: answer.inbox_taken,
      inboxLast: answer.inbox_last,
      tenantId: answer.tenant_id,
      userId: answer.user_id,
      attempts: answer.attempts,
      stalls: answer.stalls,
    };
  }

  append(input: Append): Promise<Appended> {
    return this.#writes.append(input);
  }

  async renew(leases: readonly { runId: string; epoch: number }[], leaseMs: number): Promise<Map<string, number>> {
    if (leases.length === 0) return new Map();
    const values = [leases.map((lease) => lease.runId), leases.map((lease) => lease.epoch), leaseMs];
    // An owner that waits longer than this for a dead link has lost the lease before it can try another connection.
    const limit = { ...sql.RENEW, query_timeout: Math.max(MIN_RENEW_LIMIT_MS, Math.floor(leaseMs / 3)) };
    const mine = await rows<{ run_id: string; inbox_last: number }>(this.#pool, limit, values);
    return new Map(mine.map((run) => [run.run_id, run.inbox_last]));
  }

  async release(
    runId: string,
    epoch: number,
    phase?: 'queued' | 'running' | 'waiting',
  ): Promise<{ released: boolean; inboxLast: number }> {
    const [mine] = await rows<{ inbox_last: number }>(this.#pool, sql.RELEASE, [runId, epoch, phase ?? null]);
    return mine === undefined ? { released: false, inboxLast: 0 } : { released: true, inboxLast: mine.inbox_last };
  }

  async giveUp(runId: string, epoch: number, error: string): Promise<void> {
    await rows(this.#pool, sql.GIVE_UP, [runId, epoch, readable(error)]);
  }

  async read(runId: string, after: number, limit: number, maxBytes = ANY_BYTES): Promise<RunEvent[]> {
    const page = await rows<EventRow>(this.#pool, sql.READ, [runId, after, limit, maxBytes]);
    const hashes = page.flatMap(refsOf).map(([, sha256]) => sha256);
    const blobs =
      hashes.length === 0 ? [] : await rows<{ sha256: string; body: string }>(this.#pool, sql.READ_BLOBS, [hashes]);
    const bodies = new Map(blobs.map(({ sha256, body }) => [sha256, body]));
    return page.map((event) => toRunEvent(runId, event, (sha256) => bodies.get(sha256)));
  }

  async head(runId: string): Promise<RunHead | undefined> {
    const [head] = await rows<HeadRow>(this.#pool, sql.HEAD, [runId]);
    return head && toRunHead(head);
  }

  async putInput(
    runId: string,
    input: { kind: RunInput['kind']; dedupKey: string; body: unknown },
  ): Promise<{ n: number; created: boolean; ended: boolean } | undefined> {
    const body = JSON.stringify(input.body ?? null);
    const { outcome, n, ended } = await row<{
      outcome: 'created' | 'existing' | 'ended' | 'full' | 'unknown';
      n: number;
      ended: boolean;
    }>(this.#pool, sql.PUT_INPUT, [runId, input.kind, input.dedupKey, body, INBOX_LIMIT]);
    if (outcome === 'unknown') return undefined;
    if (outcome === 'full') throw new AppError('overloaded', 'This run has too many inputs that wait to be taken.');
    return { n, created: outcome === 'created', ended };
  }

  inputsAfter(runId: string, n: number, limit?: number): Promise<RunInput[]> {
    return inputsAfter(this.#pool, runId, n, limit);
  }

  async sweep({ limit, engineVersions, graceMs = DEFAULT_GRACE_MS, takeExpired = true }: Sweep): Promise<SweptRun[]> {
    const values = [limit, graceMs, [...engineVersions], takeExpired];
    const found = await rows<{ run_id: string; tenant_id: string; stalls: number }>(this.#pool, sql.SWEEP, values);
    return found.map(({ run_id: runId, tenant_id: tenantId, stalls }) => ({ runId, tenantId, stalls }));
  }

  async unpublished(
    limit: number,
    olderThanMs: number,
  ): Promise<{ runId: string; tenantId: string; publishedSeq: number; lastSeq: number }[]> {
    const found = await rows<{ run_id: string; tenant_id: string; published_seq: number; last_seq: number }>(
      this.#pool,
      sql.UNPUBLISHED,
      [limit, olderThanMs],
    );
    return found.map((run) => ({
      runId: run.run_id,
      tenantId: run.tenant_id,
      publishedSeq: run.published_seq,
      lastSeq: run.last_seq,
    }));
  }

  async markPublished(positions: readonly RunAt[]): Promise<void> {
    if (positions.length === 0) return;
    const highest = new Map<string, number>();
    for (const { runId, seq } of positions) highest.set(runId, Math.max(seq, highest.get(runId) ?? 0));
    await rows(this.#pool, sql.MARK_PUBLISHED, [[...highest.keys()], [...highest.values()]]);
  }

  threadTurns(input: ThreadQuery): Promise<ThreadTurn[]> {
    return this.#turns(input);
  }

  async stats(engineVersions: readonly number[]): Promise<JournalStats> {
    const [counts, letters] = await Promise.all([
      rows<StatsRow>(this.#pool, sql.STATS, [[...engineVersions]]),
      row<{ letters: number }>(this.#pool, sql.OPEN_DEAD_LETTERS, []),
    ]);
    return { ...toStats(counts), deadLetters: letters.letters };
  }
}
