import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError, type LiveDelta, type RunSpec } from '@switchyard/contracts';
import { until } from '@switchyard/testing';
import type { Planner } from '../src/planner/planner.ts';
import { gate, over } from './control.ts';
import { calls, callsThenTells, planner, says, silent } from './scripted-planner.ts';
import { request, World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterEach(() => world.clear());
afterAll(() => world?.stop());

const budget = (limits: Partial<RunSpec['budget']>) => ({
  budget: { max_steps: 10, max_iterations: 12, max_tokens: null, max_usd: null, max_seconds: null, ...limits },
});

describe('a cancel', () => {
  const cancelled = { status: 'cancelled', completion_reason: 'cancelled', error_code: 'cancelled' };

  it('before anybody owns the run ends it at once, though no slot is free anywhere', async () => {
    let asks = 0;
    const full = await world.replica({ maxConcurrent: 0, planner: planner(() => ((asks += 1), says('x'))) });
    const asked = request('hello');
    await full.service.start(asked);
    const { principal } = asked.run;
    const began = Date.now();
    const answers = await Promise.all(
      [1, 2].map(() => full.service.cancel({ principal, runId: asked.runId, reason: 'no' })),
    );
    expect(answers).toContainEqual({ runId: asked.runId, phase: 'queued', accepted: true });
    expect(await world.ended(asked.runId)).toMatchObject(cancelled);
    expect(Date.now() - began).toBeLessThan(8_000);
    expect(await world.types(asked.runId)).toEqual(['run.accepted', 'cancel.requested', 'task.completed']);
    expect(asks).toBe(0);
  });

  it('of a run that waits for a person ends it at once, though no slot is free anywhere', async () => {
    const asking = await world.replica({ planner: callsThenTells('write_it') });
    const asked = request('hello', { approvals: { tools: ['write_it'], timeout_seconds: 3_600 } });
    await asking.service.start(asked);
    await until(async () => (await world.journal.head(asked.runId))?.phase === 'waiting');
    await asking.stop();
    const full = await world.replica({ maxConcurrent: 0, hears: false });
    await full.service.cancel({ principal: asked.run.principal, runId: asked.runId, reason: 'no' });
    expect(await world.ended(asked.runId, 4_000)).toMatchObject(cancelled);
    expect(world.performed).toEqual([]);
  });

  it('in the middle of a planning reaches the model call', async () => {
    let aborted = false;
    const replica = await world.replica({
      planner: planner((turn, asked, signal) => {
        signal.addEventListener('abort', () => (aborted = true), { once: true });
        return silent(turn, asked, signal);
      }),
    });
    const asked = request('hello');
    await replica.service.start(asked);
    await until(async () => (await world.types(asked.runId)).includes('planning.started'));
    await replica.service.cancel({ principal: asked.run.principal, runId: asked.runId, reason: 'enough' });
    expect(await world.ended(asked.runId)).toMatchObject(cancelled);
    await until(() => aborted, 1_000);
    const [, fact] = (await world.events(asked.runId)).toReversed();
    expect(fact).toMatchObject({ data: { by: asked.run.principal.userId, reason: 'enough' } });
  });

  it('by way of another replica reaches the worker in the middle of a step', async () => {
    let aborted = false;
    const underWay = gate();
    world.worker = async (_request, { signal }) => {
      underWay.open();
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      aborted = true;
      throw new AppError('cancelled');
    };
    const owner = await world.replica({ planner: callsThenTells('write_it') });
    const other = await world.replica();
    const asked = request('hello');
    await owner.service.start(asked);
    await underWay.opened;
    const answer = await other.service.cancel({ principal: asked.run.principal, runId: asked.runId, reason: '' });
    expect(answer).toMatchObject({ phase: 'running', accepted: true });
    expect(await world.ended(asked.runId)).toMatchObject(cancelled);
    await until(() => aborted, 1_000);
  });

  it('ends the run at once though the worker does not listen, and the worker is told', async () => {
    let told = false;
    const underWay = gate();
    const over = gate();
    world.worker = async (_request, { signal }) => {
      signal.addEventListener('abort', () => (told = true), { once: true });
      underWay.open();
      await over.opened;
      return { status: 'succeeded', output: 'too late' };
    };
    const owner = await world.replica({ planner: callsThenTells('write_it') });
    const asked = request('hello');
    await owner.service.start(asked);
    await underWay.opened;
    await owner.service.cancel({ principal: asked.run.principal, runId: asked.runId, reason: '' });
    const end = await world.ended(asked.runId, 4_000);
    await until(() => told, 1_000);
    over.open();
    await until(() => !owner.pool.owns(asked.runId));
    expect(await world.ended(asked.runId)).toEqual(end);
    expect(end).toMatchObject(cancelled);
  });

  it('whose wake-up is lost is found by the heartbeat', async () => {
    const owner = await world.replica({ hears: false, leaseMs: 600, planner: planner(silent) });
    const other = await world.replica({ hears: false });
    const asked = request('hello');
    await owner.service.start(asked);
    await other.service.cancel({ principal: asked.run.principal, runId: asked.runId, reason: '' });
    expect(await world.ended(asked.runId, 2_000)).toMatchObject(cancelled);
  });

  it('after the end changes nothing, however often it comes', async () => {
    const replica = await world.replica();
    const asked = request('hello');
    await replica.service.start(asked);
    const before = await world.ended(asked.runId);
    for (let n = 0; n < 3; n += 1) {
      const answer = await replica.service.cancel({ principal: asked.run.principal, runId: asked.runId, reason: '' });
      expect(answer).toEqual({ runId: asked.runId, phase: 'ended', accepted: false });
    }
    expect(await world.ended(asked.runId)).toEqual(before);
  });

  it('at any moment of a run gives exactly one end', async () => {
    world.worker = async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return { status: 'succeeded', output: 'ok' };
    };
    const replica = await world.replica({ planner: callsThenTells('read_it', 'write_it') });
    const asked = Array.from({ length: 30 }, () => request('hello'));
    await Promise.all(
      asked.map(async (one, n) => {
        await replica.service.start(one);
        await new Promise((resolve) => setTimeout(resolve, n * 4));
        await replica.service.cancel({ principal: one.run.principal, runId: one.runId, reason: '' });
      }),
    );
    const ends = await Promise.all(asked.map(({ runId }) => world.ended(runId)));
    expect(ends.every(({ status }) => status === 'cancelled' || status === 'success')).toBe(true);
  });

  it('of another user finds no run', async () => {
    const replica = await world.replica({ planner: planner(silent) });
    const asked = request('hello');
    await replica.service.start(asked);
    const otherUser = { ...asked.run.principal, userId: 'other' };
    const cancel = replica.service.cancel({ principal: otherUser, runId: asked.runId, reason: '' });
    await expect(cancel).rejects.toMatchObject({ code: 'not_found' });
    await replica.service.cancel({ principal: asked.run.principal, runId: asked.runId, reason: '' });
    await world.ended(asked.runId);
  });
});

