import type { RunEvent } from '@switchyard/contracts';
import type { Pool } from 'pg';
import type { Accept, Accepted } from './journal.ts';
import { acceptedFact, columnsOf, placed, readable, type StoredEvent, storedOpening, toStored } from './rows.ts';
import * as sql from './statements.ts';
import { ONCE, row, rows } from '../postgres/index.ts';

/*
 * Accepts runs with the functions accept_run and accept_many, each in one round trip. The functions decide whether a
 * run is new; this file prepares their arguments and interprets their answer.
 */

/** The limit of open runs of one thread. */
const THREAD_LIMIT = 100;
const CANCELLED_BY_NEWER = 'a newer run of its thread took its place';

/** A run to accept, in the form in which it is stored. */
export interface StoredAccept {
  readonly input: Accept;
  readonly first: StoredEvent;
  readonly opening: readonly StoredEvent[];
}

export interface AcceptRow {
  outcome: Accepted['kind'];
  run_id: string;
  last_seq: number;
  ended: boolean;
  epoch: number;
  ts: number;
  after_run?: string | null;
  cancelled?: string[];
  times?: number[] | null;
}

/** Throws if a fact does not fit its contract. */
export function storedAccept(input: Accept): StoredAccept {
  return { input, first: toStored(acceptedFact(input)), opening: storedOpening(input) };
}

/**
 * Accepts a run. If the acceptor becomes its owner, the owner's first announcements are part of the same transaction
 * and round trip.
 */
export function acceptOne(pool: Pool, { input, first, opening }: StoredAccept): Promise<AcceptRow> {
  const { runId, run, lease } = input;
  const { tenantId, userId } = run.principal;
  const [statement, more] = opening.length > 0 ? [sql.ACCEPT_AND_OPEN, columnsOf(opening)] : [sql.ACCEPT, []];
  return row<AcceptRow>(pool, statement, [
    runId,
    tenantId,
    userId,
    run.thread_id,
    input.idempotencyKey,
    input.requestHash,
    readable(run.task),
    input.engineVersion,
    first.fact.type,
    first.body,
    first.refs,
    first.size,
    first.parts.map((part) => part.sha256),
    first.parts.map((part) => part.body),
    lease?.owner ?? null,
    lease?.leaseMs ?? 0,
    run.thread_concurrency ?? null,
    JSON.stringify({ by: userId, reason: CANCELLED_BY_NEWER }),
    THREAD_LIMIT,
    ...more,
  ]);
}

/**
 * Accepts runs without `thread_concurrency` and without large parts in one transaction. Returns one row for each, in
 * their order.
 */
export async function acceptMany(pool: Pool, runs: readonly StoredAccept[]): Promise<AcceptRow[]> {
  const inputs = runs.map(({ input }) => input);
  const [types, stepIds, bodies, , sizes] = columnsOf(runs.flatMap(({ opening }) => opening));
  const values = [
    inputs.map(({ runId }) => runId),
    inputs.map(({ run }) => run.principal.tenantId),
    inputs.map(({ run }) => run.principal.userId),
    inputs.map(({ run }) => run.thread_id),
    inputs.map(({ idempotencyKey }) => idempotencyKey),
    inputs.map(({ requestHash }) => requestHash),
    inputs.map(({ run }) => readable(run.task)),
    inputs.map(({ engineVersion }) => engineVersion),
    runs[0]?.first.fact.type,
    runs.map(({ first }) => first.body),
    runs.map(({ first }) => first.size),
    inputs.map(({ lease }) => lease?.owner ?? null),
    inputs.map(({ lease }) => lease?.leaseMs ?? 0),
    runs.map(({ opening }) => opening.length),
    types,
    stepIds,
    bodies,
    sizes,
  ];
  return rows<AcceptRow>(pool, sql.ACCEPT_MANY, values, ONCE);
}

/** The outcome of an acceptance. */
export function acceptedOf({ input, first, opening }: StoredAccept, answer: AcceptRow): Accepted {
  const { runId } = input;
  const { tenantId } = input.run.principal;
  const { outcome, ts, epoch, after_run: afterRun = null, cancelled = [] } = answer;
  if (outcome === 'thread_busy') return { kind: 'thread_busy', activeRun: afterRun! };
  if (outcome === 'conflict') return { kind: 'conflict' };
  if (outcome === 'existing') {
    return { kind: 'existing', runId: answer.run_id, lastSeq: answer.last_seq, ended: answer.ended, ts };
  }
  const accepted: RunEvent = { runId, tenantId, seq: 1, epoch, stepId: null, ts, ...first.fact };
  const opened = placed({ runId, tenantId, epoch }, 2, opening, answer.times ?? []);
  const lastSeq = 1 + opened.length;
  const events = [accepted, ...opened] as const;
  return { kind: 'created', runId, lastSeq, ended: false, epoch, ts, events, afterRun, cancelled };
}

/** The outcome of an earlier start with this key; undefined: there was none. */
export async function acceptedBefore(
  pool: Pool,
  { run, idempotencyKey, requestHash }: Accept,
): Promise<Accepted | undefined> {
  const { tenantId, userId } = run.principal;
  const [known] = await rows<{ run_id: string; last_seq: number; ended: boolean; ts: number; same: boolean }>(
    pool,
    sql.ACCEPTED_BEFORE,
    [tenantId, userId, idempotencyKey, requestHash],
  );
  if (known === undefined) return undefined;
  if (!known.same) return { kind: 'conflict' };
  return { kind: 'existing', runId: known.run_id, lastSeq: known.last_seq, ended: known.ended, ts: known.ts };
}
