import { describe, expect, it } from '@jest/globals';
import { createMemoryBus } from '@switchyard/bus';
import { answerQuestion, AppError, type StepResult, type ToolCall } from '@switchyard/contracts';
import { createMetrics } from '@switchyard/platform';
import { until } from '@switchyard/testing';
import type { CallRequest } from '../tool/call.ts';
import { InputStates } from '../common/input-state.ts';
import { OpenCalls } from './open-calls.ts';

const hub = createMemoryBus();
const states = new InputStates('a secret of all replicas');
const ANN = { tenantId: 'acme', userId: 'ann', role: 'user', via: 'dev' } as const;
const question = (message: string) => ({ method: 'elicitation/create', params: { message } });

/** A replica whose tools ask what `script` asks. */
function replica(script: (ask: NonNullable<CallRequest['ask']>) => Promise<unknown>, answerMs = 60_000) {
  const bus = hub.connect('mcp-tool');
  const signals: AbortSignal[] = [];
  const run = async (request: CallRequest): Promise<StepResult> => {
    signals.push(request.signal);
    if (!request.ask) return { status: 'succeeded', output: 'asked nobody' };
    try {
      return { status: 'succeeded', output: await script(request.ask) };
    } catch (error) {
      return { status: 'failed', code: 'tool_failed', message: String((error as AppError).code) };
    }
  };
  const calls = new OpenCalls({ executor: { run }, states, bus, metrics: createMetrics('test'), answerMs });
  return { calls, signals, bus };
}

const input = (more: Partial<ToolCall> = {}): ToolCall => ({
  principal: ANN,
  tool: 'asks',
  arguments: {},
  constraints: { mode: 'auto', providers: [], tools: [] },
  mcp: { capabilities: { elicitation: {} }, progress: false },
  ...more,
});
const caller = (signal = new AbortController().signal) => ({
  signal,
  progress: () => undefined,
  deadline: Date.now() + 60_000,
});
/** The same call with an answer to everything that was asked. */
function answered(result: StepResult, answer: Record<string, unknown> = { action: 'accept' }): ToolCall {
  if (result.status !== 'failed' || !result.inputRequired) throw new Error(JSON.stringify(result));
  const { inputRequests = {}, requestState } = result.inputRequired;
  const inputResponses = Object.fromEntries(Object.keys(inputRequests).map((key) => [key, answer]));
  return input({ mcp: { ...input().mcp!, inputResponses, requestState } });
}
const twice = async (ask: NonNullable<CallRequest['ask']>) => [await ask(question('1')), await ask(question('2'))];

describe('a call that asks in its middle', () => {
  it('goes on with each answer, and asks several things at once where they are asked at once', async () => {
    const { calls } = replica(twice);
    const first = await calls.run(input(), caller());
    const second = await calls.run(answered(first, { n: 1 }), caller());
    expect(await calls.run(answered(second, { n: 2 }), caller())).toMatchObject({ output: [{ n: 1 }, { n: 2 }] });
    const together = replica((ask) => Promise.all([ask(question('1')), ask(question('2'))]));
    const both = await together.calls.run(input(), caller());
    expect(both).toMatchObject({ inputRequired: { inputRequests: { 'question-1': {}, 'question-2': {} } } });
    expect(await together.calls.run(answered(both), caller())).toMatchObject({ status: 'succeeded' });
    expect([calls.size, together.calls.size]).toEqual([0, 0]);
  });

  it('is left without an answer that does not come, and beyond the number of questions and of waiting calls', async () => {
    const late = replica((ask) => ask(question('1')), 50);
    const asked = await late.calls.run(input(), caller());
    await until(() => late.calls.size === 0);
    expect(await late.calls.run(answered(asked), caller())).toMatchObject({ code: 'question_closed' });

    const endless = replica(async (ask) => {
      for (;;) await ask(question('again'));
    });
    let result = await endless.calls.run(input(), caller());
    for (let count = 1; count < 8; count += 1) result = await endless.calls.run(answered(result), caller());
    expect(await endless.calls.run(answered(result), caller())).toMatchObject({ message: 'rate_limited' });

    const many = replica((ask) => ask(question('1')));
    for (let count = 0; count < 8; count += 1)
      expect(await many.calls.run(input(), caller())).toMatchObject({ code: 'input_required' });
    expect(await many.calls.run(input(), caller())).toMatchObject({ message: 'rate_limited' });
    const bob = { ...ANN, userId: 'bob' };
    expect(await many.calls.run(input({ principal: bob }), caller())).toMatchObject({ code: 'input_required' });
    many.calls.stop();
    expect(many.signals.filter(({ aborted }) => aborted)).toHaveLength(9); // those that waited
  });

  it('is gone on with at the replica that has it, whichever is asked; where that is gone, the caller calls anew', async () => {
    const [one, other] = [replica(twice), replica(twice)];
    const answers = await one.bus.answer(answerQuestion, (given, call) => one.calls.answer(given, call), {
      as: one.calls.name,
    });
    const first = await one.calls.run(input(), caller());
    const second = await other.calls.run(answered(first, { n: 1 }), caller());
    expect(second).toMatchObject({ code: 'input_required' });
    await answers.stop();
    expect(await other.calls.run(answered(second), caller())).toMatchObject({ code: 'question_closed' });
    const mine = answered(second);
    const theirs = { ...mine, principal: { ...ANN, tenantId: 'other' } };
    expect(await one.calls.run(theirs, caller())).toMatchObject({ code: 'invalid_input' });
    expect(await one.calls.run(mine, caller())).toMatchObject({ status: 'succeeded' });
  });

  it('ends with its caller, and asks nobody who cannot answer', async () => {
    const { calls, signals } = replica(async () => new Promise(() => undefined));
    const leave = new AbortController();
    void calls.run(input(), caller(leave.signal));
    leave.abort(new AppError('cancelled'));
    expect(signals[0]!.aborted).toBe(true);
    const plain = input({ mcp: { capabilities: {}, progress: false } });
    expect(await calls.run(plain, caller())).toMatchObject({ output: 'asked nobody' });
  });
});