describe('the limit of seconds', () => {
  const exceeded = { completion_reason: 'budget_exceeded', error_code: 'budget_exceeded' };

  it('ends a run in the middle of a model call that stalls', async () => {
    const replica = await world.replica({ planner: planner(silent) });
    const asked = request('hello', budget({ max_seconds: 0.3 }));
    const began = Date.now();
    await replica.service.start(asked);
    expect(await world.ended(asked.runId)).toMatchObject({ ...exceeded, status: 'failed' });
    expect(Date.now() - began).toBeLessThan(6_000);
    expect(await world.types(asked.runId)).toContain('budget.exceeded');
  });

  it('ends a run in the middle of a step and stops the worker', async () => {
    let aborted = false;
    world.worker = async (_request, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      aborted = true;
      throw new AppError('cancelled');
    };
    const replica = await world.replica({ planner: callsThenTells('write_it') });
    const asked = request('hello', budget({ max_seconds: 0.3 }));
    await replica.service.start(asked);
    expect(await world.ended(asked.runId)).toMatchObject({ ...exceeded, status: 'failed' });
    await until(() => aborted, 1_000);
  });

  it('counts from the acceptance, also for the next owner', async () => {
    const gone = await world.replica({ hears: false, planner: planner(silent) });
    const asked = request('hello', budget({ max_seconds: 30 }));
    await gone.service.start(asked);
    await until(async () => (await world.types(asked.runId)).includes('planning.started'));
    gone.freeze();
    await world.sql('alter table orchestrator.run_events disable trigger run_events_are_final');
    await world.sql(`update orchestrator.run_events set ts = ts - interval '1 min' where run_id = $1`, asked.runId);
    await world.sql('alter table orchestrator.run_events enable trigger run_events_are_final');
    await world.expireLease(asked.runId);
    const other = await world.replica({ hears: false, planner: planner(silent) });
    await other.sweeper.sweep();
    expect(await world.ended(asked.runId)).toMatchObject(exceeded);
  });

  it('that passed while the owner of a step was dead ends the run with its next owner', async () => {
    world.worker = () => new Promise(() => undefined);
    const gone = await world.replica({ hears: false, planner: callsThenTells('read_it') });
    const asked = request('hello', budget({ max_seconds: 30 }));
    await gone.service.start(asked);
    await until(() => world.performed.length > 0);
    gone.freeze();
    await world.sql('alter table orchestrator.run_events disable trigger run_events_are_final');
    await world.sql(`update orchestrator.run_events set ts = ts - interval '1 min' where run_id = $1`, asked.runId);
    await world.sql('alter table orchestrator.run_events enable trigger run_events_are_final');
    await world.expireLease(asked.runId);
    const other = await world.replica({ hears: false });
    await other.sweeper.sweep();
    expect(await world.ended(asked.runId)).toMatchObject(exceeded);
    expect((await world.journal.head(asked.runId))?.epoch).toBe(2); // not after one owner after another broke
  });

  it('may be longer than a timer of Node can wait', async () => {
    const replica = await world.replica();
    const asked = request('hello', budget({ max_seconds: 10_000_000 }));
    await replica.service.start(asked);
    expect(await world.ended(asked.runId)).toMatchObject({ status: 'success' });
  });
});

