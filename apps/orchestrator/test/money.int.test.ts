import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError, type RunSpec } from '@switchyard/contracts';
import { until } from '@switchyard/testing';
import type { DailyBudget } from '../src/budgets/daily-budget.ts';
import { calls, planner, says } from './scripted-planner.ts';
import { request, World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterEach(() => world.clear());
afterAll(() => world?.stop());

/** 10 tokens in and 5 out, as the scripted model uses, cost 0.002 USD. */
const PRICES = { scripted: { input: 100, output: 200 } };
const budget = (limits: Partial<RunSpec['budget']>) => ({
  budget: { max_steps: 10, max_iterations: 12, max_tokens: null, max_usd: null, max_seconds: null, ...limits },
});
const goesOn = (caps: (number | undefined)[] = []) =>
  planner((_turn, { maxOutputTokens }) => (caps.push(maxOutputTokens), calls('read_it')));

const daily = (parts: Partial<DailyBudget>): DailyBudget => ({
  failOpen: false,
  limits: () => ({ user: { tokens: 20, usd: null }, tenant: { tokens: null, usd: null } }),
  reserve: () => Promise.reject(new AppError('unavailable')),
  settle: async () => undefined,
  view: () => Promise.reject(new AppError('unavailable')),
  close: () => undefined,
  ...parts,
});

describe('the money of a run', () => {
  it('is recorded of each planning at the price of that day, and summed at the end', async () => {
    const replica = await world.replica({ prices: PRICES });
    const asked = request('hello');
    await replica.service.start(asked);
    expect((await world.ended(asked.runId)).usage).toEqual({ input_tokens: 10, output_tokens: 5, usd: 0.002 });
    expect((await replica.service.get(asked.run.principal, asked.runId)).usage.usd).toBe(0.002);
    expect(await replica.metric('llm_cost_usd_total{model="scripted"')).toBe(0.002);
    expect(await world.store.spending.since('acme', Date.now() - 3_600_000)).toContainEqual({
      userId: asked.run.principal.userId,
      tokens: 15,
      usd: 0.002,
    });
  });

  it('counts what an answer that broke in the middle has used; one that was refused costs nothing', async () => {
    const breaks = (text: string) =>
      planner((_turn, { onText }) => {
        if (text !== '') onText(text);
        throw new AppError('model_unavailable');
      });
    for (const [text, spent] of [
      ['a long beginning of an answer', true],
      ['', false],
    ] as const) {
      const replica = await world.replica({ prices: PRICES, planner: breaks(text) });
      const asked = request('hello');
      await replica.service.start(asked);
      const { usage, error_code } = await world.ended(asked.runId);
      expect(error_code).toBe('model_unavailable');
      expect([usage.output_tokens > 0, usage.input_tokens > 0, (usage.usd ?? 0) > 0]).toEqual([spent, spent, spent]);
      await world.clear();
    }
  });

  it('ends the run at max_usd; each answer is capped to what is left', async () => {
    const caps: (number | undefined)[] = [];
    const replica = await world.replica({ prices: PRICES, planner: goesOn(caps) });
    const asked = request('hello', budget({ max_usd: 0.004 }));
    await replica.service.start(asked);
    expect(await world.ended(asked.runId)).toMatchObject({
      completion_reason: 'budget_exceeded',
      usage: { usd: 0.004 },
    });
    expect(caps).toHaveLength(2);
    for (const cap of caps) expect(cap).toBeLessThanOrEqual(20);
    expect(await replica.metric('budget_exceeded_total{scope="run",kind="usd"')).toBe(1);
  });

  it('caps an answer to the tokens that are left, and asks for no cap where nothing limits the run', async () => {
    const caps: (number | undefined)[] = [];
    const replica = await world.replica({ planner: planner((_t, r) => (caps.push(r.maxOutputTokens), says('done'))) });
    for (const limits of [{ max_tokens: 1_000 }, {}]) {
      const asked = request('hello', budget(limits));
      await replica.service.start(asked);
      await world.ended(asked.runId);
    }
    expect(caps[0]).toBeLessThan(1_000);
    expect(caps[1]).toBeUndefined();
  });

  it('is refused as a limit where the price of the model is not known, by name', async () => {
    const replica = await world.replica({ prices: PRICES });
    const asked = request('hello', { ...budget({ max_usd: 1 }), engine: 'unheard-of' });
    await expect(replica.service.start(asked)).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining('"unheard-of"'),
    });
    expect(await world.journal.head(asked.runId)).toBeUndefined();
  });
});

