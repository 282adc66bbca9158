import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import type { Principal } from '@switchyard/contracts';
import { Expiry } from '../src/runs/expiry.ts';
import { over } from './control.ts';
import { callsThenTells } from './scripted-planner.ts';
import { log, request, World } from './world.ts';

let world: World;

beforeAll(async () => {
  world = await World.start();
});
afterEach(() => world.clear());
afterAll(() => world?.stop());

const DAYS = { eventHours: 24, runDays: 10 };

/** A run that called a tool, told of it and ended so long ago. */
async function endedRun(daysAgo: number, journal = world.journal) {
  const replica = await world.replica({ planner: callsThenTells('read_it') });
  const asked = request('look it up');
  await replica.service.start(asked);
  await world.ended(asked.runId);
  await world.publishedWhole(asked.runId);
  await replica.publisher.flush();
  const age = `update orchestrator.runs set created_at = created_at - $2 * interval '1 day',
    ended_at = ended_at - $2 * interval '1 day' where run_id = $1`;
  await world.sql(age, asked.runId, daysAgo);
  const expiry = (keep: Partial<typeof DAYS> = {}) =>
    new Expiry({ journal, retention: world.store.retention, log, ...DAYS, ...keep });
  return { replica, expiry, runId: asked.runId, asked, principal: asked.run.principal as Principal };
}

it('answers for a run whose events are gone as it did before, and says so where events are asked for', async () => {
  const { replica, expiry, runId, asked, principal } = await endedRun(2);
  const before = await replica.service.get(principal, runId);
  expect(before).toMatchObject({ status: 'success', steps: [{ success: true, result: 'ok' }] });
  await expiry().round();

  expect(await world.events(runId)).toEqual([]);
  expect(await replica.service.get(principal, runId)).toEqual(before);
  const page = await replica.service.events({ principal, runId, after: 0, limit: 10 });
  expect(page).toEqual({ runId, events: [], lastSeq: before.lastSeq, firstSeq: before.lastSeq + 1, ended: true });
  const otherUser = { ...principal, userId: 'somebody-else' };
  await expect(replica.service.get(otherUser, runId)).rejects.toMatchObject({ code: 'not_found' });
  expect(await replica.service.start(asked)).toMatchObject({ runId, created: false, ended: true });
  const { tenantId, userId } = principal;
  const turns = await world.journal.threadTurns({ tenantId, userId, threadId: runId, limit: 5 });
  expect(turns).toMatchObject([{ runId, answer: before.answer }]);
});

it('keeps what is younger, and everything where 0 is set', async () => {
  const { expiry, runId } = await endedRun(0.9);
  await expiry().round();
  await expiry({ eventHours: 0 }).round();
  expect((await world.events(runId)).length).toBeGreaterThan(3);
});

it('removes the row of a run at last, and then answers as for one that never was', async () => {
  const { replica, expiry, runId, principal } = await endedRun(11);
  await expiry({ runDays: 0 }).round();
  expect(await replica.service.get(principal, runId)).toMatchObject({ status: 'success' });
  await expiry().round();
  await expect(replica.service.get(principal, runId)).rejects.toMatchObject({ code: 'not_found' });
});

it('lets a run that cannot be read go with what its row tells', async () => {
  const broken = over(world.journal, { read: async () => Promise.reject(new Error('damaged')) });
  const { replica, expiry, runId, principal } = await endedRun(2, broken);
  await expiry().round();
  const view = await replica.service.get(principal, runId);
  expect(view).toMatchObject({ runId, phase: 'ended', status: 'success', task: 'look it up', steps: [] });
  expect(view.answer).toContain('told');
});