describe('the other limits', () => {
  const eager: Planner = planner((_turn, asked) =>
    asked.functions.length > 0 ? calls('read_it') : says('so far so good'),
  );

  it.each([
    ['steps', budget({ max_steps: 2 })],
    ['iterations', budget({ max_iterations: 2 })],
  ])('(%s) leave room for one last answer without functions', async (kind, limits) => {
    const replica = await world.replica({ planner: eager });
    const asked = request('hello', limits);
    await replica.service.start(asked);
    expect(await world.ended(asked.runId)).toMatchObject({
      status: 'partial',
      completion_reason: 'max_steps_reached',
      answer: 'so far so good',
      total_steps: 2,
    });
    expect((await world.events(asked.runId)).find(({ type }) => type === 'orchestrator.budget.exceeded')).toMatchObject(
      {
        data: { kind, limit: 2 },
      },
    );
  });

  it('(tokens) end the run before the model is asked again', async () => {
    const replica = await world.replica({ planner: eager });
    const asked = request('hello', budget({ max_tokens: 20 }));
    await replica.service.start(asked);
    expect(await world.ended(asked.runId)).toMatchObject({ completion_reason: 'budget_exceeded', total_steps: 2 });
  });
});

describe('a planning that cannot be done', () => {
  it.each([
    ['the model is away', () => Promise.reject(new AppError('model_unavailable', 'gone')), 'model_unavailable'],
    ['the planner has a defect', () => Promise.reject(new TypeError('secret')), 'internal'],
    ['the answer is empty twice', () => says(''), 'model_invalid_answer'],
    [
      'the answer fits no fact',
      () => ({ ...says('x'), usage: { input_tokens: -1, output_tokens: 0 } }),
      'model_invalid_answer',
    ],
  ])('since %s ends the run with a stable code', async (_name, script, code) => {
    const replica = await world.replica({ planner: planner(script) });
    const asked = request('hello');
    await replica.service.start(asked);
    const end = await world.ended(asked.runId);
    expect(end).toMatchObject({ status: 'failed', error_code: code });
    expect(JSON.stringify(end)).not.toContain('secret');
    expect(await replica.metric(`planning_failures_total{code="${code}"`)).toBe(1);
  });

  it('since the tools cannot be listed ends the run', async () => {
    const replica = await world.replica({
      bus: (bus) =>
        over(bus, {
          request: (contract, ...args) =>
            contract.subject === 'rpc.tools.list'
              ? Promise.reject(new TypeError('a defect there'))
              : bus.request(contract, ...args),
        }),
    });
    const asked = request('hello');
    await replica.service.start(asked);
    expect(await world.ended(asked.runId)).toMatchObject({ status: 'failed', error_code: 'internal' });
  });
});

