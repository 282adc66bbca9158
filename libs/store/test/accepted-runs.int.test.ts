import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { AcceptedPlace, Store } from '../src/index.ts';
import { startDatabase, type TestDatabase } from './database.ts';
import { acceptOf, completed } from './drafts.ts';

let db: TestDatabase;
let journal: Store;
let audit: Store;
beforeAll(async () => {
  db = await startDatabase();
  [journal, audit] = [db.open('orchestrator'), db.open('audit')];
});
afterAll(() => db?.stop());

const LEASE = { owner: 'me', leaseMs: 10_000 };
const START: AcceptedPlace = { acceptedAt: 0, runId: '' };

async function accepted(runId: string, agoMs: number, end: 'open' | 'ended' | 'expired'): Promise<void> {
  await journal.journal.accept(acceptOf(runId, { lease: LEASE }));
  if (end !== 'open') {
    await journal.journal.append({ runId, epoch: 1, expectedSeq: 1, facts: [completed()], leaseMs: 10_000 });
    await journal.journal.markPublished([{ runId, seq: 2 }]);
  }
  await db.sql(
    `update orchestrator.runs set created_at = date_trunc('second', created_at) - $2::int * interval '1 ms',
       expired_at = case when $3 then created_at end,
       snapshot = case when $3 then '{}' end where run_id = $1`,
    [runId, agoMs, end === 'expired'],
  );
}

it('lists open and ended runs once and in order, page by page, without young and expired ones', async () => {
  await accepted('run-young', 0, 'ended');
  await accepted('run-gone', 600_000, 'expired');
  // Three at the same moment.
  for (const [n, end] of (['ended', 'open', 'ended'] as const).entries()) await accepted(`run-same-${n}`, 500_000, end);
  await accepted('run-older', 700_000, 'open');
  const seen: string[] = [];
  let place = START;
  for (;;) {
    const page = await journal.acceptedRuns.after(place, { minAgeMs: 60_000, limit: 2 });
    seen.push(...page.map(({ runId }) => runId));
    const last = page.at(-1);
    if (!last) break;
    expect(last).toMatchObject({ tenantId: expect.any(String) });
    place = last;
  }
  expect(seen).toEqual(['run-older', 'run-same-0', 'run-same-1', 'run-same-2']);
});

it('notes how far audit compared, never backwards and never beyond the present', async () => {
  expect(await audit.auditLog.compared()).toBeUndefined();
  const first = { acceptedAt: 1_700_000_000_123, runId: 'run-b' };
  await audit.auditLog.noteCompared(first);
  await audit.auditLog.noteCompared({ ...first, runId: 'run-a' });
  await audit.auditLog.noteCompared({ ...first, acceptedAt: first.acceptedAt - 1 });
  expect(await audit.auditLog.compared()).toEqual(first);
  await audit.auditLog.noteCompared({ acceptedAt: Date.now() + 86_400_000, runId: 'run-c' });
  const noted = await audit.auditLog.compared();
  expect(noted?.runId).toBe('run-c');
  expect(noted?.acceptedAt).toBeLessThanOrEqual(Date.now() + 1_000);
});
