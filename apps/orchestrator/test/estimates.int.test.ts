import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createDevModel, type DevModel } from '@switchyard/dev-model';
import { type GuardedLocalServer, Passwords, startRedis } from '@switchyard/local-servers';
import { systemClock } from '@switchyard/platform';
import { createSafeFetch } from '@switchyard/safe-fetch';
import { RedisDailyBudget } from '../src/budgets/daily-budget.ts';
import { createOpenAiPlanner } from '../src/planner/openai/planner.ts';
import { log, request, World } from './world.ts';

/* Limits of tokens hold with a server that does not say what it used, or says what cannot be true. */

const dir = mkdtempSync(join(tmpdir(), 'orchestrator-estimates-'));
let redis: GuardedLocalServer;
let world: World;
let model: DevModel;
beforeAll(async () => {
  redis = await startRedis({ dir: join(dir, 'redis'), durable: true, passwords: new Passwords(join(dir, 'logins')) });
  world = await World.start();
  model = await createDevModel({ port: 0 });
});
afterAll(async () => {
  await model?.stop();
  await world?.stop();
  await redis?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const NONE = { tokens: null, usd: null };
const chunk = (choice: object, more: object = {}) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, ...choice }], ...more })}\n\n`;
const calling = { tool_calls: [{ index: 0, id: 'a', function: { name: 'read_it', arguments: '{}' } }] };

it.each([
  ['nothing', {}],
  ['null', { usage: null }],
  ['less than nothing', { usage: { prompt_tokens: -900, completion_tokens: -20 } }],
  ['nothing at all of both', { usage: { prompt_tokens: 0, completion_tokens: 0 } }],
])('a run whose model server reports %s ends at its limit of tokens, and the day counts it', async (_name, more) => {
  const again =
    chunk({ delta: calling }) + chunk({ delta: {}, finish_reason: 'tool_calls' }, more) + 'data: [DONE]\n\n';
  model.setScript({ rules: [{ respond: { raw: again } }] });
  const planner = createOpenAiPlanner({
    apiKey: 'key-of-a-test',
    baseUrl: `${model.url}/v1`,
    timeoutMs: 10_000,
    stallMs: 5_000,
    maxRetries: 0,
    fetch: createSafeFetch({ allowHosts: [new URL(model.url).host] }),
  });
  const daily = new RedisDailyBudget({
    redisUrl: redis.urlFor('orchestrator'),
    limits: { user: NONE, tenant: { tokens: 1_000_000, usd: null } },
    byTenant: {},
    failOpen: false,
    reservationMs: 60_000,
    usageSince: async () => [],
    clock: systemClock,
    log,
  });
  try {
    const replica = await world.replica({ planner, daily });
    const budget = { max_steps: 100, max_iterations: 100, max_tokens: 3_000, max_usd: null, max_seconds: null };
    const asked = request('read it again and again', { budget });
    await replica.service.start(asked);
    const end = await world.ended(asked.runId, 20_000);
    expect(end).toMatchObject({ completion_reason: 'budget_exceeded', error_code: 'budget_exceeded' });
    const { input_tokens: input, output_tokens: output, estimated } = end.usage;
    expect(estimated).toBe(true);
    expect(input + output).toBeGreaterThanOrEqual(3_000);
    expect(output).toBeGreaterThan(0);
    expect((await daily.view(asked.run.principal)).user.tokens.used).toBe(input + output);
    await world.clear();
  } finally {
    daily.close();
  }
});