describe('a guardrail', () => {
  const speaks = (...pieces: string[]) =>
    planner(async (_turn, { onText }, signal) => {
      for (const piece of pieces) {
        if (signal.aborted) throw new AppError('cancelled');
        onText(piece);
        await new Promise((resolve) => setTimeout(resolve, 25)); // longer than text is held together
      }
      return says(pieces.join(''));
    });

  async function live(runId: string): Promise<LiveDelta[]> {
    const heard: LiveDelta[] = [];
    const stop = new AbortController();
    const following = world.outside.follow({
      tenantId: 'acme',
      runId,
      after: 0,
      fresh: true,
      fetch: async (after) => ({ events: await world.journal.read(runId, after, 500), lastSeq: 0, ended: false }),
      signal: stop.signal,
      onLive: (delta) => heard.push(delta),
    });
    void (async () => {
      for await (const _events of following);
    })().catch(() => undefined);
    return heard;
  }

  it.each([
    ['in one piece', ['the launch code is forbidden word 42', ' and so on']],
    ['split over pieces', ['the launch code is for', 'bidd', 'en wo', 'rd 42']],
    ['disguised', ['the launch code is ｆｏｒ\u200bbidden\n word 42']],
  ])(
    'withholds an answer with a keyword %s: nothing of it is live, nothing is in the journal',
    async (_name, pieces) => {
      const replica = await world.replica({ keywords: ['forbidden word'], planner: speaks(...pieces) });
      const asked = request('hello');
      const heard = await live(asked.runId);
      await replica.service.start(asked);
      expect(await world.ended(asked.runId)).toMatchObject({ status: 'failed', error_code: 'guardrail_blocked' });
      await world.publishedWhole(asked.runId);
      expect(heard).toEqual([]);
      expect(JSON.stringify(await world.events(asked.runId))).not.toContain('launch');
    },
  );

  it('shows of a long text only what comes well before the keyword', async () => {
    const pieces = [
      ...Array.from({ length: 20 }, (_, n) => `innocent sentence number ${n}. `),
      'forbidden word',
      ' 42',
    ];
    const replica = await world.replica({ keywords: ['forbidden word'], planner: speaks(...pieces) });
    const asked = request('hello');
    const heard = await live(asked.runId);
    await replica.service.start(asked);
    await world.ended(asked.runId);
    const shown = heard.map(({ text }) => text).join('');
    expect(pieces.slice(0, 20).join('').startsWith(shown)).toBe(true);
    expect(shown.length).toBeGreaterThan(100);
  });

  it('lets an innocent text through, live and in the journal', async () => {
    const pieces = Array.from({ length: 10 }, (_, n) => `sentence ${n}. `);
    const replica = await world.replica({ planner: speaks(...pieces) });
    const asked = request('hello');
    const heard = await live(asked.runId);
    await replica.service.start(asked);
    expect(await world.ended(asked.runId)).toMatchObject({ answer: pieces.join('') });
    expect(pieces.join('').startsWith(heard.map(({ text }) => text).join(''))).toBe(true);
    expect(heard.length).toBeGreaterThan(2);
    expect(heard.map(({ index }) => index)).toEqual(heard.map((_, index) => index));
  });

  it('refuses a task before the model is asked', async () => {
    let asks = 0;
    const replica = await world.replica({ keywords: ['forbidden'], planner: planner(() => ((asks += 1), says('x'))) });
    const asked = request('something Forbidden');
    await replica.service.start(asked);
    expect(await world.ended(asked.runId)).toMatchObject({ error_code: 'guardrail_blocked' });
    expect(asks).toBe(0);
  });
});
