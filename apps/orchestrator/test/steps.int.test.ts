import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError, type FactOf, type RunEvent, type StepResult } from '@switchyard/contracts';
import { until } from '@switchyard/testing';
import { gate, over } from './control.ts';
import { calls, callsThenTells, planner, results, says } from './scripted-planner.ts';
import { request, World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterEach(() => world.clear());
afterAll(() => world?.stop());

const of = <T extends RunEvent['type']>(events: readonly RunEvent[], type: T) =>
  events.flatMap((event) => (event.type === type ? [event.data as FactOf<T>['data']] : []));
const attempts = () => world.performed.map(({ request: { attempt, idempotencyKey } }) => ({ attempt, idempotencyKey }));

describe('progress of a worker', () => {
  const search = (query: string, step = 'step-mcp-001') => ({
    type: 'mcp.tool.search',
    data: { step_id: step, query, top_k: 1 },
  });

  it('is appended in order before the outcome of its step', async () => {
    world.worker = async (_request, { progress }) => {
      for (let n = 0; n < 20; n += 1) progress(search(`q${n}`));
      await new Promise((resolve) => setTimeout(resolve, 60)); // some are committed while the step goes on
      for (let n = 20; n < 40; n += 1) progress(search(`q${n}`));
      return { status: 'succeeded', output: 'found' };
    };
    const replica = await world.replica({ planner: callsThenTells('read_it') });
    const asked = request('search');
    await replica.service.start(asked);
    await world.ended(asked.runId);
    const events = await world.events(asked.runId);
    expect(of(events, 'mcp.tool.search').map(({ query }) => query)).toEqual(
      Array.from({ length: 40 }, (_, n) => `q${n}`),
    );
    const types = events.map(({ type }) => type);
    expect(types.lastIndexOf('mcp.tool.search')).toBeLessThan(types.indexOf('orchestrator.step.completed'));
    expect(types.indexOf('mcp.tool.search')).toBeGreaterThan(types.indexOf('orchestrator.step.dispatching'));
  });

  it('of another step, of another agent, of the orchestrator, or of no shape at all is dropped', async () => {
    const terminal = {
      status: 'success',
      completion_reason: 'ok',
      answer: 'all yours',
      total_steps: 1,
      successful_steps: 1,
      failed_steps: 0,
      usage: { input_tokens: 0, output_tokens: 0 },
    };
    const hostile: unknown[] = [
      search('other', 'step-mcp-002'),
      { type: 'orchestrator.task.completed', data: terminal },
      { type: 'orchestrator.step.completed', data: { step_id: 'step-mcp-001', success: true } },
      { type: 'a2a.delegation.completed', data: { step_id: 'step-mcp-001', agent: 'x', result: 1 } },
      { type: 'mcp.tool.search', data: { step_id: 'step-mcp-001' } },
      { type: 'mcp.no.such', data: {} },
      'text',
      null,
      [],
      42,
      { ...search('mine'), runId: 'other', seq: 99, epoch: 99 },
    ];
    world.worker = async (_request, { progress }) => {
      hostile.forEach((frame) => progress(frame));
      return { status: 'succeeded', output: 'ok' };
    };
    const replica = await world.replica({ planner: callsThenTells('read_it') });
    const asked = request('search');
    await replica.service.start(asked);
    expect(await world.ended(asked.runId)).toMatchObject({ answer: 'told: ok' });
    const events = await world.events(asked.runId);
    expect(events.filter(({ type }) => !type.startsWith('orchestrator.'))).toMatchObject([
      { type: 'mcp.tool.search', data: { query: 'mine' }, runId: asked.runId },
    ]);
  });

  it('without end is bounded', async () => {
    world.worker = async (_request, { progress }) => {
      for (let n = 0; n < 3_000; n += 1) progress(search(`q${n}`));
      return { status: 'succeeded', output: 'ok' };
    };
    const replica = await world.replica({ planner: callsThenTells('read_it') });
    const asked = request('search');
    await replica.service.start(asked);
    await world.ended(asked.runId);
    expect(of(await world.events(asked.runId), 'mcp.tool.search')).toHaveLength(500);
  });
});

describe('a worker that is lost in the middle of a step', () => {
  it('is replaced with the same key for every tool; what the ledger says is in doubt, the model is told', async () => {
    const stop = await world.startWorker(); // two of them share the queue
    const hang = async (): Promise<StepResult> => new Promise(() => undefined);
    let first = true;
    world.worker = async ({ call, attempt }) => {
      if (call?.tool === 'write_it' && attempt > 1)
        return { status: 'in_doubt', code: 'tool_in_doubt', message: 'Whether its effect happened is not known.' };
      if (call?.tool === 'write_it') return hang();
      if (!first) return { status: 'succeeded', output: 'second time lucky' };
      first = false;
      return hang();
    };
    // Both workers die with what they had in hand; a third takes over.
    const told: string[] = [];
    const replica = await world.replica({
      planner: planner((turn, asked) => {
        if (turn === 1) return calls('read_it', 'write_it');
        told.push(...results(asked));
        return says('ok');
      }),
    });
    const asked = request('both');
    await replica.service.start(asked);
    await until(() => world.performed.length === 2);
    await Promise.all([stop(), world.stopWorker()]);
    const stopThird = await world.startWorker();
    const end = await world.ended(asked.runId, 15_000);
    expect(end).toMatchObject({ status: 'success', successful_steps: 1, failed_steps: 1 });
    expect(world.performed.map(({ tool, request: { attempt } }) => `${tool} ${attempt}`).sort()).toEqual([
      'read_it 1',
      'read_it 2',
      'write_it 1',
      'write_it 2',
    ]);
    expect(new Set(world.performed.map(({ request }) => request.idempotencyKey))).toEqual(
      new Set([`${asked.runId}:step-mcp-001`, `${asked.runId}:step-mcp-002`]),
    );
    const outcomes = of(await world.events(asked.runId), 'orchestrator.step.completed');
    expect(outcomes.find(({ step_id }) => step_id === 'step-mcp-002')).toMatchObject({
      status: 'in_doubt',
      success: false,
      error_code: 'tool_in_doubt',
    });
    expect(told[0]).toBe('second time lucky');
    expect(told[1]).toContain('in_doubt');
    expect(told[1]).toContain('not known');
    await stopThird();
    await world.startFirstWorker();
  });

  it('too often fails the step, not the run', async () => {
    world.worker = async () => {
      throw new AppError('worker_lost');
    };
    const replica = await world.replica({ planner: callsThenTells('keyed_it'), stepAttempts: 3 });
    const asked = request('hello');
    await replica.service.start(asked);
    expect(await world.ended(asked.runId)).toMatchObject({ status: 'partial', failed_steps: 1 });
    const key = `${asked.runId}:step-mcp-001`;
    expect(attempts()).toEqual([1, 2, 3].map((attempt) => ({ attempt, idempotencyKey: key })));
    expect(of(await world.events(asked.runId), 'orchestrator.step.dispatching').map(({ attempt }) => attempt)).toEqual([
      1, 2, 3,
    ]);
  });
});

describe('a step that nobody answers', () => {
  it('is tried again, also for a tool with effects, since it never left', async () => {
    let refusals = 2;
    const replica = await world.replica({
      planner: callsThenTells('write_it'),
      bus: (bus) =>
        over(bus, {
          request: (contract, ...args) => {
            if (contract.subject !== 'rpc.step.mcp' || (refusals -= 1) < 0) return bus.request(contract, ...args);
            return Promise.reject(new AppError('no_responders'));
          },
        }),
    });
    const asked = request('hello');
    await replica.service.start(asked);
    expect(await world.ended(asked.runId)).toMatchObject({ status: 'success', successful_steps: 1 });
    expect(attempts()).toEqual([{ attempt: 3, idempotencyKey: `${asked.runId}:step-mcp-001` }]);
  });

  it('is waited for where no worker is there for a while, however many attempts that takes', async () => {
    let refusals = 5;
    const replica = await world.replica({
      planner: callsThenTells('write_it'),
      stepAttempts: 2,
      workerAbsenceMs: 60_000,
      bus: (bus) =>
        over(bus, {
          request: (contract, ...args) => {
            if (contract.subject !== 'rpc.step.mcp' || (refusals -= 1) < 0) return bus.request(contract, ...args);
            return Promise.reject(new AppError(refusals % 2 === 0 ? 'no_responders' : 'unavailable'));
          },
        }),
    });
    const asked = request('hello');
    await replica.service.start(asked);
    expect(await world.ended(asked.runId, 20_000)).toMatchObject({ status: 'success', successful_steps: 1 });
    expect(attempts()).toEqual([{ attempt: 6, idempotencyKey: `${asked.runId}:step-mcp-001` }]);
  });

  it('is given up after so many attempts, and the model is told', async () => {
    const replica = await world.replica({
      planner: callsThenTells('write_it'),
      stepAttempts: 2,
      bus: (bus) =>
        over(bus, {
          request: (contract, ...args) =>
            contract.subject === 'rpc.step.mcp'
              ? Promise.reject(new AppError('no_responders'))
              : bus.request(contract, ...args),
        }),
    });
    const asked = request('hello');
    await replica.service.start(asked);
    const { answer } = await world.ended(asked.runId);
    expect(answer).toContain('no_responders');
  });

  it('in time is a timeout for a safe tool and in doubt for one with effects', async () => {
    world.worker = () => new Promise(() => undefined);
    const replica = await world.replica({ planner: callsThenTells('read_it', 'write_it'), stepTimeoutMs: 100 });
    const asked = request('hello');
    await replica.service.start(asked);
    await world.ended(asked.runId);
    const outcomes = of(await world.events(asked.runId), 'orchestrator.step.completed');
    expect(Object.fromEntries(outcomes.map((data) => [data.step_id, [data.status, data.error_code]]))).toEqual({
      'step-mcp-001': ['failed', 'tool_timeout'],
      'step-mcp-002': ['in_doubt', 'tool_in_doubt'],
    });
  });
});

describe('a takeover in the middle of a step', () => {
  it.each([
    ['dispatches a safe tool again with the same key', 'read_it', [1, 2], 'completed'],
    ['dispatches a tool that knows keys again', 'keyed_it', [1, 2], 'completed'],
    [
      'dispatches a tool with effects again with the same key, for the ledger to decide',
      'write_it',
      [1, 2],
      'completed',
    ],
  ])('%s', async (_name, tool, wanted, status) => {
    const underWay = gate();
    let first = true;
    world.worker = async () => {
      if (!first) return { status: 'succeeded', output: 'ok' };
      first = false;
      underWay.open();
      return new Promise(() => undefined);
    };
    const gone = await world.replica({ hears: false, planner: callsThenTells(tool) });
    const asked = request('hello');
    await gone.service.start(asked);
    await underWay.opened;
    gone.freeze();
    await world.expireLease(asked.runId);
    const other = await world.replica({ hears: false, planner: callsThenTells(tool) });
    await other.sweeper.sweep();
    await world.ended(asked.runId);
    expect(attempts()).toEqual(wanted.map((attempt) => ({ attempt, idempotencyKey: `${asked.runId}:step-mcp-001` })));
    const events = await world.events(asked.runId);
    expect(of(events, 'orchestrator.step.completed')).toMatchObject([{ status }]);
    expect(of(events, 'orchestrator.step.dispatching').map(({ attempt }) => attempt)).toEqual(wanted);
  });

  it('dispatches a step again that was announced and never left', async () => {
    // Its owner is gone between the commit and the request.
    const gone = await world.replica({
      hears: false,
      planner: callsThenTells('read_it'),
      bus: (bus) =>
        over(bus, {
          request: (contract, ...args) =>
            contract.subject === 'rpc.step.mcp' ? untilAborted(args[1]?.signal) : bus.request(contract, ...args),
        }),
    });
    const asked = request('hello');
    await gone.service.start(asked);
    await until(async () => (await world.types(asked.runId)).includes('step.dispatching'));
    gone.freeze();
    await world.expireLease(asked.runId);
    const other = await world.replica({ hears: false, planner: callsThenTells('read_it') });
    await other.sweeper.sweep();
    expect(await world.ended(asked.runId)).toMatchObject({ status: 'success' });
    expect(attempts()).toEqual([{ attempt: 2, idempotencyKey: `${asked.runId}:step-mcp-001` }]);
  });
});

describe('an answer of a worker', () => {
  it('of 60 KB reaches the model and the bus whole', async () => {
    const output = 'ü'.repeat(30_000);
    world.worker = async () => ({ status: 'succeeded', output });
    let heard = 0;
    const replica = await world.replica({
      planner: planner((turn, asked) => {
        if (turn === 1) return calls('read_it');
        heard = results(asked)[0]!.length;
        return says('ok');
      }),
    });
    const asked = request('hello');
    await replica.service.start(asked);
    expect(await world.ended(asked.runId)).toMatchObject({ status: 'success' });
    expect(heard).toBe(30_000);
    const published = await world.publishedWhole(asked.runId);
    expect(of(published, 'orchestrator.step.completed')).toMatchObject([{ result: output }]);
  });

  it('of 200 KB is cut for the model and kept whole in the journal', async () => {
    const output = 'x'.repeat(200_000);
    world.worker = async () => ({ status: 'succeeded', output });
    const replica = await world.replica({
      planner: planner((turn, asked) => (turn === 1 ? calls('read_it') : says(results(asked)[0]!.slice(-40)))),
    });
    const asked = request('hello');
    await replica.service.start(asked);
    expect((await world.ended(asked.runId)).answer).toContain('[cut, 200000 characters in all]');
    const events = await world.publishedWhole(asked.runId);
    expect(of(events, 'orchestrator.step.completed')).toMatchObject([{ result: output }]);
  });

  it.each([
    ['read_it', 'failed', 'tool_failed'],
    ['write_it', 'in_doubt', 'tool_in_doubt'],
  ])('that is no result ends the step of %s as %s', async (tool, status, code) => {
    const nonsense: unknown[] = [{ status: 'failed', code: 'x'.repeat(65), message: '' }];
    const replica = await world.replica({
      planner: callsThenTells(tool),
      bus: (bus) =>
        over(bus, {
          request: (contract, ...args) =>
            contract.subject === 'rpc.step.mcp'
              ? (Promise.resolve(nonsense[0]) as never)
              : bus.request(contract, ...args),
        }),
    });
    const asked = request('hello');
    await replica.service.start(asked);
    await world.ended(asked.runId);
    expect(of(await world.events(asked.runId), 'orchestrator.step.completed')).toMatchObject([
      { status, error_code: code },
    ]);
  });
});

/** A request that never leaves; it ends with its caller. */
function untilAborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(new AppError('cancelled')), { once: true });
  });
}
