import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type GuardedLocalServer, Passwords, startRedis } from '@switchyard/local-servers';
import { createLogger } from '@switchyard/platform';
import { until } from '@switchyard/testing';
import { type Claim, type DailyBudgetParts, RedisDailyBudget } from '../src/budgets/daily-budget.ts';

const dir = mkdtempSync(join(tmpdir(), 'orchestrator-redis-'));
const passwords = new Passwords(join(dir, 'logins'));
let redis: GuardedLocalServer;
beforeAll(async () => {
  redis = await startRedis({ dir: join(dir, 'redis'), durable: true, passwords });
});
afterAll(async () => {
  await redis?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const NOON = Date.UTC(2026, 5, 1, 12);
const NONE = { tokens: null, usd: null };
const open: RedisDailyBudget[] = [];
afterEach(() => open.splice(0).forEach((budget) => budget.close()));

let now = NOON;
function budgetOf(parts: Partial<DailyBudgetParts> = {}): RedisDailyBudget {
  const budget = new RedisDailyBudget({
    redisUrl: redis.urlFor('orchestrator'),
    limits: { user: NONE, tenant: NONE },
    byTenant: {},
    failOpen: false,
    reservationMs: 60_000,
    usageSince: async () => [],
    clock: { now: () => now },
    log: createLogger({ app: 'test', level: 'silent' }),
    ...parts,
  });
  open.push(budget);
  return budget;
}

let tenants = 0;
const newTenant = () => `tenant-${(tenants += 1)}`;
const claim = (tenantId: string, more: Partial<Claim> = {}): Claim => ({
  id: 'run-1:1',
  nonce: `${Math.random()}`,
  tenantId,
  userId: 'ann',
  input: 100,
  minOutput: 100,
  maxOutput: 100,
  inputNano: 0,
  outputNano: 0,
  raised: { user: NONE, tenant: NONE },
  ...more,
});
const admin = (tenantId: string, userId = 'ann') => ({ tenantId, userId, role: 'admin', via: 'dev' }) as const;

describe('100 callers at the same time, over two replicas', () => {
  it('never spend more than the limit of the tenant, nor one user more than its own', async () => {
    const tenantId = newTenant();
    const limits = { user: { tokens: 2_500, usd: null }, tenant: { tokens: 6_000, usd: null } };
    const replicas = [budgetOf({ limits }), budgetOf({ limits })];
    const spent = new Map<string, number>();
    await Promise.all(
      Array.from({ length: 100 }, async (_, n) => {
        const replica = replicas[n % 2]!;
        const userId = `user-${n % 4}`;
        const answer = await replica.reserve(claim(tenantId, { id: `run-${n}:1`, userId }));
        if (answer.kind !== 'reserved') return;
        const tokens = 150 + (n % 51); // at most what was reserved
        spent.set(userId, (spent.get(userId) ?? 0) + tokens);
        await replica.settle(answer.reservation, { tokens, nano: 0 });
      }),
    );
    const total = [...spent.values()].reduce((sum, tokens) => sum + tokens, 0);
    expect(total).toBeLessThanOrEqual(6_000);
    expect(total).toBeGreaterThan(4_000);
    for (const tokens of spent.values()) expect(tokens).toBeLessThanOrEqual(2_500);
    const view = await replicas[0]!.view(admin(tenantId));
    expect(view.tenant?.tokens).toEqual({ limit: 6_000, used: total, reserved: 0, left: 6_000 - total });
  });
});

describe('a reservation', () => {
  const limits = { user: { tokens: 1_000, usd: 1 }, tenant: NONE };

  it('of a call that is repeated after a crash takes the place of the first', async () => {
    const tenantId = newTenant();
    const budget = budgetOf({ limits });
    const first = await budget.reserve(claim(tenantId));
    const repeat = await budget.reserve(claim(tenantId));
    expect((await budget.view(admin(tenantId))).user.tokens.reserved).toBe(200);
    if (first.kind !== 'reserved' || repeat.kind !== 'reserved') throw new Error('refused');
    // The first owner was not dead: what it used counts, and the reservation of the second stands.
    await budget.settle(first.reservation, { tokens: 120, nano: 0 });
    expect((await budget.view(admin(tenantId))).user.tokens).toMatchObject({ used: 120, reserved: 200 });
    await budget.settle(repeat.reservation, { tokens: 120, nano: 0 });
    await budget.settle(repeat.reservation, { tokens: 120, nano: 0 });
    expect((await budget.view(admin(tenantId))).user.tokens).toMatchObject({ used: 240, reserved: 0 });
  });

  it('of a dead owner ends by itself', async () => {
    const tenantId = newTenant();
    const budget = budgetOf({ limits, reservationMs: 1_000 });
    const whole = { minOutput: 900, maxOutput: 900 };
    expect((await budget.reserve(claim(tenantId, { id: 'a', ...whole }))).kind).toBe('reserved');
    expect((await budget.reserve(claim(tenantId, { id: 'b' }))).kind).toBe('held');
    now += 1_001;
    expect((await budget.reserve(claim(tenantId, { id: 'b', ...whole }))).kind).toBe('reserved');
  });

  it('caps the answer to what is left, of money, too, and names the limit that was reached', async () => {
    const tenantId = newTenant();
    const budget = budgetOf({ limits });
    const answer = await budget.reserve(
      claim(tenantId, { minOutput: 16, maxOutput: 4_096, inputNano: 500_000_000, outputNano: 5_000_000 }),
    );
    if (answer.kind !== 'reserved') throw new Error('refused');
    expect(answer.reservation.maxOutput).toBe(100); // half a dollar is left
    await budget.settle(answer.reservation, { tokens: 200, nano: 1_000_000_000 });
    const next = claim(tenantId, { id: 'next', inputNano: 1_000 });
    expect(await budget.reserve(next)).toEqual({
      kind: 'exceeded',
      exceeded: { scope: 'user', kind: 'usd', limit: 1, used: 1 },
    });
    const raised = { user: { tokens: null, usd: 2 }, tenant: NONE };
    expect((await budget.reserve({ ...next, raised })).kind).toBe('reserved');
    now += 86_400_000; // the next day begins with nothing
    expect((await budget.reserve(next)).kind).toBe('reserved');
    now = NOON;
  });
});

describe('Redis', () => {
  it('that is restarted keeps the counts; that lost them has them rebuilt from the journal', async () => {
    const tenantId = newTenant();
    const asked: number[] = [];
    const budget = budgetOf({
      limits: { user: { tokens: 1_000, usd: null }, tenant: NONE },
      usageSince: async (_tenant, since) => (asked.push(since), [{ userId: 'ann', tokens: 950, usd: 0.5 }]),
    });
    const refused = await budget.reserve(claim(tenantId));
    expect(refused).toMatchObject({ kind: 'exceeded', exceeded: { scope: 'user', used: 950 } });
    const port = Number(new URL(redis.url).port);
    await redis.stop();
    await expect(budget.reserve(claim(tenantId))).rejects.toMatchObject({ code: 'unavailable' });
    redis = await startRedis({ dir: join(dir, 'redis'), durable: true, port, passwords });
    await until(
      () =>
        budget.view(admin(tenantId)).then(
          ({ user }) => user.tokens.used === 950,
          () => false,
        ),
      20_000,
    );
    expect(asked).toEqual([Date.UTC(2026, 5, 1)]);
    await redis.stop();
    redis = await startRedis({ dir: join(dir, 'empty'), durable: true, port, passwords });
    await until(
      () =>
        budget.view(admin(tenantId)).then(
          ({ user }) => user.tokens.used === 950,
          () => false,
        ),
      20_000,
    );
    expect(asked).toHaveLength(2);
  });
});
