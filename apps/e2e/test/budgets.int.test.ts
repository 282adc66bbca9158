import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { headersOf, startSystem, type System } from '../src/index.ts';

/** What clients see of limits of money, and of limits by day, on real servers. */

let system: System;
beforeAll(async () => {
  system = await startSystem({
    env: {
      OPENAI_MODEL: 'dev-model',
      DAILY_LIMITS_BY_TENANT: JSON.stringify({ limited: { user_tokens: 5_000 } }),
      BUDGET_WAIT_MS: '1000',
    },
  });
});
afterAll(() => system?.stop());

interface Run {
  readonly status: string;
  readonly error_code: string | null;
  readonly usage: { input_tokens: number; output_tokens: number; usd?: number };
}

async function call(method: string, path: string, body?: object, headers: Record<string, string> = {}) {
  const init = { method, headers: headersOf({ headers }), ...(body ? { body: JSON.stringify(body) } : {}) };
  const answer = await fetch(`${system.gateway}${path}`, init);
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

/** Starts a run, waits for its end over its stream, and gives it as GET /runs/{id} shows it. */
async function run(body: object, headers: Record<string, string> = {}): Promise<Run> {
  const started = await call('POST', '/runs', body, headers);
  expect(started).toMatchObject({ status: 202 });
  const runId = String(started.body['run_id']);
  await (await fetch(`${system.gateway}/runs/${runId}/events`, { headers: headersOf({ headers }) })).text();
  return (await call('GET', `/runs/${runId}`, undefined, headers)).body as unknown as Run;
}

describe('a limit of money', () => {
  it('ends the run that comes to it, and what was spent is shown', async () => {
    const ended = await run({ task: 'What is 6*7?', budget: { max_usd: 0.000001, on_exceeded: 'fail' } });
    expect(ended.error_code).toBe('budget_exceeded');
    expect(ended.usage.usd).toBeGreaterThan(0.000001);
  });

  it('is refused for a model without a price', async () => {
    const refused = await call('POST', '/runs', {
      task: 'hello',
      worker: { engine: 'unheard-of' },
      budget: { max_usd: 1 },
    });
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
    expect(String(refused.body['detail'])).toContain('"unheard-of"');
  });
});

describe('a limit by day', () => {
  it('stops a user over several runs, and GET /budget says what is left', async () => {
    const caller = { 'x-tenant-id': 'limited' };
    const ends: (string | null)[] = [];
    for (let n = 0; n < 20 && ends.at(-1) !== 'budget_exceeded'; n += 1) {
      ends.push((await run({ task: `What is ${n}*7?`, budget: { on_exceeded: 'fail' } }, caller)).error_code);
    }
    expect(ends.at(-1)).toBe('budget_exceeded');
    const { body } = await call('GET', '/budget', undefined, caller);
    expect(body).toMatchObject({ user: { tokens: { limit: 5_000, reserved: 0 } } });
    const { used, left } = (body['user'] as { tokens: { used: number; left: number } }).tokens;
    expect(used).toBeGreaterThan(0);
    expect(left).toBe(Math.max(0, 5_000 - used));
    // Another tenant has no such limit.
    expect((await run({ task: 'What is 2*2?' })).status).toBe('success');
  });
});
