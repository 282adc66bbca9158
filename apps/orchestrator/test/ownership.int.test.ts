import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError } from '@switchyard/contracts';
import type { Journal } from '@switchyard/store';
import { CallerLost } from '@switchyard/bus';
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

describe('accept', () => {
  it('answers only after the commit', async () => {
    const commit = gate();
    const replica = await world.replica({
      journal: (real) => over(real, { accept: async (input) => (await commit.opened, real.accept(input)) }),
    });
    const asked = request('hello');
    let answered = false;
    const answer = replica.service.start(asked).finally(() => (answered = true));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(answered).toBe(false);
    expect(await world.journal.head(asked.runId)).toBeUndefined();
    commit.open();
    expect(await answer).toEqual({ runId: asked.runId, created: true, lastSeq: 3, ended: false });
    await world.ended(asked.runId);
  });

  it('loses no run whose acceptor died before it began: the sweeper of another replica finds it', async () => {
    const dead = await world.replica({ maxConcurrent: 0, hears: false, bus: (bus) => over(bus, { wakeUp: never }) });
    const asked = request('hello');
    void dead.service.start(asked);
    await until(async () => (await world.journal.head(asked.runId)) !== undefined);
    const other = await world.replica({ hears: false });
    await world.expireLease(asked.runId);
    await other.sweeper.sweep();
    expect(await world.ended(asked.runId)).toMatchObject({ status: 'success', answer: 'done' });
  });

  it('loses no run whose acceptor died with the lease in its hands', async () => {
    const dead = await world.replica({ hears: false, planner: planner(silent) });
    const asked = request('hello');
    await dead.service.start(asked);
    dead.freeze();
    const other = await world.replica({ hears: false });
    await other.sweeper.sweep();
    expect(other.pool.owns(asked.runId)).toBe(false); // the lease still lives
    await world.expireLease(asked.runId);
    await other.sweeper.sweep();
    expect(await world.ended(asked.runId)).toMatchObject({ status: 'success' });
    expect(await other.metric('lease_takeovers_total')).toBe(1);
  });

  it('makes one run of the same key and request, and refuses the key to another request', async () => {
    const replica = await world.replica();
    const asked = request('hello');
    const answers = await Promise.all([
      replica.service.start(asked),
      replica.service.start({ ...asked, runId: 'run-second' }),
    ]);
    expect(answers.map(({ created }) => created).sort()).toEqual([false, true]);
    expect(new Set(answers.map(({ runId }) => runId)).size).toBe(1);
    const changed = { ...asked, runId: 'run-third', run: { ...asked.run, task: 'other' } };
    await expect(replica.service.start(changed)).rejects.toMatchObject({ code: 'conflict' });
    await world.ended(answers[0]!.runId);
    expect(await replica.metric('runs_created_total')).toBe(1);
  });
});

describe('a zombie', () => {
  it('writes nothing, performs no step and publishes nothing after another owner took the run', async () => {
    const late = gate();
    const asleep = await world.replica({
      hears: false,
      planner: planner(async () => (await late.opened, calls('write_it'))),
    });
    const asked = request('hello');
    await asleep.service.start(asked);
    await until(async () => (await world.types(asked.runId)).includes('planning.started'));
    asleep.freeze();
    await world.expireLease(asked.runId);
    const other = await world.replica({ hears: false });
    await other.pool.offer(asked.runId, 'acme');
    await world.ended(asked.runId);
    const before = asleep.sent.length;

    late.open();
    await until(() => !asleep.pool.owns(asked.runId));
    expect(await world.ended(asked.runId)).toMatchObject({ status: 'success', answer: 'done' });
    expect(world.performed).toEqual([]);
    expect(asleep.sent.slice(before)).toEqual([]);
    expect(await asleep.metric('fenced_writes_total')).toBe(1);
    expect(await asleep.metric('run_loops_total{end="fenced"')).toBe(1);
  });

  it('stops when its heartbeat learns that the run has another owner, also in the middle of a step', async () => {
    const underWay = gate();
    let stopped: unknown;
    world.worker = async (request, call) => {
      underWay.open();
      // The ledger of the tool service: whoever asks for the same step again gets what came of it.
      if (request.attempt > 1) return { status: 'succeeded', output: 'once' };
      await new Promise((resolve) => call.signal.addEventListener('abort', resolve, { once: true }));
      stopped = call.signal.reason;
      return { status: 'failed', code: 'cancelled', message: 'stopped' };
    };
    const asleep = await world.replica({ hears: false, leaseMs: 600, planner: callsThenTells('write_it') });
    const asked = request('hello');
    await asleep.service.start(asked);
    await underWay.opened;
    asleep.freeze();
    await world.expireLease(asked.runId);
    const other = await world.replica({ hears: false, planner: callsThenTells('write_it') });
    await other.pool.offer(asked.runId, 'acme');
    await world.ended(asked.runId);
    expect(stopped).toBeUndefined();
    asleep.thaw();
    await until(() => !asleep.pool.owns(asked.runId));
    expect(stopped === undefined || stopped instanceof CallerLost).toBe(true); // it was not told to stop
    expect(new Set(world.performed.map(({ request }) => request.idempotencyKey)).size).toBe(1);
    expect(await asleep.metric('run_loops_total{end="fenced"')).toBe(1);
  });
});

