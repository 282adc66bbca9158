import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { replay } from '@switchyard/run';
import { calls, callsThenTells, planner } from './scripted-planner.ts';
import { request, World } from './world.ts';

let world: World;

beforeAll(async () => {
  world = await World.start();
});
afterEach(() => world.clear());
afterAll(() => world?.stop());

const MANY = { max_steps: 1_000, max_iterations: 1_000, max_tokens: null, max_usd: null, max_seconds: null };

it('ends a run that goes on and on where its history is full, clearly and soon', async () => {
  const replica = await world.replica({ planner: planner(() => calls('read_it')), history: { max_events: 40 } });
  const asked = request('never stop', { budget: MANY });
  await replica.service.start(asked);
  const end = await world.ended(asked.runId);
  expect(end).toMatchObject({ status: 'partial', error_code: 'history_full' });
  expect(end.error).toContain('Start a new run');
  const events = await world.events(asked.runId);
  expect(events.length).toBeGreaterThanOrEqual(40);
  expect(events.length).toBeLessThan(50);
  expect(replay(events).difference).toBeNull();
  expect(await replica.service.get(asked.run.principal, asked.runId)).toMatchObject({ errorCode: 'history_full' });
});

it('keeps the limit of a run when another replica with another limit goes on with it', async () => {
  const first = await world.replica({
    planner: planner(() => new Promise(() => undefined)),
    history: { max_events: 30 },
  });
  const asked = request('never stop', { budget: MANY });
  await first.service.start(asked);
  await first.drain(10);
  await world.expireLease(asked.runId);
  const second = await world.replica({ planner: planner(() => calls('read_it')), history: { max_events: 5_000 } });
  await second.pool.offer(asked.runId, 'acme');
  expect(await world.ended(asked.runId)).toMatchObject({ error_code: 'history_full' });
  expect((await world.events(asked.runId)).length).toBeLessThan(40);
});

it('says clearly that a payload was changed behind its back, and shows the run from its row', async () => {
  world.worker = async () => ({ status: 'succeeded', output: 'x'.repeat(200_000) });
  const replica = await world.replica({ planner: callsThenTells('read_it') });
  const asked = request('fetch much');
  await replica.service.start(asked);
  await world.ended(asked.runId);
  const read = () =>
    replica.service.events({ principal: asked.run.principal, runId: asked.runId, after: 0, limit: 100 });
  expect((await read()).events.length).toBeGreaterThan(5);
  await world.sql(`update orchestrator.blobs set body = '"other"'`);
  await expect(read()).rejects.toMatchObject({ code: 'history_damaged' });
  await world.sql('delete from orchestrator.blobs');
  await expect(read()).rejects.toMatchObject({ code: 'history_damaged' });
  const view = await replica.service.get(asked.run.principal, asked.runId);
  expect(view).toMatchObject({ phase: 'ended', status: 'success', task: 'fetch much' });
});