describe('the limit of a user or a tenant', () => {
  const exceeded = { scope: 'tenant', kind: 'tokens', limit: 100, used: 100 } as const;
  const refuses = daily({ reserve: async () => ({ kind: 'exceeded', exceeded }) });

  it('ends the run with the fact of it, without asking the model', async () => {
    const replica = await world.replica({ daily: refuses, planner: goesOn() });
    for (const policy of ['finish', 'fail'] as const) {
      const asked = request('hello', budget({ on_exceeded: policy }));
      await replica.service.start(asked);
      expect(await world.ended(asked.runId)).toMatchObject({ error_code: 'budget_exceeded', total_steps: 0 });
      expect((await world.events(asked.runId)).map(({ data }) => data)).toContainEqual(exceeded);
    }
  });

  it("is an administrator's to raise; the run then goes on with the raised limit", async () => {
    const raised: unknown[] = [];
    const replica = await world.replica({
      daily: daily({
        reserve: async (claim) => {
          raised.push(claim.raised.tenant.tokens);
          if (claim.raised.tenant.tokens === null) return { kind: 'exceeded', exceeded };
          return { kind: 'reserved', reservation: { id: claim.id, nonce: claim.nonce, keys: [], maxOutput: 50 } };
        },
      }),
    });
    const asked = request('hello', budget({ on_exceeded: 'ask' }));
    const { principal } = asked.run;
    await replica.service.start(asked);
    await until(async () => (await world.journal.head(asked.runId))?.phase === 'waiting');
    const [question] = (await replica.service.get(principal, asked.runId)).approvals;
    const decide = (role: 'user' | 'admin') =>
      replica.service.decide({
        principal: { ...principal, role },
        runId: asked.runId,
        approvalId: question!.approval_id,
        answer: { decision: 'approve' },
      });
    await expect(decide('user')).rejects.toMatchObject({ code: 'forbidden' });
    await decide('admin');
    expect((await world.ended(asked.runId)).status).toBe('success');
    expect(raised).toEqual([null, 200]);
  });

  it('fails the run as unavailable where it cannot be checked, after a short wait; or not, by policy', async () => {
    const closed = await world.replica({ daily: daily({}) });
    const asked = request('hello');
    await closed.service.start(asked);
    expect(await world.ended(asked.runId)).toMatchObject({ status: 'failed', error_code: 'unavailable' });
    await closed.stop();
    const open = await world.replica({ daily: daily({ failOpen: true }) });
    const again = request('hello');
    await open.service.start(again);
    expect((await world.ended(again.runId)).status).toBe('success');
  });

  it('waits for what other calls have reserved, and settles what was used', async () => {
    let tries = 0;
    const settled: unknown[] = [];
    const replica = await world.replica({
      budgetWaitMs: 20_000,
      daily: daily({
        reserve: async ({ id, nonce }) => {
          tries += 1;
          if (tries === 1) return { kind: 'held', exceeded };
          return { kind: 'reserved', reservation: { id, nonce, keys: [], maxOutput: 50 } };
        },
        settle: async ({ id }, used) => void settled.push([id, used]),
      }),
    });
    const asked = request('hello');
    await replica.service.start(asked);
    expect((await world.ended(asked.runId)).status).toBe('success');
    expect(settled).toEqual([[`${asked.runId}:1`, { tokens: 15, nano: 0 }]]);
  });
});
