import { expect } from '@jest/globals';
import type { StepResult } from '@switchyard/contracts';
import { fc } from '@switchyard/testing/property';
import * as machine from '../src/effects/machine.ts';
import type { EffectRequest, Effects } from '../src/index.ts';
import type { TestDatabase } from './database.ts';

/** The ledger as the pure machine has it: rows by key, and which of their leases live. */
class Ledger {
  readonly rows = new Map<number, machine.EffectRow>();
  readonly living = new Set<number>();

  set(key: number, row: machine.EffectRow): void {
    this.rows.set(key, row);
    if (!machine.isOpen(row)) this.living.delete(key);
  }
}

interface Real {
  readonly effects: Effects;
  readonly db: TestDatabase;
  /** Keeps the rows of one sequence of commands apart from all others. */
  readonly prefix: string;
}

type Command = fc.AsyncCommand<Ledger, Real>;

const LEASE_MS = 60_000;
const HOUR_MS = 3_600_000;

const RESULTS: readonly StepResult[] = [
  { status: 'succeeded', output: { paid: 1 } },
  { status: 'succeeded', output: 'nul \0 and ü' },
  { status: 'failed', code: 'tool_failed', message: 'The account is empty.' },
  { status: 'in_doubt', code: 'tool_in_doubt', message: 'Nobody knows.' },
];

function command(name: string, act: (ledger: Ledger, real: Real) => Promise<void>): Command {
  return {
    check: () => true,
    async run(ledger, real) {
      await act(ledger, real);
      await compare(ledger, real);
    },
    toString: () => name,
  };
}

const idOf = (prefix: string, key: number) => `${prefix}-${key}`;
/** Mostly one row, so that enough happens to it. */
const key = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(1, 2) });
/** Mostly the attempt that holds the row. */
const back = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(-1, 1) });

/** A command on a row that exists; without one it does nothing. */
function onRow(
  name: string,
  key: number,
  act: (row: machine.EffectRow, ledger: Ledger, real: Real) => Promise<void>,
): Command {
  return command(`${name} #${key}`, async (ledger, real) => {
    const row = ledger.rows.get(key);
    if (row) await act(row, ledger, real);
  });
}

/** `usual`, but now and then one of `others`: what is rare is met, and does not drown what needs many usual steps. */
const mostly = <T>(usual: T, ...others: T[]) =>
  fc.oneof({ weight: 9, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) });

const begins = fc
  .record({
    key,
    holder: fc.nat(2),
    waited: mostly(false, true),
    takeOver: mostly(true, false),
    idempotency: fc.constantFrom('key' as const, 'none' as const, 'safe' as const),
    argsHash: mostly('h', 'other'),
    tool: mostly('pay', 'mail'),
  })
  .map((asked) =>
    command(`begin ${JSON.stringify(asked)}`, async (ledger, { effects, prefix }) => {
      const holder = `h${asked.holder}`;
      const effectId = idOf(prefix, asked.key);
      const request: EffectRequest = {
        ...asked,
        effectId,
        holder,
        leaseMs: LEASE_MS,
        kind: 'write',
        args: { a: '\0' },
        tenantId: prefix,
        userId: 'ann',
        idempotencyKey: `k${asked.key}`,
      };
      const { row, answer } = machine.begin(ledger.rows.get(asked.key), request, ledger.living.has(asked.key));
      ledger.set(asked.key, row);
      if (answer.kind === 'mine') ledger.living.add(asked.key);
      expect(await effects.begin(request)).toEqual(answer);
    }),
  );

const dispatches = fc.tuple(key, back).map(([key, by]) =>
  onRow('dispatch', key, async (row, ledger, { effects }) => {
    const step = machine.dispatch(row, row.attempts + by);
    ledger.set(key, step.row);
    if (step.answer) ledger.living.add(key);
    const call = { effectId: row.effectId, attempt: row.attempts + by };
    expect(await effects.dispatch(call, LEASE_MS)).toBe(step.answer);
  }),
);

const withdrawals = fc.tuple(key, back).map(([key, by]) =>
  onRow('withdraw', key, async (row, ledger, { effects }) => {
    const step = machine.withdraw(row, row.attempts + by);
    ledger.set(key, step.row);
    if (step.answer) ledger.living.delete(key);
    expect(await effects.withdraw({ effectId: row.effectId, attempt: row.attempts + by })).toBe(step.answer);
  }),
);

const completions = fc.tuple(key, back, fc.constantFrom(...RESULTS)).map(([key, by, result]) =>
  onRow(`complete ${result.status}`, key, async (row, ledger, { effects }) => {
    const step = machine.complete(row, row.attempts + by, result);
    ledger.set(key, step.row);
    const call = { effectId: row.effectId, attempt: row.attempts + by };
    expect(await effects.complete(call, result)).toEqual(step.answer);
  }),
);

const renewals = fc.tuple(key, back).map(([key, by]) =>
  onRow('renew', key, async (row, ledger, { effects }) => {
    const held = machine.renew(row, row.attempts + by);
    if (held) ledger.living.add(key);
    const renewed = await effects.renew([{ effectId: row.effectId, attempt: row.attempts + by }], LEASE_MS);
    expect(renewed.has(row.effectId)).toBe(held);
  }),
);

