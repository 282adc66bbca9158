import { describe, expect, it } from '@jest/globals';
import { AppError } from '@switchyard/contracts';
import { z } from 'zod';
import { defineTool } from './define-tool.ts';
import { type Ending, outcomeWithoutOutput } from './outcome.ts';
import { ToolError } from './tool.ts';

const tool = (idempotency: 'safe' | 'key' | 'none', kind: 'read' | 'write' = 'write') =>
  defineTool({
    name: 'pay',
    description: 'Pay.',
    provider: 'bank',
    kind,
    idempotency,
    input: z.object({}),
    output: z.null(),
    timeoutMs: 1_500,
    run: () => null,
  });

describe('a call that began and gave no usable output', () => {
  it.each<[Ending, string]>([
    [{ how: 'cancelled' }, 'cancelled'],
    [{ how: 'timed_out' }, 'tool_timeout'],
    [{ how: 'unusable_output' }, 'tool_failed'],
    [{ how: 'threw', error: new Error('x') }, 'tool_failed'],
    [{ how: 'threw', error: 'a text' }, 'tool_failed'],
    [{ how: 'threw', error: new AppError('unavailable') }, 'unavailable'],
    [{ how: 'threw', error: new AppError('internal', 'inner') }, 'tool_failed'],
  ])('%j failed as %s where there can be no effect, and is in doubt where there can', (ending, code) => {
    expect(outcomeWithoutOutput(tool('safe', 'read'), ending)).toMatchObject({ status: 'failed', code });
    for (const unsure of [tool('none'), tool('key'), tool('safe'), tool('none', 'read')])
      expect(outcomeWithoutOutput(unsure, ending)).toMatchObject({ status: 'in_doubt', code: 'tool_in_doubt' });
  });

  it('failed where the tool itself says so, whatever a repeat would do', () => {
    const ending: Ending = { how: 'threw', error: new ToolError('The account is empty.') };
    const outcome = { status: 'failed', code: 'tool_failed', message: 'The account is empty.' };
    expect(outcomeWithoutOutput(tool('none'), ending)).toEqual(outcome);
  });

  it('failed where it was refused before it began', () => {
    const error = new AppError('invalid_input', 'A text holds a character that cannot be stored.');
    expect(outcomeWithoutOutput(tool('none'), { how: 'threw', error })).toMatchObject({ code: 'invalid_input' });
  });

  it('names the time limit that passed, in seconds', () => {
    expect(outcomeWithoutOutput(tool('safe', 'read'), { how: 'timed_out' })).toMatchObject({
      message: 'pay did not answer within 1.5 s.',
    });
  });

  it('keeps every message within what an answer may have', () => {
    const ending: Ending = { how: 'threw', error: new ToolError('x'.repeat(100_000)) };
    for (const idempotency of ['safe', 'none'] as const)
      expect((outcomeWithoutOutput(tool(idempotency), ending) as { message: string }).message.length).toBeLessThan(
        4_000,
      );
  });
});
