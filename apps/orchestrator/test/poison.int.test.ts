import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError, TERMINAL_TYPE } from '@switchyard/contracts';
import type { Journal } from '@switchyard/store';
import { until } from '@switchyard/testing';
import { DeadLetterService } from '../src/runs/dead-letter-service.ts';
import { RUN } from '../src/orchestrator.fixture.ts';
import { gate, over } from './control.ts';
import type { Replica } from './replica.ts';
import { callsThenTells, planner, says, silent } from './scripted-planner.ts';
import { request, World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterEach(() => world.clear());
afterAll(() => world?.stop());

const letterOf = async (runId: string) =>
  (await world.sql('select * from orchestrator.dead_letters where run_id = $1', runId))[0];

/** Sweeps as often as it takes, while time flies. */
async function sweepUntilEnded(replica: Replica, runId: string): Promise<number> {
  for (let sweeps = 1; sweeps < 40; sweeps += 1) {
    await world.sql(`update orchestrator.runs set updated_at = updated_at - interval '1 min' where run_id = $1`, runId);
    await replica.sweeper.sweep();
    await until(() => !replica.pool.owns(runId));
    if ((await world.journal.head(runId))?.phase === 'ended') return sweeps;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('it is tried for ever');
}

/** A loop that breaks whenever it is to plan. */
const breaksAtPlanning = () => {
  let tries = 0;
  const threadTurns = () => {
    tries += 1;
    return Promise.reject(new TypeError('a defect, with secrets'));
  };
  return {
    get tries() {
      return tries;
    },
    journal: (real: Journal) => over(real, { threadTurns }),
  };
};

describe('poison work', () => {
  it('is tried again with pauses, then ends as failed, once, and leaves a dead letter', async () => {
    const broken = breaksAtPlanning();
    const replica = await world.replica({ poisonAttempts: 3, hears: false, journal: broken.journal });
    const asked = request('poison');
    await replica.service.start(asked);
    await until(() => !replica.pool.owns(asked.runId));
    await sweepUntilEnded(replica, asked.runId);
    const end = await world.ended(asked.runId);
    expect(end).toMatchObject({ status: 'failed', completion_reason: 'error', error_code: 'poisoned', total_steps: 0 });
    // The first owner got as far as the announcement of the planning.
    expect(broken.tries).toBe(1 + 3);
    expect(await letterOf(asked.runId)).toMatchObject({
      tenant_id: 'acme',
      reason: 'no_progress',
      attempts: 3,
      requeued_as: null,
      error: 'internal: Something went wrong here; the details are in our logs.',
    });
    expect(await replica.metric('dead_letters_total')).toBe(1);
    await replica.sweeper.sweep();
    expect(await replica.metric('dead_letters{')).toBe(1);
    const view = await replica.service.get(asked.run.principal, asked.runId);
    expect(view).toMatchObject({ phase: 'ended', status: 'failed', errorCode: 'poisoned' });
    expect((await world.publishedWhole(asked.runId)).at(-1)?.type).toBe(TERMINAL_TYPE);
  });

  it('leaves no step without an outcome: what was under way ends as in doubt', async () => {
    const [before, asked] = [world.worker, request('poison')];
    const latch = gate();
    world.worker = async () => (await latch.opened, { status: 'succeeded', output: 'too late' });
    const first = await world.replica({ hears: false, planner: callsThenTells('write_it', 'read_it') });
    await first.service.start(asked);
    await until(
      async () => (await world.types(asked.runId)).filter((type) => type === 'step.dispatching').length === 2,
    );
    first.freeze();
    await world.sql(`update orchestrator.runs set claimed_seq = last_seq where run_id = $1`, asked.runId);
    await world.expireLease(asked.runId);
    await sweepUntilEnded(await world.replica({ poisonAttempts: 1, hears: false }), asked.runId);
    const steps = { total_steps: 2, successful_steps: 0, failed_steps: 2 };
    expect(await world.ended(asked.runId)).toMatchObject({ status: 'failed', error_code: 'poisoned', ...steps });
    latch.open();
    first.thaw();
    await until(() => !first.pool.owns(asked.runId));
    const outcomes = (await world.events(asked.runId)).filter(({ type }) => type === 'orchestrator.step.completed');
    expect(outcomes.map(({ data }) => data)).toMatchObject([{ status: 'in_doubt' }, { status: 'in_doubt' }]);
    world.worker = before;
  });

  it('is given up where the journal cannot be followed', async () => {
    const replica = await world.replica({ poisonAttempts: 2, hears: false, planner: planner(silent) });
    const asked = request('hello');
    await replica.service.start(asked);
    await until(async () => (await world.types(asked.runId)).includes('planning.started'));
    replica.freeze();
    await world.sql(`alter table orchestrator.run_events disable trigger run_events_are_final`);
    await world.sql(
      `update orchestrator.run_events set type = 'orchestrator.step.completed' where run_id = $1 and seq = 2`,
      asked.runId,
    );
    await world.sql(`alter table orchestrator.run_events enable trigger run_events_are_final`);
    await world.expireLease(asked.runId);
    const other = await world.replica({ poisonAttempts: 2, hears: false });
    await sweepUntilEnded(other, asked.runId);
    expect(await letterOf(asked.runId)).toMatchObject({ reason: 'unreadable' });
    const events = await world.events(asked.runId);
    expect(events.filter(({ type }) => type === TERMINAL_TYPE)).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({ data: { status: 'failed', error_code: 'poisoned' } });
    expect(await other.service.get(asked.run.principal, asked.runId)).toMatchObject({
      phase: 'ended',
      status: 'failed',
      errorCode: 'poisoned',
    });
    replica.thaw();
  });

  it('is given up where the journal cannot even be read', async () => {
    const replica = await world.replica({
      poisonAttempts: 2,
      hears: false,
      maxConcurrent: 1,
      journal: (real) => over(real, { read: () => Promise.reject(new AppError('internal')) }),
    });
    const full = await world.replica({ maxConcurrent: 0, hears: false });
    const asked = request('hello');
    await full.service.start(asked);
    await sweepUntilEnded(replica, asked.runId);
    expect(await letterOf(asked.runId)).toMatchObject({ reason: 'unreadable' });
    expect((await world.ended(asked.runId)).error_code).toBe('poisoned');
    expect(await replica.service.get(asked.run.principal, asked.runId)).toMatchObject({ status: 'failed' });
    await full.sweeper.sweep(); // what could not be read there is published from here
  });

  it('is no run that is handed from replica to replica, nor one whose owners get on', async () => {
    const asked = request('hello');
    const first = await world.replica({ hears: false, poisonAttempts: 1, planner: planner(silent) });
    await first.service.start(asked);
    let owner = first;
    for (let i = 0; i < 4; i += 1) {
      const next = await world.replica({ hears: false, poisonAttempts: 1, planner: planner(silent) });
      await until(async () => (await world.types(asked.runId)).includes('planning.started'));
      await owner.drain();
      await next.pool.offer(asked.runId, 'acme');
      await until(() => next.pool.owns(asked.runId));
      owner = next;
    }
    expect(await world.journal.head(asked.runId)).toMatchObject({ stalls: 0, attempts: 5 });
    await owner.service.cancel({ principal: asked.run.principal, runId: asked.runId, reason: '' });
    expect(await world.ended(asked.runId)).toMatchObject({ status: 'cancelled' });
    expect(await letterOf(asked.runId)).toBeUndefined();
  });

  it('is requeued by an admin as one new run with what the first was accepted with', async () => {
    const broken = breaksAtPlanning();
    const replica = await world.replica({ poisonAttempts: 1, hears: false, journal: broken.journal });
    const asked = request('poison', { budget: { ...RUN.budget, max_steps: 3 } });
    await replica.service.start(asked);
    await until(() => !replica.pool.owns(asked.runId));
    await sweepUntilEnded(replica, asked.runId);
    const healed = await world.replica({ planner: planner(() => says('healed')) });
    const service = new DeadLetterService({
      journal: world.journal,
      deadLetters: world.deadLetters,
      runs: healed.service,
    });
    const admin = { ...asked.run.principal, userId: 'root', role: 'admin' } as const;
    const { runId } = asked;
    await expect(service.requeue({ principal: asked.run.principal, runId })).rejects.toMatchObject({
      code: 'forbidden',
    });
    const foreign = { ...admin, tenantId: 'other' };
    await expect(service.requeue({ principal: foreign, runId })).rejects.toMatchObject({ code: 'not_found' });
    const answers = await Promise.all([1, 2, 3].map(() => service.requeue({ principal: admin, runId })));
    expect(new Set(answers.map(({ requeuedAs }) => requeuedAs)).size).toBe(1);
    const { requeuedAs } = answers[0]!;
    expect(await world.ended(requeuedAs)).toMatchObject({ status: 'success', answer: 'healed' });
    const [[first], [again]] = await Promise.all([world.events(runId), world.events(requeuedAs)]);
    expect(again?.data).toEqual(first?.data);
    const listed = await service.list({ principal: admin, limit: 1 });
    expect(listed.letters).toMatchObject([{ runId, requeuedAs, reason: 'no_progress' }]);
    const next = await service.list({ principal: admin, limit: 1, cursor: listed.nextCursor! });
    expect(next.letters.map((letter) => letter.runId)).not.toContain(runId);
  });

  it('is told apart from those who only died with it: of such runs a replica takes up one at a time', async () => {
    const full = await world.replica({ maxConcurrent: 0, hears: false });
    const asked = [1, 2, 3].map(() => request('suspect'));
    for (const one of asked) await full.service.start(one);
    const ids = asked.map(({ runId }) => runId);
    await world.sql(
      `update orchestrator.runs set claimed_seq = last_seq, stalls = 2, epoch = 3, phase = 'running',
         updated_at = updated_at - interval '1 min' where run_id = any ($1)`,
      ids,
    );
    const latches = ids.map(() => gate());
    let begun = 0;
    const replica = await world.replica({
      hears: false,
      journal: (real) =>
        over(real, { inputsAfter: async (...args) => (await latches[begun++]!.opened, real.inputsAfter(...args)) }),
    });
    for (const [i, latch] of latches.entries()) {
      await replica.sweeper.sweep();
      expect(ids.filter((runId) => replica.pool.owns(runId))).toHaveLength(1);
      await until(() => begun === i + 1);
      latch.open();
      await until(() => !ids.some((runId) => replica.pool.owns(runId)));
    }
    for (const runId of ids) expect(await world.ended(runId)).toMatchObject({ status: 'success' });
  });

  it('holds nobody up: a cancel during a pause ends the run', async () => {
    const broken = breaksAtPlanning();
    const replica = await world.replica({ hears: false, journal: broken.journal });
    const asked = request('poison');
    await replica.service.start(asked);
    await until(() => !replica.pool.owns(asked.runId));
    await world.sql(
      `update orchestrator.runs set claimed_seq = last_seq, stalls = 2, pause_ms = 60000 where run_id = $1`,
      asked.runId,
    );
    await replica.pool.offer(asked.runId, 'acme');
    await until(() => !replica.pool.owns(asked.runId));
    expect(await world.journal.head(asked.runId)).toMatchObject({ phase: 'running', stalls: 2 });
    await replica.service.cancel({ principal: asked.run.principal, runId: asked.runId, reason: '' });
    await world.sql(
      `update orchestrator.runs set updated_at = updated_at - interval '1 min' where run_id = $1`,
      asked.runId,
    );
    await replica.sweeper.sweep();
    expect(await world.ended(asked.runId)).toMatchObject({ status: 'cancelled' });
  });
});
