import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { performStep, type StepRequest, type StepResult } from '@switchyard/contracts';
import { until } from '@switchyard/testing';
import { gate } from './control.ts';
import { request, World } from './world.ts';

/* Runs without a planner: the whole task is one step of the computer-use agent. */

let world: World;
const stops: (() => Promise<void>)[] = [];
beforeAll(async () => {
  world = await World.start();
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await world.clear();
});
afterAll(() => world?.stop());

/** A computer-use agent on the bus; what it was asked is noted. */
async function computer(answer: (step: StepRequest) => Promise<StepResult> | StepResult): Promise<StepRequest[]> {
  const asked: StepRequest[] = [];
  const bus = world.hub.connect('computer-use');
  await bus.answer(performStep.computer_use, async (step, { progress }) => {
    asked.push(step);
    progress({ type: 'worker.step.started', data: { step: 1, turn_count: 1, max_steps: 3 } });
    return answer(step);
  });
  stops.push(() => bus.close());
  return asked;
}

const clicks = () => request('Click the button', { use_orchestrator: false });

describe('a run that is handed over', () => {
  it('reaches the agent once, and what the agent says is its answer', async () => {
    const asked = await computer(() => ({ status: 'succeeded', output: 'clicked' }));
    const replica = await world.replica();
    const run = clicks();
    await replica.service.start(run);
    expect(await world.ended(run.runId)).toMatchObject({ status: 'success', answer: 'clicked', total_steps: 1 });
    expect(asked).toMatchObject([
      { stepId: 'step-cu-001', task: 'Click the button', attempt: 1, idempotencyKey: `${run.runId}:step-cu-001` },
    ]);
    expect(await world.types(run.runId)).toContain('worker.step.started');
  });

  it('fails as the agent fails, with its words', async () => {
    await computer(() => ({ status: 'failed', code: 'tool_failed', message: 'There is no button.' }));
    const replica = await world.replica();
    const run = clicks();
    await replica.service.start(run);
    expect(await world.ended(run.runId)).toMatchObject({ status: 'failed', error: 'There is no button.' });
  });

  it('ends where no such agent is there by saying which one is missing, and is never called in doubt', async () => {
    const replica = await world.replica();
    const run = clicks();
    await replica.service.start(run);
    const end = await world.ended(run.runId);
    expect(end).toMatchObject({ status: 'failed', error_code: 'no_responders' });
    expect(end.error).toContain('computer-use agent');
    expect(end.error).toContain('USE_ORCHESTRATOR_AGENT');
    expect(end.error).not.toContain('not known');
  });

  it('waits for the agent where it is started a little later', async () => {
    const replica = await world.replica({ workerAbsenceMs: 10_000 });
    const run = clicks();
    await replica.service.start(run);
    await until(async () => (await world.types(run.runId)).filter((type) => type === 'step.dispatching').length > 1);
    const asked = await computer(() => ({ status: 'succeeded', output: 'late' }));
    expect(await world.ended(run.runId)).toMatchObject({ status: 'success', answer: 'late' });
    expect(asked).toHaveLength(1);
  });

  it('is neither lost nor performed twice where its owner dies between the acceptance and the step', async () => {
    const asked = await computer(() => ({ status: 'succeeded', output: 'clicked' }));
    const accepted = gate();
    const first = await world.replica({
      // The acceptance is committed, and the owner never writes again.
      journal: (real) =>
        new Proxy(real, {
          get: (target, key) =>
            key === 'append'
              ? () => (accepted.open(), new Promise(() => undefined))
              : (Reflect.get(target, key) as (...args: unknown[]) => unknown).bind(target),
        }),
    });
    const run = clicks();
    await first.service.start(run);
    await accepted.opened;
    expect(await world.types(run.runId)).not.toContain('step.dispatching');
    await world.expireLease(run.runId);
    const second = await world.replica();
    expect(await second.pool.offer(run.runId, 'acme')).toBe('taken');
    expect(await world.ended(run.runId)).toMatchObject({ status: 'success', answer: 'clicked' });
    expect(asked).toHaveLength(1);
  });

  it('is given to the agent again, under the same key, where its owner dies while the agent works', async () => {
    let questions = 0;
    const asked = await computer(() =>
      ++questions === 1 ? new Promise(() => undefined) : { status: 'succeeded', output: { answer: 'clicked' } },
    );
    const first = await world.replica();
    const run = clicks();
    await first.service.start(run);
    await until(() => asked.length === 1);
    await world.expireLease(run.runId);
    const second = await world.replica();
    expect(await second.pool.offer(run.runId, 'acme')).toBe('taken');
    expect(await world.ended(run.runId)).toMatchObject({ status: 'success', answer: 'clicked' });
    expect(new Set(asked.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
  });
});