describe('an owner that stood still right before it sent a step', () => {
  it('asks the database first, and sends nothing where another owner has the run', async () => {
    const asked = request('hello');
    const committed = gate();
    const wake = gate();
    const asleep = await world.replica({
      hears: false,
      leaseMs: 1_000,
      planner: callsThenTells('write_it'),
      journal: (real) =>
        over(real, {
          append: async (input) => {
            const outcome = await real.append(input);
            if (input.facts.some(({ type }) => type === 'orchestrator.step.dispatching')) {
              asleep.freeze();
              committed.open();
              await wake.opened;
            }
            return outcome;
          },
        }),
    });
    await asleep.service.start(asked);
    await committed.opened;
    await new Promise((resolve) => setTimeout(resolve, 1_000)); // its lease is over by its own clock
    const other = await world.replica({ hears: false, leaseMs: 1_000 });
    await until(async () => (await other.pool.offer(asked.runId, 'acme'), other.pool.owns(asked.runId)));
    await world.ended(asked.runId);
    const before = world.performed.length; // the new owner's business
    asleep.thaw();
    wake.open();
    await until(() => !asleep.pool.owns(asked.runId));
    expect(world.performed.length).toBe(before);
    expect(await asleep.metric('run_loops_total{end="fenced"')).toBe(1);
  });

  it('goes on where it still is the owner', async () => {
    const asked = request('hello');
    const alone = await world.replica({
      hears: false,
      leaseMs: 1_000,
      planner: callsThenTells('write_it'),
      journal: (real) =>
        over(real, {
          append: async (input) => {
            const outcome = await real.append(input);
            if (input.facts.some(({ type }) => type === 'orchestrator.step.dispatching')) {
              alone.freeze();
              await new Promise((resolve) => setTimeout(resolve, 1_500));
              alone.thaw();
            }
            return outcome;
          },
        }),
    });
    await alone.service.start(asked);
    expect(await world.ended(asked.runId)).toMatchObject({ status: 'success', successful_steps: 1 });
    expect(world.performed).toHaveLength(1);
  });
});

describe('an ambiguous commit', () => {
  it.each([1, 2, 3])('is written once, whichever append it hits (%i)', async (which) => {
    let count = 0;
    const flaky = (real: Journal): Journal =>
      over(real, {
        append: async (input) => {
          const outcome = await real.append(input);
          if ((count += 1) === which) throw new AppError('unavailable');
          return outcome;
        },
      });
    const replica = await world.replica({ journal: flaky, planner: callsThenTells('write_it') });
    const asked = request('hello');
    await replica.service.start(asked);
    expect(await world.ended(asked.runId)).toMatchObject({ status: 'success', successful_steps: 1 });
    expect(await world.types(asked.runId)).toEqual([
      'run.accepted',
      'task.started',
      'planning.started',
      'planning.completed',
      'step.dispatching',
      'step.completed',
      'planning.started',
      'planning.completed',
      'message.completed',
      'task.completed',
    ]);
    expect(world.performed).toHaveLength(1);
    // The end is there before its owner, whose reply was lost, has asked again.
    await until(() => !replica.pool.owns(asked.runId));
    expect(await replica.metric('runs_finished_total{status="success"')).toBe(1);
    expect(await replica.metric('llm_tokens_total{model="scripted",direction="input"')).toBe(20);
  });

  it('of the acceptance gives one run to the caller who asks again', async () => {
    let first = true;
    const flaky = (real: Journal): Journal =>
      over(real, {
        accept: async (input) => {
          const outcome = await real.accept(input);
          if (!first) return outcome;
          first = false;
          throw new AppError('unavailable');
        },
      });
    const replica = await world.replica({ journal: flaky, maxConcurrent: 1 });
    const asked = request('hello');
    await expect(replica.service.start(asked)).rejects.toMatchObject({ code: 'unavailable' });
    expect(await replica.service.start(asked)).toMatchObject({ runId: asked.runId, created: false });
    await world.expireLease(asked.runId);
    await replica.sweeper.sweep(); // the slot that was kept for it is free again
    await world.ended(asked.runId);
  });
});

