import { describe, expect, it } from '@jest/globals';
import { AppError, type StepResult } from '@switchyard/contracts';
import type { AgentTurns, Effect } from '@switchyard/store';
import { perform, type Said, STEP, tool } from '../../test/agent-script.ts';
import { memoryTurns } from '../../test/memory-store.ts';
import type { AgentCall } from './calls.ts';

describe('a worker that takes up the step of one that was lost', () => {
  const lost = new AppError('worker_lost');
  const again = { attempt: 2 };
  const both: Said = {
    calls: [
      ['add', { a: 1 }],
      ['list', {}],
    ],
  };
  const dies = () => {
    throw lost;
  };

  it('asks the model only for what was not decided, with what was said before, and charges the run for all of it', async () => {
    const turns = memoryTurns();
    await expect(perform([both, lost], { turns })).rejects.toBe(lost);
    const { result, turns: asked, calls } = await perform([{ text: 'Done.' }], { turns, step: again });
    expect(asked.map(({ turn, used }) => [turn, used.input_tokens])).toEqual([[2, 10]]);
    expect(asked[0]!.messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'tool', 'tool']);
    expect(calls.map((call) => call.tool)).toEqual(['add', 'list']); // the last turn's, as its outcomes were not kept
    expect(result).toMatchObject({ status: 'succeeded', output: 'Done.', usage: { input_tokens: 20 } });
  });

  it('makes the calls of the last turn under the keys that they had, and those of earlier turns not at all', async () => {
    const turns = memoryTurns();
    const before: AgentCall[] = [];
    const third: Said = { calls: [['add', { a: 1 }]] };
    await expect(
      perform([both, third], {
        turns,
        result: (call) => {
          before.push(call);
          if (before.length === 3) dies();
          return { status: 'succeeded', output: null };
        },
      }),
    ).rejects.toBe(lost);
    const { calls, turns: asked } = await perform([], { turns, step: again });
    expect(calls).toEqual([before[2]]);
    expect(calls[0]!.idempotencyKey).not.toBe(before[0]!.idempotencyKey);
    expect(asked[0]!.messages.filter(({ role }) => role === 'tool')).toHaveLength(3);
    expect((await perform([], { turns, step: { attempt: 3 } })).result).toMatchObject({ output: 'done' });
  });

  it('decides nothing anew where another worker decided meanwhile: both do the same', async () => {
    const turns = memoryTurns();
    const one = await perform([{ calls: [['add', { text: 'Hi Ann' }]] }], { turns });
    const other = await perform([{ calls: [['add', { text: 'Hello Ann' }]] }], { turns });
    expect(other.calls).toEqual(one.calls);
    expect(other.result).toMatchObject({ output: 'done', usage: { input_tokens: 30 } }); // an answer was for nothing
  });

  it('takes outcomes that the ledger knows from there, whatever became of the tool since', async () => {
    const turns = memoryTurns();
    const before: AgentCall[] = [];
    const attempt = perform([{ calls: [['add', { a: 1 }]] }], { turns, result: (call) => (before.push(call), dies()) });
    await expect(attempt).rejects.toBe(lost);
    const known: Partial<Effect> = {
      idempotencyKey: before[0]!.idempotencyKey,
      tool: 'add',
      kind: 'write',
      state: 'succeeded',
      result: { status: 'succeeded', output: { id: 77 } },
    };
    const within = { calls: 1, approvalTools: ['*'], heardStranger: false };
    const options = { turns, step: { ...again, within }, effects: [known], tools: [tool('list')] };
    const { calls, turns: asked, result } = await perform([], options);
    expect(calls).toEqual([]);
    expect(asked[0]!.messages.at(-1)).toMatchObject({ role: 'tool', content: '{"id":77}' });
    expect(result.status).toBe('succeeded');
  });

  it('says which call is in doubt where it was begun and cannot be made again', async () => {
    const turns = memoryTurns();
    const before: AgentCall[] = [];
    const attempt = perform([{ calls: [['add', { a: 1 }]] }], { turns, result: (call) => (before.push(call), dies()) });
    await expect(attempt).rejects.toBe(lost);
    const begun: Partial<Effect> = {
      idempotencyKey: before[0]!.idempotencyKey,
      tool: 'add',
      kind: 'write',
      state: 'dispatched',
      result: null,
    };
    const result = (): StepResult => ({ status: 'failed', code: 'tool_not_found', message: 'No such tool.' });
    const options = { turns, step: again, tools: [], result };
    expect((await perform([], { ...options, effects: [begun] })).result).toMatchObject({
      status: 'in_doubt',
      message: expect.stringContaining('The call of add {"a":1} was begun'),
    });
    // One that was never begun is a refusal like any other.
    expect((await perform([], options)).result).toMatchObject({ status: 'succeeded' });
  });

  it('begins anew where nothing was decided; where there are effects all the same, the step is in doubt', async () => {
    expect((await perform([both], { step: again })).turns).toHaveLength(2);
    const effects: Partial<Effect>[] = [{ idempotencyKey: 'k', tool: 'pay', kind: 'write', state: 'succeeded' }];
    const { result, turns } = await perform([both], { step: again, effects });
    expect(result).toMatchObject({ status: 'in_doubt', message: expect.stringContaining('called pay') });
    expect(turns).toEqual([]);
    const garbled = memoryTurns();
    await garbled.keep({ tenantId: 'acme', userId: 'ann', stepKey: STEP.idempotencyKey }, 1, '{"v":2}');
    expect((await perform([both], { step: again, turns: garbled })).result).toMatchObject({ status: 'in_doubt' });
  });

  it('does nothing where its turns can be neither read nor kept', async () => {
    const away = () => Promise.reject(new AppError('unavailable'));
    const turns: AgentTurns = { of: away, keep: away, remove: away };
    for (const attempt of [1, 2]) {
      const { result, calls } = await perform([both], { turns, step: { attempt } });
      expect([result, calls]).toEqual([expect.objectContaining({ status: 'failed', code: 'unavailable' }), []]);
    }
  });
});