// A holder that dies says nothing; what the others see of it is a lease that runs out.
const deaths = key.map((key) =>
  onRow('the holder dies', key, async (row, ledger, { db }) => {
    if (!machine.isOpen(row)) return;
    ledger.living.delete(key);
    const past = "update mcp_tool.effects set lease_until = now() - interval '1 minute' where effect_id = $1";
    await db.sql(past, [row.effectId]);
  }),
);

const orphans = fc.constantFrom(0, HOUR_MS).map((graceMs) =>
  command(`orphans of ${graceMs} ms`, async (ledger, { effects, prefix }) => {
    const expected: string[] = [];
    for (const [key, row] of ledger.rows) {
      if (ledger.living.has(key) || graceMs > 0) continue;
      const step = machine.orphan(row);
      if (step.answer) expected.push(row.effectId);
      ledger.set(key, step.row);
    }
    // A withdrawn row ran out a moment ago, one of a dead holder a minute ago.
    const found = await effects.doubtOrphans(100, graceMs);
    expect(
      found
        .filter(({ tenantId }) => tenantId === prefix)
        .map((row) => row.effectId)
        .sort(),
    ).toEqual(expected);
  }),
);

const settlements = fc.tuple(key, fc.constantFrom(0, 2), fc.constantFrom('own', 'other')).map(([key, which, tenant]) =>
  onRow(`settle ${RESULTS[which]!.status} of ${tenant}`, key, async (row, ledger, { effects, prefix }) => {
    const result = RESULTS[which] as StepResult & { status: 'succeeded' | 'failed' };
    const settlement = { effectId: row.effectId, result, by: 'ann', note: 'looked' };
    if (tenant === 'other') {
      expect(await effects.settle({ ...settlement, tenantId: 'other' })).toBe('unknown');
      return;
    }
    const step = machine.settle(row, result, 'ann');
    ledger.set(key, step.row);
    expect(await effects.settle({ ...settlement, tenantId: prefix })).toBe(step.answer);
  }),
);

// What is kept may be asked for as little as one likes; an hour is kept all the same.
const removals = fc.tuple(key, fc.boolean(), fc.constantFrom(0, -1e12, HOUR_MS)).map(([key, old, keepMs]) =>
  onRow(`remove ${old ? 'old' : 'young'} rows`, key, async (row, ledger, { effects, db }) => {
    const age = old ? '2 hours' : '30 minutes';
    const time = `update mcp_tool.effects set created_at = now() - interval '${age}',
        ended_at = case when ended_at is not null then now() - interval '${age}' end,
        lease_until = case when lease_until < now() then now() - interval '${age}' else lease_until end
        where effect_id = $1`;
    await db.sql(time, [row.effectId]);
    const forgotten = row.state === 'intent' && !ledger.living.has(key);
    const due = old && (forgotten || row.state === 'succeeded' || row.state === 'failed');
    if (due) ledger.rows.delete(key);
    expect(await effects.remove(100, keepMs)).toBe(due ? 1 : 0);
    // What is left is young again, for the next look; what ran out did so a moment ago.
    await db.sql(
      `update mcp_tool.effects set created_at = now(), ended_at = case when ended_at is not null then now() end,
          lease_until = case when lease_until < now() then now() - interval '1 minute' else lease_until end`,
    );
  }),
);

/** What a call does in its life comes more often than what ends it: most guards are about the second holder. */
const commands: fc.Arbitrary<Command>[] = [
  begins,
  begins,
  begins,
  dispatches,
  dispatches,
  deaths,
  deaths,
  withdrawals,
  completions,
  renewals,
  orphans,
  settlements,
  removals,
];

/** The database looks as the machine says. */
async function compare(ledger: Ledger, { effects, prefix }: Real): Promise<void> {
  for (const row of ledger.rows.values()) {
    const { state, result, attempts, late, lateState, settledBy, tool, idempotency } = row;
    const seen = await effects.get(prefix, row.effectId);
    expect(seen).toMatchObject({ state, result, attempts, late, lateState, tool, idempotency, args: { a: '\0' } });
    expect(seen?.settled?.by ?? null).toBe(settledBy);
    expect(await effects.get('other', row.effectId)).toBeUndefined();
    expect(await effects.isRunning(row.effectId)).toBe(
      machine.isOpen(row) && [...ledger.living].some((key) => ledger.rows.get(key) === row),
    );
  }
  const listed = await effects.list({ tenantId: prefix, limit: 100 });
  const ids = [...ledger.rows.values()].map((row) => row.effectId);
  expect(listed.map((row) => row.effectId).sort()).toEqual(ids.sort());
}

let sequence = 0;

/** Plays `numRuns` random sequences of commands; throws with the shortest one after which the two differ. */
export async function checkEffects(db: TestDatabase, numRuns: number, seed?: number): Promise<void> {
  const { effects } = db.open('mcp-tool');
  await fc.assert(
    fc.asyncProperty(fc.commands(commands, { size: '+1', maxCommands: 40 }), async (some) => {
      const prefix = `s${++sequence}`;
      await db.sql('truncate mcp_tool.effects');
      await fc.asyncModelRun(() => ({ model: new Ledger(), real: { effects, db, prefix } }), some);
    }),
    { numRuns, ...(seed === undefined ? {} : { seed, endOnFailure: true }) },
  );
}
