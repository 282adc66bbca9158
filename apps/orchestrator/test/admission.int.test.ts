import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { RunSpec } from '@switchyard/contracts';
import { until } from '@switchyard/testing';
import { gate, over } from './control.ts';
import { RUN } from '../src/orchestrator.fixture.ts';
import { callsThenTells, planner, says, silent } from './scripted-planner.ts';
import { request, World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterEach(() => world.clear());
afterAll(() => world?.stop());

const principal = (tenantId: string, userId = 'ann'): RunSpec['principal'] => ({
  tenantId,
  userId,
  role: 'user',
  via: 'dev',
});
const inThread = (thread_id: string, thread_concurrency: RunSpec['thread_concurrency']) =>
  request('hello', { thread_id, thread_concurrency, principal: principal('acme', thread_id) });
const phase = async (runId: string) => (await world.journal.head(runId))?.phase;

describe('runs of one thread', () => {
  it('go one after the other with "queue"; each begins at once when the one before has ended', async () => {
    const latches = [gate(), gate(), gate()];
    let asked = 0;
    let atOnce = 0;
    let most = 0;
    const replica = await world.replica({
      hears: false,
      planner: planner(async () => {
        most = Math.max(most, (atOnce += 1));
        await latches[asked++]!.opened;
        atOnce -= 1;
        return says('done');
      }),
    });
    const runs = [1, 2, 3].map(() => inThread('line', 'queue'));
    for (const run of runs) expect(await replica.service.start(run)).toMatchObject({ created: true });
    for (const [i, run] of runs.entries()) {
      await until(() => asked === i + 1);
      latches[i]!.open();
      await world.ended(run.runId);
    }
    // Nobody swept, and no wake-up was heard: whoever ended one went on with the next.
    expect(most).toBe(1);
  });

  it('go on although whoever ended the first said nothing: the sweeper finds the next', async () => {
    const latch = gate();
    const first = await world.replica({
      hears: false,
      planner: planner(async () => (await latch.opened, says('done'))),
      journal: (real) =>
        over(real, {
          append: async (input) => ({ ...(await real.append(input)), nextRun: null }),
        }),
    });
    const runs = [1, 2].map(() => inThread('silent-end', 'queue'));
    for (const run of runs) await first.service.start(run);
    latch.open();
    await world.ended(runs[0]!.runId);
    const other = await world.replica({ hears: false });
    expect(await phase(runs[1]!.runId)).toBe('queued');
    await world.expireLease(runs[1]!.runId); // as if some time had passed
    await other.sweeper.sweep();
    await world.ended(runs[1]!.runId);
  });

  it('are refused with "reject" while one is under way, with its id; the same key attaches', async () => {
    const replica = await world.replica({ planner: planner(silent) });
    const first = inThread('one', 'reject');
    await replica.service.start(first);
    const second = inThread('one', 'reject');
    await expect(replica.service.start(second)).rejects.toMatchObject({ code: 'thread_busy', runId: first.runId });
    expect(await world.journal.head(second.runId)).toBeUndefined();
    expect(await replica.service.start(first)).toMatchObject({ runId: first.runId, created: false });
    await replica.service.cancel({ principal: first.run.principal, runId: first.runId, reason: '' });
    await world.ended(first.runId);
    expect(await replica.service.start(second)).toMatchObject({ created: true });
    await replica.service.cancel({ principal: second.run.principal, runId: second.runId, reason: '' });
    await world.ended(second.runId);
  });

  it('give way with "cancel_previous", also where another replica owns them', async () => {
    const owner = await world.replica({ planner: planner(silent) });
    const other = await world.replica({ planner: planner(() => says('newest')) });
    const [running, waiting] = [inThread('over', undefined), inThread('over', 'queue')];
    await owner.service.start(running);
    await owner.service.start(waiting);
    const newest = inThread('over', 'cancel_previous');
    await other.service.start(newest);
    expect(await world.ended(running.runId)).toMatchObject({ status: 'cancelled' });
    expect(await world.ended(waiting.runId)).toMatchObject({ status: 'cancelled' });
    expect(await world.types(waiting.runId)).toEqual(['run.accepted', 'cancel.requested', 'task.completed']);
    // Whoever was nearest goes on with it: the owner, which is silent, or the other.
    await until(async () => (await phase(newest.runId)) !== 'queued');
    await other.service.cancel({ principal: newest.run.principal, runId: newest.runId, reason: '' });
    await world.ended(newest.runId);
  });

  it('can be cancelled before their turn', async () => {
    const replica = await world.replica({ planner: planner(silent) });
    const [first, second] = [inThread('leave', undefined), inThread('leave', 'queue')];
    await replica.service.start(first);
    await replica.service.start(second);
    await replica.service.cancel({ principal: second.run.principal, runId: second.runId, reason: '' });
    expect(await world.ended(second.runId, 2_000)).toMatchObject({ status: 'cancelled' });
    expect(await phase(first.runId)).toBe('running');
    await replica.service.cancel({ principal: first.run.principal, runId: first.runId, reason: '' });
    await world.ended(first.runId);
  });
});

describe('tenants', () => {
  it('share a replica: the first run of one is not behind all the runs of another', async () => {
    const order: string[] = [];
    const replica = await world.replica({
      maxConcurrent: 4,
      planner: planner(async (_turn, asked) => {
        order.push(String(asked.messages.at(-1)?.content));
        await new Promise((resolve) => setTimeout(resolve, 5));
        return says('done');
      }),
    });
    const many = Array.from({ length: 120 }, () => request('many', { principal: principal('many') }));
    const accepted = Promise.all(many.map((one) => replica.service.start(one)));
    await until(() => order.length > 8);
    const few = request('few', { principal: principal('few') });
    await replica.service.start(few);
    const begun = order.length;
    await world.ended(few.runId);
    const place = order.findIndex((text) => text.includes('few'));
    // Four were under way and as many may have begun while the request was answered; 100 others waited.
    expect(place - begun).toBeLessThan(12);
    await accepted;
    await world.allEnded(many.map(({ runId }) => runId));
  });

  it('share it also where the sweeper brings the runs', async () => {
    const full = await world.replica({ maxConcurrent: 0, hears: false });
    for (let i = 0; i < 40; i += 1) await full.service.start(request('many', { principal: principal('swept-many') }));
    const few = request('few', { principal: principal('swept-few') });
    await full.service.start(few);
    await world.sql(`update orchestrator.runs set updated_at = updated_at - interval '1 min' where phase = 'queued'`);
    const order: string[] = [];
    const fresh = await world.replica({
      hears: false,
      maxConcurrent: 2,
      planner: planner(async (_turn, asked) => {
        order.push(String(asked.messages.at(-1)?.content));
        return says('done');
      }),
    });
    await fresh.sweeper.sweep();
    await world.ended(few.runId);
    expect(order.findIndex((text) => text.includes('few'))).toBeLessThan(8);
    await until(async () => (await world.journal.stats([1])).phases.queued.runs === 0, 15_000);
  });

  it('hold no more slots than a hard limit allows, also where the others are free', async () => {
    let atOnce = 0;
    let most = 0;
    const replica = await world.replica({
      maxConcurrent: 8,
      maxPerTenant: 2,
      planner: planner(async () => {
        most = Math.max(most, (atOnce += 1));
        await new Promise((resolve) => setTimeout(resolve, 5));
        atOnce -= 1;
        return says('done');
      }),
    });
    const runs = Array.from({ length: 12 }, () => request('hello', { principal: principal('capped') }));
    await Promise.all(runs.map((one) => replica.service.start(one)));
    await world.allEnded(runs.map(({ runId }) => runId));
    expect(most).toBe(2);
  });
});

describe('a burst', () => {
  it('beyond the limits is refused before anything is written, with a pause; what was accepted ends', async () => {
    const replica = await world.replica({
      maxConcurrent: 8,
      admission: { maxQueued: 60, maxQueuedPerTenant: 40 },
      planner: planner(async () => (await new Promise((resolve) => setTimeout(resolve, 3)), says('done'))),
    });
    const runs = Array.from({ length: 300 }, (_, i) =>
      request('hello', { principal: principal(`burst-${i % 10 < 8 ? 0 : i % 10}`) }),
    );
    const answers = await Promise.allSettled(runs.map((one) => replica.service.start(one)));
    const refused = runs.filter((_, i) => answers[i]!.status === 'rejected');
    const accepted = runs.filter((_, i) => answers[i]!.status === 'fulfilled');
    expect(refused.length).toBeGreaterThan(100);
    expect(accepted.length).toBeGreaterThanOrEqual(60);
    for (const answer of answers) {
      if (answer.status === 'fulfilled') continue;
      expect(answer.reason).toMatchObject({ code: 'rate_limited' });
      const { retryAfterMs } = answer.reason as { retryAfterMs: number };
      expect(retryAfterMs).toBeGreaterThanOrEqual(1_000);
    }
    for (const { runId } of refused.slice(0, 10)) expect(await world.journal.head(runId)).toBeUndefined();
    await world.allEnded(accepted.map(({ runId }) => runId));
    expect(await replica.metric('admission_refusals_total{limit="queued_per_tenant"')).toBeGreaterThan(0);
  });

  it('answers a request that was accepted before, also at the limit', async () => {
    const full = await world.replica({ maxConcurrent: 0, hears: false, admission: { maxQueued: 1 } });
    const asked = request('hello');
    await full.service.start(asked);
    await expect(full.service.start(request('hello'))).rejects.toMatchObject({ code: 'rate_limited' });
    expect(await full.service.start(asked)).toMatchObject({ runId: asked.runId, created: false });
    await world.replica();
    await full.sweeper.sweep(); // tells the others
    await world.sql(`update orchestrator.runs set updated_at = updated_at - interval '1 min' where phase = 'queued'`);
    await full.sweeper.sweep();
    await world.ended(asked.runId);
    await full.sweeper.sweep();
    expect(await full.service.start(request('hello'))).toMatchObject({ created: true });
  });
});

describe('a run of an engine version that is not known here', () => {
  it('is left to others, counted, and keeps no other run from its owner', async () => {
    const full = await world.replica({ maxConcurrent: 0, hears: false });
    const newer = request('hello');
    await full.service.start(newer);
    await world.sql(`update orchestrator.runs set engine_version = 99 where run_id = $1`, newer.runId);
    const known = request('hello');
    await full.service.start(known);
    await world.sql(`update orchestrator.runs set updated_at = updated_at - interval '1 min' where phase = 'queued'`);
    const fresh = await world.replica({ hears: false });
    await fresh.sweeper.sweep();
    await world.ended(known.runId);
    expect(await fresh.metric('foreign_runs')).toBe(1);
    expect(await fresh.pool.offer(newer.runId, 'acme')).toBe('not_needed');
    expect(await phase(newer.runId)).toBe('queued');
    await world.sql(`update orchestrator.runs set engine_version = 1 where run_id = $1`, newer.runId);
    await fresh.sweeper.sweep();
    await world.ended(newer.runId);
  });
});

describe('many steps at once', () => {
  it('share one signal without a warning of a leak', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => void warnings.push(warning);
    process.on('warning', note);
    const replica = await world.replica({ planner: callsThenTells(...Array<string>(24).fill('read_it')) });
    const asked = request('hello', { budget: { ...RUN.budget, max_steps: 30 } });
    await replica.service.start(asked);
    expect(await world.ended(asked.runId)).toMatchObject({ status: 'success', successful_steps: 24 });
    process.off('warning', note);
    expect(warnings.filter(({ name }) => name === 'MaxListenersExceededWarning')).toEqual([]);
  });
});
