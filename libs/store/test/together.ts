import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import type { Append, Journal } from '../src/index.ts';
import type { TestDatabase } from './database.ts';
import { acceptOf, completed, message } from './drafts.ts';

/* What holds of writes that several runs hand in at the same moment; each check throws where it does not. */

export const lease = { owner: 'me', leaseMs: 60_000 };
export const owned = (journal: Journal, n: number) =>
  Promise.all(
    Array.from({ length: n }, async (_, i) => {
      const runId = `${i}-${randomUUID()}`;
      await journal.accept(acceptOf(runId, { lease }));
      return runId;
    }),
  );
export const appendOf = (runId: string, more: Partial<Append> = {}): Append => ({
  runId,
  epoch: 1,
  expectedSeq: 1,
  facts: [message(`of ${runId}`)],
  leaseMs: 60_000,
  ...more,
});
/** In how many transactions the last events of these runs were written. */
async function transactions(db: TestDatabase, runIds: readonly string[], seq: number): Promise<number> {
  const [row] = await db.sql<{ n: number }>(
    'select count(distinct xmin::text)::int as n from orchestrator.run_events where run_id = any ($1) and seq = $2',
    [runIds, seq],
  );
  return row!.n;
}

/** Appends share a commit; each run has its own events, times and places. */
export async function appendsTogether(db: TestDatabase, journal: Journal): Promise<void> {
  const runIds = await owned(journal, 20);
  const answers = await Promise.all(runIds.map((runId) => journal.append(appendOf(runId))));
  expect(await transactions(db, runIds, 2)).toBeLessThanOrEqual(2);
  for (const [i, runId] of runIds.entries()) {
    const written = await journal.read(runId, 0, 10);
    expect(written[1]).toMatchObject({ seq: 2, epoch: 1, data: { text: `of ${runId}` } });
    expect(answers[i]).toMatchObject({ kind: 'appended', lastSeq: 2, events: [written[1]] });
  }
}

/** Starts share a commit; each run has its opening. */
export async function startsTogether(db: TestDatabase, journal: Journal): Promise<void> {
  const runIds = Array.from({ length: 12 }, () => randomUUID());
  const answers = await Promise.all(
    runIds.map((runId) => journal.accept(acceptOf(runId, { lease, initialFacts: [message(`of ${runId}`)] }))),
  );
  expect(await transactions(db, runIds, 2)).toBeLessThanOrEqual(2);
  for (const [i, runId] of runIds.entries()) {
    expect(answers[i]).toMatchObject({ kind: 'created', runId, epoch: 1, lastSeq: 2, afterRun: null, cancelled: [] });
    expect((answers[i] as { events: unknown }).events).toEqual(await journal.read(runId, 0, 10));
  }
}

/** Each append has the outcome that it would have alone. */
export async function mixedOutcomes(db: TestDatabase, journal: Journal): Promise<void> {
  const [good, lost, ended, behind, repeated, ending, marked] = await owned(journal, 7);
  await db.sql('update orchestrator.runs set epoch = 2 where run_id = $1', [lost]);
  await journal.append(appendOf(ended!, { facts: [completed()] }));
  await journal.append(appendOf(repeated!));
  const answers = await Promise.all([
    journal.append(appendOf(good!)),
    journal.append(appendOf(lost!)),
    journal.append(appendOf(ended!, { expectedSeq: 2 })),
    journal.append(appendOf(behind!, { expectedSeq: 7 })),
    journal.append(appendOf(repeated!)),
    journal.append(appendOf(ending!, { facts: [message('last words'), completed('the end')] })),
    journal.append(appendOf(marked!, { facts: [], publishedSeq: 1, phase: 'waiting', leaseMs: 0, wakeAt: 5_000 })),
    journal.append(appendOf('nobody')).catch((error: unknown) => error),
  ]);
  expect(answers).toMatchObject([
    { kind: 'appended', lastSeq: 2 },
    { kind: 'fenced', lastSeq: 1 },
    { kind: 'ended', lastSeq: 2 },
    { kind: 'conflict', lastSeq: 1 },
    { kind: 'appended', lastSeq: 2, events: [{ seq: 2 }] },
    { kind: 'appended', lastSeq: 3, nextRun: null },
    { kind: 'appended', lastSeq: 1, events: [] },
    { code: 'not_found' },
  ]);
  expect(await journal.head(ending!)).toMatchObject({ phase: 'ended', answer: 'the end', lastSeq: 3 });
  expect(await journal.head(marked!)).toMatchObject({ phase: 'waiting', wakeAt: 5_000, publishedSeq: 1 });
}
