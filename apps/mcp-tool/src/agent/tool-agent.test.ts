import { describe, expect, it } from '@jest/globals';
import { AppError, type StepResult } from '@switchyard/contracts';
import { perform, type Said, tool } from '../../test/agent-script.ts';

describe('the tool agent', () => {
  it('calls what the model names until it answers, and reports what the model used', async () => {
    const { result, turns, calls } = await perform([
      {
        calls: [
          ['add', { a: 1 }],
          ['list', {}],
        ],
      },
      { text: 'Both done.' },
    ]);
    expect(result).toEqual({
      status: 'succeeded',
      output: 'Both done.',
      usage: { input_tokens: 20, output_tokens: 2 },
    });
    expect(calls.map((call) => call.tool)).toEqual(['add', 'list']);
    expect(turns[1]!.messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'tool', 'tool']);
    expect(turns[1]!.used).toEqual({ input_tokens: 10, output_tokens: 1 });
  });

  it('ends at the limits of calls and turns', async () => {
    const endless = Array.from({ length: 20 }, (): Said => ({ calls: [['list', {}]] }));
    const within = { calls: 2, approvalTools: [], heardStranger: false };
    const few = await perform(endless, { step: { within } });
    expect([few.calls.length, few.result]).toEqual([2, expect.objectContaining({ code: 'budget_exceeded' })]);
    const turns = await perform(endless, { maxTurns: 3 });
    expect([turns.turns.length, turns.result]).toEqual([3, expect.objectContaining({ code: 'budget_exceeded' })]);
  });

  it('stops between two calls where it is cancelled', async () => {
    const stop = new AbortController();
    const { result, calls } = await perform(
      [
        {
          calls: [
            ['add', { n: 1 }],
            ['add', { n: 2 }],
          ],
        },
      ],
      {
        signal: stop.signal,
        result: () => {
          stop.abort();
          return { status: 'succeeded', output: null };
        },
      },
    );
    expect(calls).toHaveLength(1);
    expect(result).toMatchObject({ status: 'failed', code: 'cancelled' });
  });

  it('ends in doubt where an effect is, and says what was done before a failure of the model', async () => {
    const doubt: StepResult = { status: 'in_doubt', code: 'tool_in_doubt', message: 'Not known.' };
    const once = tool('pay', { idempotency: 'none' });
    const doubted = await perform([{ calls: [['pay', { cents: 7 }]] }], { tools: [once], result: () => doubt });
    expect(doubted.result).toMatchObject({ status: 'in_doubt', usage: { input_tokens: 10 } });
    expect(doubted.result).toMatchObject({ message: 'The call of pay {"cents":7} is in doubt. Not known.' });
    expect(doubted.calls).toHaveLength(1);
    const broken = await perform([{ calls: [['add', { a: 1 }]] }, new AppError('budget_exceeded', 'No money left.')]);
    expect(broken.result).toMatchObject({
      status: 'failed',
      code: 'budget_exceeded',
      usage: { input_tokens: 10, output_tokens: 1 },
      message: 'No money left. Done before: add {"a":1}.',
    });
    const wasted = await perform([{ refused: { code: 'model_unavailable', message: 'It broke off.' } }]);
    expect(wasted.result).toMatchObject({
      status: 'failed',
      code: 'model_unavailable',
      usage: { input_tokens: 10, output_tokens: 1 },
    });
  });
});
