import { AppError } from '@switchyard/contracts';
import type { Pool } from 'pg';
import type { Append, Appended } from './journal.ts';
import { columnsOf, endingOf, placed, readable, type StoredEvent, toStored } from './rows.ts';
import * as sql from './statements.ts';
import { ONCE, row, rows } from '../postgres/index.ts';

/*
 * Appends events with the functions append_events and append_many, each in one round trip. The functions decide whether
 * a write may happen; this file prepares their arguments and interprets their answer.
 */

/** An append, in the form in which it is stored. */
export interface StoredAppend {
  readonly input: Append;
  readonly events: readonly StoredEvent[];
  readonly ending: ReturnType<typeof endingOf>;
}

export interface AppendRow {
  outcome: Appended['kind'] | 'unknown';
  last_seq: number;
  inbox_last: number;
  tenant_id: string;
  times: number[] | null;
  next_run: string | null;
}

/** Throws if a fact does not fit its contract. */
export function storedAppend(input: Append): StoredAppend {
  const events = input.facts.map(toStored);
  return { input, events, ending: endingOf(events) };
}

/** Appends events. The database refuses them if the epoch or the expected seq is wrong, or the run has ended. */
export function appendOne(pool: Pool, stored: StoredAppend): Promise<AppendRow> {
  const { runId, epoch, expectedSeq } = stored.input;
  return row(pool, sql.APPEND, [runId, epoch, expectedSeq, ...columnsOf(stored.events), ...aboutRun(stored)]);
}

/**
 * Appends events without large parts of several runs in one transaction. Returns one row for each run, in their order.
 */
export async function appendMany(pool: Pool, appends: readonly StoredAppend[]): Promise<AppendRow[]> {
  const [types, stepIds, bodies, , sizes] = columnsOf(appends.flatMap(({ events }) => events));
  const about = appends.map(aboutRun);
  const values = [
    appends.map(({ input }) => input.runId),
    appends.map(({ input }) => input.epoch),
    appends.map(({ input }) => input.expectedSeq),
    appends.map(({ events }) => events.length),
    types,
    stepIds,
    bodies,
    sizes,
    ...(about[0] ?? []).map((_, column) => about.map((run) => run[column])),
  ];
  return rows<AppendRow>(pool, sql.APPEND_MANY, values, ONCE);
}

/** The outcome of an append. */
export function appendedOf({ input, events }: StoredAppend, answer: AppendRow): Appended {
  const { runId, epoch, expectedSeq } = input;
  const { outcome, last_seq: lastSeq, inbox_last: inboxLast, tenant_id: tenantId } = answer;
  if (outcome === 'unknown') throw new AppError('not_found');
  if (outcome !== 'appended') return { kind: outcome, lastSeq };
  const written = placed({ runId, tenantId, epoch }, expectedSeq + 1, events, answer.times ?? []);
  return { kind: 'appended', events: written, lastSeq, inboxLast, nextRun: answer.next_run };
}

/** The changes to the row of the run, besides its events. */
function aboutRun({ input, ending }: StoredAppend): unknown[] {
  return [
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
  ];
}
