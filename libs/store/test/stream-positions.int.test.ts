import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { Store } from '../src/index.ts';
import { startDatabase, type TestDatabase } from './database.ts';
import { acceptOf, completed } from './drafts.ts';

let db: TestDatabase;
let store: Store;
beforeAll(async () => {
  db = await startDatabase();
  store = db.open('orchestrator');
});
beforeEach(() => db.sql('truncate orchestrator.stream_positions'));
afterAll(() => db?.stop());

const MARGIN_MS = 60_000;
let count = 0;

/** A run that ended so long ago, published whole. */
async function settled(agoMs = 0): Promise<string> {
  const runId = `run-${(count += 1)}`;
  await store.journal.accept(acceptOf(runId, { lease: { owner: 'me', leaseMs: 10_000 } }));
  await store.journal.append({ runId, epoch: 1, expectedSeq: 1, facts: [completed()], leaseMs: 10_000 });
  await store.journal.markPublished([{ runId, seq: 2 }]);
  await db.sql(
    `update orchestrator.runs set created_at = created_at - $2::int * interval '1 ms',
       ended_at = ended_at - $2::int * interval '1 ms', updated_at = updated_at - interval '1 min' where run_id = $1`,
    [runId, agoMs],
  );
  return runId;
}
/** Looks, as if the look before was a while ago. */
async function look(made: string, lastSeq: number) {
  await db.sql(`update orchestrator.stream_positions set seen_at = seen_at - interval '5 s'`);
  return store.streamPositions.note('RUNS', { made, lastSeq }, MARGIN_MS);
}
const unpublished = async () => (await store.journal.unpublished(1_000, 0)).map(({ runId }) => runId);

it('marks nothing while the stream only grows', async () => {
  await settled();
  for (const lastSeq of [10, 10, 12]) expect(await look('a', lastSeq)).toEqual({ lost: false, marked: 0 });
  expect(await unpublished()).toEqual([]);
});

it.each([
  ['was made anew', 'b', 500],
  ['is shorter than it was', 'a', 99],
])('marks what ended lately, and nothing else, where the stream %s', async (_how, made, lastSeq) => {
  await look('a', 100);
  const [late, early] = [await settled(), await settled(2 * 3_600_000)];
  expect(await look(made, lastSeq)).toMatchObject({ lost: true });
  const again = await unpublished();
  expect(again).toContain(late);
  expect(again).not.toContain(early);
  await store.journal.markPublished(again.map((runId) => ({ runId, seq: 2 })));
  expect(await look(made, lastSeq)).toEqual({ lost: false, marked: 0 });
  expect(await unpublished()).toEqual([]);
});

it('passes over a look that may be older than the last one', async () => {
  await look('a', 100);
  await look('a', 105);
  expect(await store.streamPositions.note('RUNS', { made: 'a', lastSeq: 100 }, MARGIN_MS)).toEqual({
    lost: false,
    marked: 0,
  });
});

it('marks many in pages, each once', async () => {
  await look('a', 100);
  for (let n = 0; n < 8; n += 1) await settled();
  const page = (limit: number) =>
    db.sql<{ lost: boolean; marked: number }>(
      `select * from orchestrator.note_stream('RUNS', 'b', 1, ${MARGIN_MS}, ${limit})`,
    );
  let marked = 0;
  for (let calls = 0; calls < 20; calls += 1) {
    await db.sql(`update orchestrator.stream_positions set seen_at = seen_at - interval '5 s'`);
    const [answer] = await page(3);
    marked += answer!.marked;
    await store.journal.markPublished((await unpublished()).map((runId) => ({ runId, seq: 2 })));
  }
  expect(marked).toBeGreaterThanOrEqual(8);
  expect(marked).toBeLessThanOrEqual(count);
});
