import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { startDatabase, type TestDatabase } from './database.ts';
import { checkAgainstModel } from './journal-commands.ts';
import { sqlSubject } from './subjects.ts';

/*
 * A check that cannot fail proves nothing. Each of these takes one guard out of the journal's functions; the model
 * must notice.
 */
const MUTANTS = [
  ['fencing by epoch', 'append_events', 'v_run.epoch <> p_epoch', 'false'],
  ['the end being the end', 'append_events', "if v_run.phase = 'ended' then", 'if false then'],
  ['the lease of whoever appends', 'append_events', 'if v_run.lease_owner is null then', 'if false then'],
  ['the comparison of repeated events', 'append_events', 'and e.body = n.body', ''],
  ['the answer to a repeated append', 'append_events', 'if v_same and', 'if false and'],
  ['"not said" of published', 'append_events', 'coalesce(p_published, 0)', 'p_published'],
  ['the exclusive lease', 'claim_run', 'v_run.lease_until >= clock_timestamp()', 'false'],
  ['the next epoch', 'claim_run', 'set epoch = r.epoch + 1', 'set epoch = r.epoch + 0'],
  ['the digest of a request', 'accept_run', 'v_run.request_hash = p_hash', 'true'],
  ['the turn of a run in its thread', 'is_held_back', 'or orchestrator.waits_for_turn(r)', ''],
  ['the order of the turns', 'waits_for_turn', 'and p.created_at < r.created_at', ''],
  ['the place in front of what waits', 'accept_run', 'v_owner := null;', 'null;'],
  ['the cancel that needs no turn', 'is_held_back', "and i.kind = 'cancel'", 'and false'],
  ['the cancel of the runs before', 'accept_run', "p_concurrency = 'cancel_previous'", 'false'],
  ['the refusal of a busy thread', 'accept_run', "p_concurrency = 'reject' or", ''],
  ['the notice of being awaited', 'accept_run', 'set awaited = true', 'set awaited = false'],
  ['the pause after an owner without progress', 'is_held_back', 'r.pause_ms * interval', '0 * interval'],
  ['the count of such owners', 'claim_run', 'v_run.stalls + 1', 'v_run.stalls'],
  [
    'the difference between lost and given back',
    'claim_run',
    'when v_run.lease_owner is not null then',
    'when true then',
  ],
  ['the progress of an owner', 'claim_run', 'when v_run.last_seq > v_run.claimed_seq then 0', ''],
  ['the dead letter', 'append_events', 'if p_dead_reason is not null', 'if false'],
  ['the key of an input', 'put_input', 'i.dedup_key = p_dedup_key', 'false'],
  ['the wait of retention for the bus', 'expire_run', 'and r.settled', "and r.phase = 'ended'"],
  ['the age of what is removed', 'expire_run', 'and r.ended_at < orchestrator.keep_at_least(p_keep_ms)', ''],
  ['the hour that is always kept', 'keep_at_least', 'greatest(p_keep_ms, 3600000)', 'p_keep_ms'],
  ['the one snapshot of a run', 'expire_run', 'and r.expired_at is null', ''],
] as const;

/** With it each mutant is noticed within 300 sequences; others need more than 500 for the rarest. */
const SEED = 4;

let db: TestDatabase;
const originals = new Map<string, string>();

beforeAll(async () => {
  db = await startDatabase();
  for (const name of new Set(MUTANTS.map(([, name]) => name))) {
    // The newest has the most parameters; the others call it.
    const [row] = await db.sql<{ definition: string }>(
      `select pg_get_functiondef(oid) as definition from pg_proc
       where pronamespace = 'orchestrator'::regnamespace and proname = $1 order by pronargs desc limit 1`,
      [name],
    );
    originals.set(name, row!.definition);
  }
});
afterEach(async () => {
  for (const definition of originals.values()) await db.sql(definition);
});
afterAll(() => db?.stop());

it.each(MUTANTS)(
  'the model notices when the journal loses %s',
  async (_what, name, guard, without) => {
    const original = originals.get(name)!;
    expect(original.split(guard)).toHaveLength(2);
    await db.sql(original.replace(guard, () => without));
    await expect(checkAgainstModel(sqlSubject(db), 500, SEED)).rejects.toThrow();
  },
  300_000,
);
