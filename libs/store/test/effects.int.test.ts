import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { EffectRequest } from '../src/index.ts';
import { startDatabase, type TestDatabase } from './database.ts';
import { checkEffects } from './effect-commands.ts';

let db: TestDatabase;

beforeAll(async () => {
  db = await startDatabase();
});
afterAll(() => db?.stop());

const RUNS = Number(process.env['MODEL_RUNS'] ?? 80);

it(
  'behaves as the machine under any sequence of calls, deaths, late outcomes and settlements',
  () => checkEffects(db, RUNS),
  60_000 + RUNS * 1_000,
);

const request = (n: number, more: Partial<EffectRequest> = {}): EffectRequest => ({
  effectId: `e${n}`,
  tenantId: 'acme',
  userId: 'ann',
  idempotencyKey: `k${n}`,
  tool: 'pay',
  kind: 'write',
  idempotency: 'none',
  argsHash: 'h',
  args: {},
  holder: `h${n}`,
  leaseMs: 60_000,
  waited: false,
  takeOver: true,
  ...more,
});

describe('callers at the same time', () => {
  it('are given the call once, whoever comes first', async () => {
    const { effects } = db.open('mcp-tool', { maxConnections: 20 });
    const all = Array.from({ length: 50 }, (_, i) =>
      effects.begin(request(1_000, { effectId: `many${i}`, holder: `h${i}` })),
    );
    const kinds = (await Promise.all(all)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'mine')).toHaveLength(1);
    expect(kinds.filter((kind) => kind === 'running')).toHaveLength(49);
  });
});

describe('the list', () => {
  it('pages through everything once, newest first, also where many began in one millisecond', async () => {
    const { effects } = db.open('mcp-tool');
    await db.sql('truncate mcp_tool.effects');
    for (let n = 0; n < 25; n += 1) await effects.begin(request(n, { runId: n % 2 ? 'odd' : 'even' }));
    await db.sql("update mcp_tool.effects set created_at = date_trunc('second', now()) where effect_id < 'e2'");
    const seen: string[] = [];
    for (let after: { at: number; effectId: string } | undefined; ;) {
      const page = await effects.list({ tenantId: 'acme', limit: 7, after });
      seen.push(...page.map(({ effectId }) => effectId));
      const last = page.at(-1);
      if (page.length < 7 || !last) break;
      after = { at: last.createdAt, effectId: last.effectId };
    }
    expect(seen).toHaveLength(25);
    expect(new Set(seen).size).toBe(25);
    expect(await effects.list({ tenantId: 'acme', runIds: ['none', 'odd'], limit: 100 })).toHaveLength(12);
    expect(await effects.list({ tenantId: 'acme', userId: 'bob', limit: 100 })).toEqual([]);
    expect(await effects.list({ tenantId: 'acme', state: 'in_doubt', limit: 100 })).toEqual([]);
  });
});

/*
 * A check that cannot fail proves nothing. Each of these takes one guard out of the ledger's functions; the check
 * against the machine must notice.
 */
const MUTANTS = [
  ['the conflict of arguments', 'begin_effect', 'or v_row.args_hash <> p_hash', ''],
  ['the lease of the holder', 'begin_effect', '(v_row.lease_until >= v_now or not p_take_over)', 'not p_take_over'],
  ['the takeover grace after an outage', 'begin_effect', ' or not p_take_over', ''],
  [
    'the doubt about what may not be repeated',
    'begin_effect',
    "v_row.state = 'dispatched' and not v_repeatable",
    'false',
  ],
  ['the count of attempts', 'begin_effect', 'attempts = v_row.attempts + 1', 'attempts = v_row.attempts'],
  ['the reply that was lost', 'begin_effect', 'v_row.holder = p_holder', 'false'],
  ['the known outcome', 'begin_effect', "v_row.state in ('succeeded', 'failed')", 'false'],
  ['the fence of a dispatch', 'dispatch_effect', 'and e.attempts = p_attempt', ''],
  [
    'what an earlier attempt may have done',
    'withdraw_effect',
    'coalesce(e.first_dispatch, p_attempt) = p_attempt',
    'true',
  ],
  [
    'the fence of an outcome',
    'complete_effect',
    "v_row.attempts = p_attempt and v_row.state in ('intent', 'dispatched')",
    "v_row.state in ('intent', 'dispatched')",
  ],
  ['the note of a late outcome', 'complete_effect', 'if v_noted then', 'if false then'],
  ['the late end of a doubt', 'complete_effect', "v_row.state = 'in_doubt' and v_known", 'false'],
  ['the tenant of a settlement', 'settle_effect', 'and e.tenant_id = p_tenant', ''],
  ['the doubt that is settled', 'settle_effect', "if v_row.state <> 'in_doubt' then", 'if false then'],
  ['the lease of an orphan', 'doubt_orphans', 'e.lease_until <', 'now() >'],
  [
    'the hour that is always kept',
    'remove_effects',
    'and e.ended_at < clock_timestamp() - greatest(p_keep_ms, 3600000)',
    'and e.ended_at < clock_timestamp() - p_keep_ms',
  ],
] as const;

