import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import type { Journal } from '../src/index.ts';
import { startDatabase, type TestDatabase } from './database.ts';
import { appendsTogether, mixedOutcomes, startsTogether } from './together.ts';

/*
 * A check that cannot fail proves nothing. Each of these breaks what the functions for several runs hand on; the checks of
 * writes that share a commit must notice.
 */
const MUTANTS = [
  ['the answer of each run', 'append_many', 'select v_entry.place::int, a.*', 'select -v_entry.place::int, a.*'],
  [
    'the events of each run',
    'append_many',
    'p_bodies[v_entry.before + 1 : v_entry.before + v_entry.count]',
    'p_bodies[1 : v_entry.count]',
  ],
  ['the epoch of each run', 'append_many', 'v_entry.run_id, v_entry.epoch,', 'v_entry.run_id, 2,'],
  ['the place of each run', 'append_many', 'v_entry.expected_seq,', '1,'],
  ['the end of each run', 'append_many', 'v_entry.status, v_entry.answer', 'p_statuses[1], v_entry.answer'],
  ['the mark of each run', 'append_many', 'v_entry.published, v_entry.inbox_taken', 'null, v_entry.inbox_taken'],
  [
    'the runs behind the first that is refused',
    'append_many',
    'end loop',
    'exit when exists (select from orchestrator.runs r where r.run_id = v_entry.run_id and r.epoch <> v_entry.epoch); end loop',
  ],
  ['the answer of each start', 'accept_many', 'select v_entry.place::int, v_run.outcome', 'select 1, v_run.outcome'],
  [
    'the opening of each run',
    'accept_many',
    'p_bodies[v_entry.before + 1 : v_entry.before + v_entry.count]',
    'p_bodies[1 : v_entry.count]',
  ],
  ['the opening', 'accept_many', 'and v_entry.count > 0', 'and false'],
] as const;

let db: TestDatabase;
let journal: Journal;
const originals = new Map<string, string>();

beforeAll(async () => {
  db = await startDatabase();
  ({ journal } = db.open('orchestrator'));
  for (const name of new Set(MUTANTS.map(([, name]) => name))) {
    const [row] = await db.sql<{ definition: string }>(
      `select pg_get_functiondef(oid) as definition from pg_proc
       where pronamespace = 'orchestrator'::regnamespace and proname = $1`,
      [name],
    );
    originals.set(name, row!.definition);
  }
});
afterEach(async () => {
  for (const definition of originals.values()) await db.sql(definition);
});
afterAll(() => db?.stop());

it.each(MUTANTS)('notices when writes that share a commit lose %s', async (_what, name, guard, without) => {
  const original = originals.get(name)!;
  expect(original.split(guard)).toHaveLength(2);
  await db.sql(original.replace(guard, () => without));
  const checks = async () => {
    await appendsTogether(db, journal);
    await startsTogether(db, journal);
    await mixedOutcomes(db, journal);
  };
  await expect(checks()).rejects.toThrow();
});
