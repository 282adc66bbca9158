import { expect } from '@jest/globals';
import { until } from '@switchyard/testing';
import pg from 'pg';
import { toStored } from '../src/journal/rows.ts';
import { INLINE_LIMIT } from '../src/journal/large-parts.ts';
import type { TestDatabase } from './database.ts';
import { acceptOf, completed, toolResult } from './drafts.ts';

const LEASE_MS = 30_000;
const HOUR_MS = 3_600_000;
const PAYLOADS = ['a', 'b', 'c'].map((letter) => letter.repeat(INLINE_LIMIT));

let races = 0;

/**
 * Runs that refer to the same large payloads begin, end and expire, all at the same time. Throws where one that is
 * not expired cannot be read, or where a payload stays that nobody refers to.
 */
export async function raceForBlobs(db: TestDatabase, rounds: number): Promise<void> {
  const { journal, retention } = db.open('orchestrator', { maxConnections: 8 });
  const race = `race-${++races}`;
  const living = new Set<string>();

  const begin = async (runId: string, first: number) => {
    await journal.accept(acceptOf(runId, { lease: { owner: 'me', leaseMs: LEASE_MS } }));
    const facts = [0, 1, 2].map((i) => toolResult(PAYLOADS[(first + i) % 3], `step-${i}`));
    await journal.append({ runId, epoch: 1, expectedSeq: 1, facts, leaseMs: LEASE_MS });
    living.add(runId);
  };
  const expire = async (runId: string) => {
    await journal.append({ runId, epoch: 1, expectedSeq: 4, facts: [completed()], leaseMs: LEASE_MS });
    await journal.markPublished([{ runId, seq: 5 }]);
    await db.sql(
      `update orchestrator.runs set created_at = created_at - interval '1 day', ended_at = ended_at - interval '1 day'
       where run_id = $1`,
      [runId],
    );
    living.delete(runId);
    expect(await retention.expire(runId, '{}', HOUR_MS)).toBe(true);
  };
  const whole = async (runId: string) => {
    const results = (await journal.read(runId, 1, 3)).map((event) => (event.data as { result: string }).result.length);
    expect(results).toEqual([INLINE_LIMIT, INLINE_LIMIT, INLINE_LIMIT]);
  };
  const writer = async (n: number) => {
    for (let round = 0; round < rounds; round += 1) {
      const runId = `${race}-${n}-${round}`;
      await begin(runId, n + round);
      await whole(runId);
      if (round % 4 !== 3) await expire(runId);
    }
  };
  const finished = await Promise.allSettled([0, 1, 2, 3, 4, 5].map(writer));
  for (const outcome of finished) if (outcome.status === 'rejected') throw outcome.reason;

  for (const runId of living) await whole(runId);
  for (const runId of [...living]) await expire(runId);
  expect(await db.sql('select sha256 from orchestrator.blob_refs where run_id like $1', [`${race}-%`])).toEqual([]);
  const orphans = `select sha256 from orchestrator.blobs b
    where not exists (select from orchestrator.blob_refs f where f.sha256 = b.sha256)`;
  expect(await db.sql(orphans)).toEqual([]);
}

/**
 * The one moment that a race rarely meets: a writer has stored what it refers to and not committed yet, while the last
 * other run that refers to it expires; and the other way round. Throws where the writer's run cannot be read.
 */
export async function meetAtOneBlob(db: TestDatabase): Promise<void> {
  const { journal, retention } = db.open('orchestrator');
  const meeting = `meeting-${++races}`;
  const payload = meeting.padEnd(INLINE_LIMIT, '.');
  const run = async (name: string) => {
    await journal.accept(acceptOf(`${meeting}-${name}`, { lease: { owner: 'me', leaseMs: LEASE_MS } }));
    return `${meeting}-${name}`;
  };
  const refer = (runId: string) =>
    journal.append({ runId, epoch: 1, expectedSeq: 1, facts: [toolResult(payload)], leaseMs: LEASE_MS });
  const endLongAgo = async (runId: string) => {
    await journal.append({ runId, epoch: 1, expectedSeq: 2, facts: [completed()], leaseMs: LEASE_MS });
    await journal.markPublished([{ runId, seq: 3 }]);
    const past = `update orchestrator.runs set created_at = now() - interval '1 day', ended_at = now() - interval '1 day'`;
    await db.sql(`${past} where run_id = $1`, [runId]);
  };
  const length = async (runId: string) =>
    ((await journal.read(runId, 1, 1))[0]?.data as { result: string }).result.length;
  const first = await run('first');
  await refer(first);
  await endLongAgo(first);

  const client = new pg.Client({ connectionString: db.url });
  await client.connect();
  try {
    // The writer first: it has stored what it will refer to.
    const second = await run('second');
    await client.query('begin');
    const { fact, stepId, body, refs, size, parts } = toStored(toolResult(payload));
    await client.query('select orchestrator.keep_blobs($1, $2)', [[parts[0]!.sha256], [parts[0]!.body]]);
    let settled = false;
    const expired = retention.expire(first, '{}', HOUR_MS).finally(() => (settled = true));
    await until(async () => settled || (await someoneWaits(db)));
    await client.query(
      `insert into orchestrator.run_events (run_id, seq, epoch, type, step_id, body, parts, size, ts)
       values ($1, 2, 1, $2, $3, $4, $5, $6, now())`,
      [second, fact.type, stepId, body, refs, size],
    );
    await client.query('update orchestrator.runs set last_seq = 2 where run_id = $1', [second]);
    await client.query('commit');
    expect(await expired).toBe(true);
    expect(await length(second)).toBe(INLINE_LIMIT);

    // Retention first: the payload is removed, the commit is to come.
    await endLongAgo(second);
    const third = await run('third');
    await client.query('begin');
    await client.query(`select orchestrator.expire_run($1, '{}', 0)`, [second]);
    settled = false;
    const referred = refer(third).finally(() => (settled = true));
    await until(async () => settled || (await someoneWaits(db)));
    await client.query('commit');
    await referred;
    expect(await length(third)).toBe(INLINE_LIMIT);
  } finally {
    await client.end();
  }
}

const someoneWaits = async (db: TestDatabase) => (await db.sql('select from pg_locks where not granted')).length > 0;
