import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Journal } from '../src/index.ts';
import { startDatabase, type TestDatabase } from './database.ts';
import { acceptOf, completed, message, runSpec } from './drafts.ts';
import { appendOf, appendsTogether, lease, mixedOutcomes, owned, startsTogether } from './together.ts';

/** Writes of several runs at once, over a real PostgreSQL: they share transactions, and nothing else. */

let db: TestDatabase;
let journal: Journal;

beforeAll(async () => {
  db = await startDatabase();
  ({ journal } = db.open('orchestrator'));
});
afterAll(() => db?.stop());

describe('what several runs write at the same moment', () => {
  it('is committed together, each with its own events, times and places', () => appendsTogether(db, journal));

  it('begins together, each run with its opening', () => startsTogether(db, journal));

  it('has the outcome that each would have alone, whatever becomes of the others', () => mixedOutcomes(db, journal));

  it('keeps the rest where one breaks a rule of the tables', async () => {
    const runIds = await owned(journal, 6);
    const answers = await Promise.allSettled(
      runIds.map((runId, i) => journal.append(appendOf(runId, i === 3 ? { phase: 'broken' as 'waiting' } : {}))),
    );
    expect(answers.map(({ status }) => status)).toEqual(runIds.map((_, i) => (i === 3 ? 'rejected' : 'fulfilled')));
    expect(await journal.head(runIds[3]!)).toMatchObject({ lastSeq: 1 });
  });

  it('is one run where several starts have one key', async () => {
    const key = randomUUID();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        journal.accept(
          acceptOf(`${key}-${i}`, { idempotencyKey: key, requestHash: i === 4 ? 'other' : 'hash', lease }),
        ),
      ),
    );
    const kinds = answers.map(({ kind }) => kind).sort();
    expect(kinds).toEqual(['conflict', 'created', ...Array.from({ length: 8 }, () => 'existing')]);
  });

  it('tells one of several runs of a thread, that end together, whose turn it is', async () => {
    const thread = `thread-${randomUUID()}`;
    const inThread = (runId: string, queued: boolean) =>
      acceptOf(runId, {
        lease,
        run: runSpec({ thread_id: thread, ...(queued ? { thread_concurrency: 'queue' as const } : {}) }),
      });
    const first = [randomUUID(), randomUUID(), randomUUID()];
    await Promise.all(first.map((runId) => journal.accept(inThread(runId, false))));
    const waits = randomUUID();
    expect(await journal.accept(inThread(waits, true))).toMatchObject({ kind: 'created', epoch: 0 });
    const answers = await Promise.all(first.map((runId) => journal.append(appendOf(runId, { facts: [completed()] }))));
    expect(answers.map((answer) => answer.kind === 'appended' && answer.nextRun).filter(Boolean)).toEqual([waits]);
  });
});

it('never stops for another replica that writes the same runs in another order', async () => {
  const replicas = [journal, db.open('orchestrator').journal, db.open('orchestrator').journal];
  const thread = `thread-${randomUUID()}`;
  const runIds = await owned(journal, 24);
  await db.sql('update orchestrator.runs set thread_id = $2, awaited = true where run_id = any ($1)', [runIds, thread]);
  const began = Date.now();
  const seqs = new Map(runIds.map((runId) => [runId, 1]));
  for (let round = 0; round < 12; round += 1) {
    await Promise.all([
      ...replicas.map(async (replica) => {
        const order = [...runIds].sort(() => Math.random() - 0.5);
        const answers = await Promise.all(
          order.map(async (runId) => {
            const expectedSeq = seqs.get(runId)!;
            const facts = [round === 11 ? completed() : message(`round ${round}`)];
            return replica.append(appendOf(runId, { expectedSeq, facts }));
          }),
        );
        // The same append again is a success: whoever comes second learns what the first wrote.
        expect(new Set(answers.map(({ kind }) => kind))).toEqual(new Set(['appended']));
      }),
      journal.renew(
        runIds.map((runId) => ({ runId, epoch: 1 })),
        60_000,
      ),
      journal.markPublished(runIds.map((runId) => ({ runId, seq: seqs.get(runId)! }))),
    ]);
    for (const runId of runIds) seqs.set(runId, seqs.get(runId)! + 1);
  }
  const [{ deadlocks } = { deadlocks: -1 }] = await db.sql<{ deadlocks: number }>(
    'select deadlocks::int from pg_stat_database where datname = current_database()',
  );
  expect(deadlocks).toBe(0);
  expect(Date.now() - began).toBeLessThan(60_000);
  for (const runId of runIds) expect(await journal.head(runId)).toMatchObject({ phase: 'ended', lastSeq: 13 });
});

it('loses and doubles nothing where the server ends the connections in the middle of batches', async () => {
  const runIds = await owned(journal, 16);
  // Long enough to be ended in the middle.
  await db.sql(`create function public.slowly() returns trigger language plpgsql as
    $$ begin perform pg_sleep(0.004); return new; end $$`);
  await db.sql(`create trigger slowly before insert on orchestrator.run_events
    for each row execute function public.slowly()`);
  let killing = true;
  const killer = (async () => {
    while (killing) {
      await db.sql(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where application_name = 'switchyard-orchestrator' and state = 'active'`,
      );
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
  })();
  let failures = 0;
  const write = async (runId: string): Promise<void> => {
    for (let expectedSeq = 1; expectedSeq <= 25;) {
      const answer = await journal
        .append(appendOf(runId, { expectedSeq, facts: [message(`${runId} ${expectedSeq}`)] }))
        .catch((error: unknown) => error as { code: string });
      if ('code' in answer) {
        expect(answer.code).toBe('unavailable');
        failures += 1;
        continue;
      }
      expect(answer.kind).toBe('appended');
      expectedSeq += 1;
    }
  };
  await Promise.all(runIds.map(write));
  killing = false;
  await killer;
  await db.sql('drop trigger slowly on orchestrator.run_events');
  expect(failures).toBeGreaterThan(0);
  for (const runId of runIds) {
    const texts = (await journal.read(runId, 1, 100)).map(({ data }) => (data as { text: string }).text);
    expect(texts).toEqual(Array.from({ length: 25 }, (_, i) => `${runId} ${i + 1}`));
  }
});
