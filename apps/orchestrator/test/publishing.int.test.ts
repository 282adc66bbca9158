import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Bus } from '@switchyard/bus';
import { AppError } from '@switchyard/contracts';
import { until } from '@switchyard/testing';
import { gate, over } from './control.ts';
import { calls, callsThenTells, planner, says, silent } from './scripted-planner.ts';
import { request, World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterEach(() => world.clear());
afterAll(() => world?.stop());

/** A bus whose streams take nothing while `down.now`. */
const failing = (down: { now: boolean }) => (bus: Bus) =>
  over(bus, {
    publishEvents: (events) => (down.now ? Promise.reject(new AppError('unavailable')) : bus.publishEvents(events)),
    wakeUp: (...args) => (down.now ? Promise.reject(new AppError('unavailable')) : bus.wakeUp(...args)),
  });
const settled = async (runId: string) => {
  const head = await world.journal.head(runId);
  return head !== undefined && head.publishedSeq === head.lastSeq && head.phase === 'ended';
};
const inOrder = (events: readonly { seq: number }[]) => events.every(({ seq }, index) => seq === index + 1);

describe('publishing', () => {
  it('follows the commit, never goes before it, and keeps its order', async () => {
    const replica = await world.replica({ planner: callsThenTells('read_it', 'write_it', 'keyed_it') });
    const asked = Array.from({ length: 20 }, () => request('hello'));
    await Promise.all(asked.map((one) => replica.service.start(one)));
    for (const { runId } of asked) {
      await world.ended(runId);
      const published = await world.publishedWhole(runId);
      expect(published).toEqual(await world.events(runId));
      await until(() => settled(runId));
    }
    expect(replica.early).toEqual([]);
  });

  it('goes on without the bus: the relay publishes everything later, in order', async () => {
    const down = { now: true };
    const replica = await world.replica({ planner: callsThenTells('read_it'), bus: failing(down) });
    const asked = Array.from({ length: 3 }, () => request('hello'));
    for (const one of asked) await replica.service.start(one);
    for (const { runId } of asked) expect(await world.ended(runId)).toMatchObject({ status: 'success' });
    expect(asked.flatMap(({ runId }) => world.publishedOf(runId))).toEqual([]);
    await replica.sweeper.sweep(); // the bus is still away: nothing is marked, nothing breaks
    for (const { runId } of asked) expect((await world.journal.head(runId))?.publishedSeq).toBe(0);

    down.now = false;
    for (const { runId } of asked) await world.expireLease(runId);
    await replica.sweeper.sweep();
    for (const { runId } of asked) {
      expect(await world.publishedWhole(runId)).toEqual(await world.events(runId));
      expect(await settled(runId)).toBe(true);
    }
    expect(replica.early).toEqual([]);
  });

  it('leaves no hole behind where the bus was away for a while: the owner sends again, in order', async () => {
    const down = { now: false };
    const first = gate();
    const second = gate();
    const replica = await world.replica({
      planner: planner(async (turn) => {
        await (turn === 1 ? first : second).opened;
        return turn === 1 ? calls('read_it') : says('done');
      }),
      bus: failing(down),
    });
    const asked = request('hello');
    await replica.service.start(asked);
    await until(() => world.publishedOf(asked.runId).length === 3);
    down.now = true;
    first.open();
    await until(async () => (await world.events(asked.runId)).length === 7);
    down.now = false;
    second.open();
    await world.ended(asked.runId);
    const published = await world.publishedWhole(asked.runId);
    expect(inOrder(published)).toBe(true);
    await until(() => settled(asked.runId));
  });

  it('marks nothing beyond an event that the bus lost, also where later ones came through', async () => {
    const lost = gate();
    let hit = false;
    const replica = await world.replica({
      bus: (bus) =>
        over(bus, {
          publishEvents: async (events) => {
            if (hit || events[0]?.seq !== 1) return bus.publishEvents(events);
            hit = true;
            await lost.opened;
            throw new AppError('unavailable');
          },
        }),
    });
    const asked = request('hello');
    await replica.service.start(asked);
    await world.ended(asked.runId);
    await until(() => world.publishedOf(asked.runId).at(-1)?.type === 'orchestrator.task.completed');
    await until(() => !replica.pool.owns(asked.runId));
    lost.open();
    await replica.publisher.flush();
    expect((await world.journal.head(asked.runId))?.publishedSeq).toBe(0);
    await world.expireLease(asked.runId);
    await replica.sweeper.sweep();
    await world.publishedWhole(asked.runId);
    expect(await settled(asked.runId)).toBe(true);
  });

  it('tries again by itself while a run has nothing new to tell', async () => {
    const down = { now: true };
    const replica = await world.replica({ planner: planner(silent), bus: failing(down) });
    const asked = request('hello');
    await replica.service.start(asked);
    await until(async () => (await world.events(asked.runId)).length === 3);
    down.now = false;
    await until(() => world.publishedOf(asked.runId).length === 3);
    await replica.service.cancel({ principal: asked.run.principal, runId: asked.runId, reason: '' });
    await world.ended(asked.runId);
    expect(inOrder(await world.publishedWhole(asked.runId))).toBe(true);
  });

  it('of what an owner that died left is done by its successor', async () => {
    const dead = await world.replica({ hears: false, planner: planner(silent), bus: failing({ now: true }) });
    const asked = request('hello');
    await dead.service.start(asked);
    await until(async () => (await world.events(asked.runId)).length === 3);
    dead.freeze();
    await world.expireLease(asked.runId);
    const other = await world.replica({ hears: false });
    await other.pool.offer(asked.runId, 'acme');
    await world.ended(asked.runId);
    const published = await world.publishedWhole(asked.runId);
    expect(inOrder(published)).toBe(true);
    await until(() => settled(asked.runId));
  });

  it('of a run that nobody owns yet is marked, too', async () => {
    const full = await world.replica({ maxConcurrent: 0, hears: false });
    const asked = request('hello');
    await full.service.start(asked);
    await until(async () => (await world.journal.head(asked.runId))?.publishedSeq === 1);
    await world.replica();
    await world.ended(asked.runId);
  });

  it('of one run that the bus refuses keeps no other from it', async () => {
    const down = { now: true };
    const asked = [request('hello'), request('hello')];
    const refused = asked[0]!.runId;
    const replica = await world.replica({
      bus: (bus) =>
        over(failing(down)(bus), {
          publishEvents: (events) => {
            if (down.now) return Promise.reject(new AppError('unavailable'));
            if (events[0]?.runId === refused) return Promise.reject(new AppError('payload_too_large'));
            return bus.publishEvents(events);
          },
        }),
    });
    for (const one of asked) await replica.service.start(one);
    for (const { runId } of asked) await world.ended(runId);
    down.now = false;
    for (const { runId } of asked) await world.expireLease(runId);
    await replica.sweeper.sweep();
    expect(await settled(asked[1]!.runId)).toBe(true);
    expect(await settled(refused)).toBe(false);
  });
});

describe('the sweeper', () => {
  it('counts its rounds, and survives a database that is away', async () => {
    let away = true;
    const replica = await world.replica({
      journal: (real) =>
        over(real, { sweep: (...args) => (away ? Promise.reject(new AppError('unavailable')) : real.sweep(...args)) }),
    });
    await replica.sweeper.sweep();
    away = false;
    await replica.sweeper.sweep();
    expect(await replica.metric('sweeps_total{outcome="failed"')).toBe(1);
    expect(await replica.metric('sweeps_total{outcome="done"')).toBe(1);
  });

  it('makes known to others what it has no slot for', async () => {
    const full = await world.replica({ maxConcurrent: 0, hears: false });
    const asked = request('hello');
    await full.service.start(asked);
    await world.replica();
    await world.expireLease(asked.runId);
    await full.sweeper.sweep();
    await world.ended(asked.runId);
  });
});
