import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Journal, Retention } from '../src/index.ts';
import { INLINE_LIMIT } from '../src/journal/large-parts.ts';
import { meetAtOneBlob, raceForBlobs } from './blob-race.ts';
import { startDatabase, type TestDatabase } from './database.ts';
import { acceptOf, completed, message, toolResult } from './drafts.ts';

let db: TestDatabase;
let journal: Journal;
let retention: Retention;
let count = 0;
const newId = () => `run-${++count}`;
const LEASE_MS = 30_000;
const HOUR_MS = 3_600_000;
const LARGE = 'x'.repeat(INLINE_LIMIT);

beforeAll(async () => {
  db = await startDatabase();
  ({ journal, retention } = db.open('orchestrator', { maxConnections: 8 }));
});
afterAll(() => db?.stop());

async function open(facts = [message('hello')]): Promise<string> {
  const runId = newId();
  await journal.accept(acceptOf(runId, { lease: { owner: 'me', leaseMs: LEASE_MS } }));
  await journal.append({ runId, epoch: 1, expectedSeq: 1, facts, leaseMs: LEASE_MS });
  return runId;
}

async function end(runId: string, expectedSeq = 2): Promise<string> {
  await journal.append({ runId, epoch: 1, expectedSeq, facts: [completed()], leaseMs: LEASE_MS });
  await journal.markPublished([{ runId, seq: expectedSeq + 1 }]);
  return runId;
}

const past = (runId: string, hours: number) =>
  db.sql(
    `update orchestrator.runs set created_at = created_at - $2 * interval '1 hour',
       ended_at = ended_at - $2 * interval '1 hour' where run_id = $1`,
    [runId, hours],
  );
const stored = async (table: string, runId: string) =>
  (await db.sql<{ n: number }>(`select count(*)::int as n from orchestrator.${table} where run_id = $1`, [runId]))[0]!
    .n;
const blobs = async () => (await db.sql<{ n: number }>('select count(*)::int as n from orchestrator.blobs'))[0]!.n;

describe('events', () => {
  it('go after their time, and the run keeps its row and a snapshot', async () => {
    const runId = await open();
    await journal.putInput(runId, { kind: 'cancel', dedupKey: 'cancel', body: {} });
    await end(runId);
    await past(runId, 25);
    expect(await retention.due(10, 24 * HOUR_MS)).toEqual([runId]);
    expect(await retention.snapshot(runId)).toBeUndefined();
    expect(await retention.expire(runId, '{"answer":"done"}', 24 * HOUR_MS)).toBe(true);

    expect(await journal.read(runId, 0, 10)).toEqual([]);
    expect(await stored('run_inbox', runId)).toBe(0);
    expect(await retention.snapshot(runId)).toBe('{"answer":"done"}');
    expect(await journal.head(runId)).toMatchObject({ expired: true, lastSeq: 3, phase: 'ended', answer: 'done' });
    expect(await retention.due(10, 24 * HOUR_MS)).toEqual([]);
    expect(await retention.expire(runId, '{}', 24 * HOUR_MS)).toBe(false);
    expect(await retention.snapshot(runId)).toBe('{"answer":"done"}');
  });

  it('stay while the run is open, not on the bus, or younger than asked', async () => {
    const running = await open();
    const unpublished = await open();
    await journal.append({ runId: unpublished, epoch: 1, expectedSeq: 2, facts: [completed()], leaseMs: LEASE_MS });
    const young = await end(await open());
    for (const runId of [running, unpublished]) await past(runId, 100);
    await past(young, 23);
    expect(await retention.due(10, 24 * HOUR_MS)).toEqual([]);
    for (const runId of [running, unpublished, young]) {
      expect(await retention.expire(runId, '{}', 24 * HOUR_MS)).toBe(false);
      expect(await journal.head(runId)).toMatchObject({ expired: false });
      expect((await journal.read(runId, 0, 10)).length).toBeGreaterThan(1);
    }
  });

  it('of the last hour stay, whatever is asked', async () => {
    const runId = await end(await open());
    expect(await retention.expire(runId, '{}', 0)).toBe(false);
    expect(await retention.expire(runId, '{}', -1e12)).toBe(false);
    await past(runId, 2);
    expect(await retention.expire(runId, '{}', 0)).toBe(true);
  });

  it('of a run that took long are due by its end, not by its beginning', async () => {
    const runId = await end(await open());
    await db.sql(`update orchestrator.runs set created_at = now() - interval '90 days' where run_id = $1`, [runId]);
    expect(await retention.due(10, 24 * HOUR_MS)).toEqual([]);
    expect(await retention.expire(runId, '{}', 24 * HOUR_MS)).toBe(false);
  });

  it('leave the conversation and the idempotency key in place', async () => {
    const runId = newId();
    const accept = acceptOf(runId, { idempotencyKey: 'kept', lease: { owner: 'me', leaseMs: LEASE_MS } });
    await journal.accept(accept);
    await end(runId, 1);
    await past(runId, 48);
    await retention.expire(runId, '{}', HOUR_MS);
    expect(await journal.accept({ ...accept, runId: newId() })).toMatchObject({ kind: 'existing', runId, ended: true });
    const thread = { tenantId: 'acme', userId: 'ann', threadId: 'thread-1', limit: 100 };
    expect((await journal.threadTurns(thread)).map((turn) => turn.runId)).toContain(runId);
  });
});

