import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { ENGINE_VERSION, ENGINE_VERSIONS } from '@switchyard/contracts';
import { request, World } from './world.ts';

let world: World;

beforeAll(async () => {
  world = await World.start();
});
afterEach(() => world.clear());
afterAll(() => world?.stop());

const NEWER = ENGINE_VERSION + 1;

/** A run that a newer version accepted and whose owner is gone. */
async function newerRun() {
  const { runId, idempotencyKey, run } = request('from tomorrow');
  await world.journal.accept({ runId, run, idempotencyKey, requestHash: 'h', engineVersion: NEWER });
  await world.expireLease(runId);
  return { runId, tenantId: run.principal.tenantId, principal: run.principal };
}

it('leaves a run of a newer version to replicas that know it, however often it is offered', async () => {
  const replica = await world.replica();
  const { runId, tenantId } = await newerRun();
  for (let times = 0; times < 3; times += 1) {
    expect(await replica.pool.offer(runId, tenantId)).toBe('not_needed');
    await replica.sweeper.sweep();
  }
  expect(await world.journal.head(runId)).toMatchObject({ epoch: 0, lastSeq: 1, phase: 'queued', attempts: 0 });
  const claim = await world.journal.claim(runId, 'newer', 10_000, [...ENGINE_VERSIONS, NEWER]);
  expect(claim).toMatchObject({ kind: 'claimed', epoch: 1 });
});

it('goes on with its own runs meanwhile, and shows that of the newer version to who asks', async () => {
  const replica = await world.replica();
  const newer = await newerRun();
  const own = request('from today');
  await replica.service.start(own);
  expect(await world.ended(own.runId)).toMatchObject({ status: 'success' });
  expect(await replica.service.get(newer.principal, newer.runId)).toMatchObject({
    phase: 'queued',
    task: 'from tomorrow',
  });
  const events = await world.events(own.runId);
  expect(events[0]?.data).toMatchObject({ engine_version: ENGINE_VERSION });
});
