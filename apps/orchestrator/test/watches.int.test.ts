import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createLogger } from '@switchyard/platform';
import { until } from '@switchyard/testing';
import { AbandonedRunReaper } from '../src/runs/abandoned-run-reaper.ts';
import type { Replica } from './replica.ts';
import { callsThenTells } from './scripted-planner.ts';
import { request, World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterEach(() => world.clear());
afterAll(() => world?.stop());

const serviceOf = (replica: Replica) => {
  const { journal, store } = world;
  const log = createLogger({ app: 'orchestrator', level: 'silent' });
  return new AbandonedRunReaper({ watches: store.watches, journal, runs: replica.service, log, intervalMs: 60_000 });
};
const phaseOf = async (runId: string) => (await world.journal.head(runId))?.phase;

describe('a run that is to stop when its clients went away', () => {
  it('is cancelled when the last of several watches ran out, and not before', async () => {
    const replica = await world.replica({ approvalTools: ['write_it'], planner: callsThenTells('write_it') });
    const service = serviceOf(replica);
    const asked = request('do it', { on_disconnect: 'cancel', thread_id: 'w1' });
    await replica.service.start(asked);
    await until(async () => (await phaseOf(asked.runId)) === 'waiting');
    const { principal } = asked.run;
    const watch = (forMs: number) => service.watch({ principal, runId: asked.runId, forMs });

    // A run that waits for a person is left alone, however long nobody looks.
    await watch(1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await service.stopUnwatched();
    expect(await phaseOf(asked.runId)).toBe('waiting');

    // Two watch; the one that leaves first changes nothing for the other.
    await world.sql(`update orchestrator.runs set phase = 'running' where run_id = '${asked.runId}'`);
    await Promise.all([watch(60_000), watch(1)]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await service.stopUnwatched();
    expect(await phaseOf(asked.runId)).toBe('running');

    await world.sql(
      `update orchestrator.runs set watched_until = now() - interval '1 s' where run_id = '${asked.runId}'`,
    );
    await service.stopUnwatched();
    expect(await world.ended(asked.runId)).toMatchObject({ status: 'cancelled' });
    const cancel = (await world.journal.read(asked.runId, 0, 100)).find(
      ({ type }) => type === 'orchestrator.cancel.requested',
    );
    expect(cancel?.data).toEqual({ by: 'system', reason: 'the client went away' });
  });

  it('counts as watched from its start, and from an answer on', async () => {
    const replica = await world.replica({ approvalTools: ['write_it'], planner: callsThenTells('write_it') });
    const service = serviceOf(replica);
    const asked = request('do it', { on_disconnect: 'grace:30', thread_id: 'w2' });
    const left = async () => {
      const [row] = await world.sql(
        `select extract(epoch from watched_until - now()) * 1000 as ms from orchestrator.runs where run_id = '${asked.runId}'`,
      );
      return Number(row?.['ms']);
    };
    await replica.service.start(asked);
    await service.started(asked.runId, asked.run);
    expect(await left()).toBeGreaterThan(33_000);
    await world.sql(`update orchestrator.runs set watched_until = now() where run_id = '${asked.runId}'`);
    await service.answering({ principal: { ...asked.run.principal, tenantId: 'other' }, runId: asked.runId });
    expect(await left()).toBeLessThan(1_000);
    await service.answering({ principal: asked.run.principal, runId: asked.runId });
    expect(await left()).toBeGreaterThan(30_000);
  });

  it('is nobody else’s to watch, and a run that is to go on is never written', async () => {
    const replica = await world.replica();
    const service = serviceOf(replica);
    const asked = request('do it', { thread_id: 'w3' });
    await replica.service.start(asked);
    await service.started(asked.runId, asked.run);
    const [row] = await world.sql(`select watched_until as at from orchestrator.runs where run_id = '${asked.runId}'`);
    expect(row?.['at']).toBeNull();
    const otherTenant = { ...asked.run.principal, tenantId: 'other' };
    await expect(service.watch({ principal: otherTenant, runId: asked.runId, forMs: 1 })).rejects.toMatchObject({
      code: 'not_found',
    });
  });
});
