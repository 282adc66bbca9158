import { AppError, type RunEvent } from '@switchyard/contracts';
import type { Pool } from 'pg';
import type { Accept, Accepted, Append, Appended } from './journal.ts';
import { acceptedFact, endingOf, storedOpening, readable, type StoredEvent, toStored } from './rows.ts';
import * as sql from './statements.ts';
import { row, rows } from '../postgres/index.ts';

/*
 * What writes events: the functions accept_run and append_events, each in one round trip. Whether a write may happen is
 * theirs to decide; here stands what is handed to them and what their answer means.
 */

/** Open runs of one thread. */
const THREAD_LIMIT = 100;
const CANCELLED_BY_NEWER = 'a newer run of its thread took its place';

/** Takes a run, with what its owner announces at once where the acceptor owns it: one transaction, one round trip. */
export async function accept(pool: Pool, input: Accept): Promise<Accepted> {
  const { runId, run, lease } = input;
  const { tenantId, userId } = run.principal;
  const first = toStored(acceptedFact(input));
  const opening = storedOpening(input);
  const [statement, more] = opening.length > 0 ? [sql.ACCEPT_AND_OPEN, columnsOf(opening)] : [sql.ACCEPT, []];
  const answer = await row<{
    outcome: Accepted['kind'];
    run_id: string;
    last_seq: number;
    ended: boolean;
    epoch: number;
    ts: number;
    after_run: string | null;
    cancelled: string[];
    times?: number[] | null;
  }>(pool, statement, [
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
  const { outcome, ts, epoch, after_run: afterRun, cancelled } = answer;
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

/** What a start under this key came to before; undefined: there was none. */
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

/** Writes events, refused where the epoch, the place or the run's end says so. */
export async function append(pool: Pool, input: Append): Promise<Appended> {
  const { runId, epoch, expectedSeq } = input;
  const events = input.facts.map(toStored);
  const ending = endingOf(events);
  const answer = await row<{
    outcome: Appended['kind'] | 'unknown';
    last_seq: number;
    inbox_last: number;
    tenant_id: string;
    times: number[] | null;
    next_run: string | null;
  }>(pool, sql.APPEND, [
    runId,
    epoch,
    expectedSeq,
    ...columnsOf(events),
    input.leaseMs,
    input.phase ?? null,
    input.wakeAt ?? null,
    input.publishedSeq ?? null,
    input.inboxTaken ?? null,
    ending?.status ?? null,
    ending?.answer ?? null,
    ending?.completionReason ?? null,
    input.deadLetter?.reason ?? null,
    input.deadLetter?.error === undefined ? null : readable(input.deadLetter.error),
  ]);
  const { outcome, last_seq: lastSeq, inbox_last: inboxLast, tenant_id: tenantId } = answer;
  if (outcome === 'unknown') throw new AppError('not_found');
  if (outcome !== 'appended') return { kind: outcome, lastSeq };
  const placedEvents = placed({ runId, tenantId, epoch }, expectedSeq + 1, events, answer.times ?? []);
  return { kind: 'appended', events: placedEvents, lastSeq, inboxLast, nextRun: answer.next_run };
}

/** The arrays that append_events takes of events: types, steps, bodies, references, sizes, and their parts. */
function columnsOf(events: readonly StoredEvent[]): unknown[] {
  const parts = events.flatMap((event) => event.parts);
  return [
    events.map(({ fact }) => fact.type),
    events.map(({ stepId }) => stepId),
    events.map(({ body }) => body),
    events.map(({ refs }) => refs),
    events.map(({ size }) => size),
    parts.map(({ sha256 }) => sha256),
    parts.map(({ body }) => body),
  ];
}

/** The events in their places; those without a time were not written. */
function placed(
  run: Pick<RunEvent, 'runId' | 'tenantId' | 'epoch'>,
  firstSeq: number,
  events: readonly StoredEvent[],
  times: readonly number[],
): RunEvent[] {
  return times.map((ts, i) => ({ ...run, seq: firstSeq + i, stepId: events[i]!.stepId, ts, ...events[i]!.fact }));
}