describe('rows', () => {
  it('go when they are due and their events are gone, the oldest first, so many at once', async () => {
    await db.sql('truncate orchestrator.runs, orchestrator.run_events, orchestrator.run_inbox');
    const [oldest, old, young] = [await end(await open()), await end(await open()), await end(await open())];
    await past(oldest, 24 * 500);
    await past(old, 24 * 400);
    await past(young, 24 * 300);
    const keepMs = 365 * 24 * HOUR_MS;
    expect(await retention.remove(10, keepMs)).toBe(0);
    for (const runId of [oldest, old, young]) await retention.expire(runId, '{}', HOUR_MS);
    expect(await retention.remove(1, keepMs)).toBe(1);
    expect(await journal.head(oldest)).toBeUndefined();
    expect(await retention.remove(10, keepMs)).toBe(1);
    expect(await retention.remove(10, keepMs)).toBe(0);
    expect(await journal.head(young)).toMatchObject({ expired: true });
  });
});

describe('rights', () => {
  it('do not let the role of the journal delete or change what it wrote', async () => {
    const runId = await end(await open());
    const pg = (await import('pg')).default;
    const client = new pg.Client({ connectionString: db.url });
    await client.connect();
    await client.query('set role switchyard_orchestrator');
    for (const table of ['runs', 'run_events', 'run_inbox', 'blobs', 'blob_refs']) {
      await expect(client.query(`delete from orchestrator.${table}`)).rejects.toThrow('permission denied');
    }
    await expect(client.query(`update orchestrator.run_events set body = '{}'`)).rejects.toThrow('permission denied');
    await client.end();
    await expect(db.sql(`update orchestrator.run_events set body = '{}' where run_id = $1`, [runId])).rejects.toThrow(
      'never changed',
    );
  });
});

describe('large parts', () => {
  it('go with the last run that refers to them', async () => {
    const before = await blobs();
    const [one, two] = [await open([toolResult(LARGE)]), await open([toolResult(LARGE)])];
    expect(await blobs()).toBe(before + 1);
    for (const runId of [one, two]) await past(await end(runId), 2);
    await retention.expire(one, '{}', HOUR_MS);
    expect((await journal.read(two, 1, 1))[0]?.data).toMatchObject({ result: LARGE });
    await retention.expire(two, '{}', HOUR_MS);
    expect(await blobs()).toBe(before);
    expect([await stored('blob_refs', one), await stored('blob_refs', two)]).toEqual([0, 0]);
  });

  it('are there for whoever refers to them while they are removed', async () => {
    await meetAtOneBlob(db);
    await raceForBlobs(db, 12);
  });

  it.each([
    ['the lock on what is kept', 'keep_blobs', ' for key share', ''],
    ['the other runs that refer to it', 'expire_run', 'where f.sha256 = b.sha256', 'where false'],
    ['the removal itself', 'expire_run', 'delete from orchestrator.blobs b', 'perform from orchestrator.blobs b'],
  ])('are tested well enough to notice the loss of %s', async (_what, name, guard, without) => {
    const [row] = await db.sql<{ definition: string }>('select pg_get_functiondef($1::regproc) as definition', [
      `orchestrator.${name}`,
    ]);
    expect(row!.definition.split(guard)).toHaveLength(2);
    await db.sql(row!.definition.replace(guard, without));
    const tests = async () => {
      await meetAtOneBlob(db);
      await raceForBlobs(db, 12);
    };
    try {
      await expect(tests()).rejects.toThrow();
    } finally {
      await db.sql(row!.definition);
      await db.sql('truncate orchestrator.runs, orchestrator.run_events, orchestrator.blobs, orchestrator.blob_refs');
    }
  });
});