describe('a drain', () => {
  it('hands its runs over at once; another replica goes on before a lease could run out', async () => {
    const leaving = await world.replica({ planner: planner(silent), leaseMs: 60_000 });
    const asked = Array.from({ length: 5 }, () => request('hello'));
    for (const one of asked) await leaving.service.start(one);
    await until(() => asked.every(({ runId }) => leaving.pool.owns(runId)));
    const staying = await world.replica();
    const began = Date.now();
    await leaving.drain();
    await Promise.all(asked.map(({ runId }) => world.ended(runId)));
    expect(Date.now() - began).toBeLessThan(60_000);
    expect(await staying.metric('run_loops_total{end="ended"')).toBe(5);
    expect(await leaving.metric('run_loops_total{end="released"')).toBe(5);
  });

  it('waits for the answer of a step under way: nothing is repeated, nothing in doubt', async () => {
    const underWay = gate();
    const answer = gate();
    world.worker = async () => {
      underWay.open();
      await answer.opened;
      return { status: 'succeeded', output: 'ok' };
    };
    const leaving = await world.replica({ planner: callsThenTells('write_it') });
    const asked = request('hello');
    await leaving.service.start(asked);
    await underWay.opened;
    await world.replica({ planner: callsThenTells('write_it') });
    const left = leaving.drain(30_000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    answer.open();
    await left;
    expect(await world.ended(asked.runId)).toMatchObject({ status: 'success', successful_steps: 1 });
    expect(world.performed).toHaveLength(1);
    expect(await leaving.metric('run_loops_total{end="released"')).toBe(1);
  });

  it('hands a step over that does not answer in half of its time', async () => {
    const underWay = gate();
    let first = true;
    world.worker = async (_request, { signal }) => {
      underWay.open();
      if (!first) return { status: 'succeeded', output: 'ok' };
      first = false;
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      throw new AppError('cancelled');
    };
    const leaving = await world.replica({ planner: callsThenTells('read_it') });
    const asked = request('hello');
    await leaving.service.start(asked);
    await underWay.opened;
    await world.replica({ planner: callsThenTells('read_it') });
    const began = Date.now();
    await leaving.drain(8_000);
    expect(Date.now() - began).toBeLessThan(7_900);
    expect(await world.ended(asked.runId)).toMatchObject({ status: 'success', successful_steps: 1 });
    expect(world.performed).toHaveLength(2);
  });

  it('accepts for others what is still asked of it, and works on nothing new', async () => {
    const leaving = await world.replica({ hears: false });
    await leaving.drain();
    const asked = request('hello');
    await leaving.service.start(asked);
    expect(leaving.pool.owns(asked.runId)).toBe(false);
    await world.replica();
    await world.ended(asked.runId);
  });
});

describe('the bound of concurrent runs', () => {
  it('is never passed, and every run ends', async () => {
    let loops = 0;
    let most = 0;
    const replica = await world.replica({
      maxConcurrent: 2,
      planner: planner(async () => {
        most = Math.max(most, (loops += 1));
        await new Promise((resolve) => setTimeout(resolve, 10));
        loops -= 1;
        return says('done');
      }),
    });
    const asked = Array.from({ length: 20 }, () => request('hello'));
    await Promise.all(asked.map((one) => replica.service.start(one)));
    await Promise.all(asked.map(({ runId }) => world.ended(runId)));
    expect(most).toBe(2);
    await replica.sweeper.sweep();
    expect(await replica.metric('open_runs{phase="queued"')).toBe(0);
    expect(await replica.metric('run_queue_wait_seconds_count')).toBe(20);
  });

  it('shows operators how many runs wait and for how long', async () => {
    const full = await world.replica({ maxConcurrent: 0, hears: false });
    const asked = request('hello');
    await full.service.start(asked);
    await world.sql(
      `update orchestrator.runs set created_at = created_at - interval '90 s' where run_id = $1`,
      asked.runId,
    );
    await full.sweeper.sweep();
    expect(await full.metric('open_runs{phase="queued"')).toBe(1);
    expect(await full.metric('oldest_run_seconds{phase="queued"')).toBeGreaterThan(89);
    await world.replica();
    await world.ended(asked.runId);
  });
});

describe('one run', () => {
  it('that is cancelled while tools are listed leaves the others of its user alone', async () => {
    const listed = gate();
    const replica = await world.replica({
      planner: callsThenTells('read_it'),
      bus: (bus) => over(bus, { request: async (...args) => (await listed.opened, bus.request(...args)) }),
    });
    const first = request('hello');
    const second = { ...request('hello'), run: { ...first.run, thread_id: 'other' } };
    await replica.service.start(first);
    await replica.service.start(second);
    await until(async () => (await world.types(second.runId)).includes('planning.started'));
    await replica.service.cancel({ principal: first.run.principal, runId: first.runId, reason: '' });
    expect(await world.ended(first.runId)).toMatchObject({ status: 'cancelled' });
    await until(() => !replica.pool.owns(first.runId)); // its slot is free at once
    listed.open();
    expect(await world.ended(second.runId)).toMatchObject({ status: 'success' });
  });
});

function never(): Promise<never> {
  return new Promise(() => undefined);
}