/** With it each mutant is noticed within 70 sequences; other seeds need up to 200 for the rarest. */
const SEED = 10;

describe('the check against the machine', () => {
  const originals = new Map<string, string>();
  beforeAll(async () => {
    for (const name of new Set(MUTANTS.map(([, name]) => name))) {
      const [row] = await db.sql<{ definition: string }>(
        `select pg_get_functiondef(oid) as definition from pg_proc
         where pronamespace = 'mcp_tool'::regnamespace and proname = $1`,
        [name],
      );
      originals.set(name, row!.definition);
    }
  });
  afterEach(async () => {
    for (const definition of originals.values()) await db.sql(definition);
  });

  it.each(MUTANTS)('notices when the ledger loses %s', async (_what, name, guard, without) => {
    const original = originals.get(name)!;
    expect(original.split(guard)).toHaveLength(2);
    await db.sql(original.replace(guard, () => without));
    await expect(checkEffects(db, 200, SEED)).rejects.toThrow();
  });
});

describe('the turns of an agent', () => {
  const step = { tenantId: 'acme', userId: 'ann', stepKey: 'run1:step-mcp-001' };

  it('are decided once, by whoever is first of many', async () => {
    const { agentTurns } = db.open('mcp-tool', { maxConnections: 20 });
    const bodies = Array.from({ length: 30 }, (_, n) => JSON.stringify({ n, text: 'a\u0000b' }));
    const kept = new Set(await Promise.all(bodies.map((body) => agentTurns.keep(step, 1, body))));
    expect(kept.size).toBe(1);
    expect(await agentTurns.keep(step, 2, 'second')).toBe('second');
    expect(await agentTurns.of(step)).toEqual([...kept, 'second']);
  });

  it('are those of one user and one step alone, and go when they are old', async () => {
    const { agentTurns } = db.open('mcp-tool');
    for (const other of [{ tenantId: 'other' }, { userId: 'bob' }, { stepKey: 'run2:step-mcp-001' }]) {
      expect(await agentTurns.of({ ...step, ...other })).toEqual([]);
      expect(await agentTurns.keep({ ...step, ...other }, 1, 'own')).toBe('own');
    }
    await db.sql("update mcp_tool.agent_turns set created_at = now() - interval '2 days' where body <> 'own'");
    expect(await agentTurns.remove(1, 86_400_000)).toBe(1);
    expect(await agentTurns.remove(10, 86_400_000)).toBe(1);
    expect(await agentTurns.of(step)).toEqual([]);
    expect(await agentTurns.of({ ...step, userId: 'bob' })).toEqual(['own']);
  });

  it('leave their effects to be found by the step', async () => {
    const { effects } = db.open('mcp-tool');
    const mine = { runId: 'run7', stepId: 'step-mcp-001' };
    await effects.begin(request(7_001, mine));
    await effects.begin(request(7_002, { ...mine, stepId: 'step-mcp-002' }));
    await effects.begin(request(7_003, { ...mine, userId: 'bob' }));
    const found = await effects.ofStep({ tenantId: 'acme', userId: 'ann', ...mine });
    expect(found.map(({ effectId, state }) => [effectId, state])).toEqual([['e7001', 'intent']]);
  });
});
