import { describe, expect, it } from '@jest/globals';
import { unusedFields } from './unused-fields.ts';

describe('fields that change nothing', () => {
  it('are named, each once', () => {
    const all = {
      grounding: { base_url: 'http://g' },
      controller: { port: 5900 },
      worker: { enable_reflection: true },
    };
    expect(unusedFields(all).map((text) => text.split(' ')[0])).toEqual(['grounding', 'controller']);
  });

  it('are not named where they say nothing, or only the default', () => {
    expect(unusedFields({})).toEqual([]);
    const empty = {
      grounding: { base_url: null },
      controller: null,
      worker: { enable_reflection: false, max_steps: 3 },
    };
    expect(unusedFields(empty)).toEqual([]);
  });

  it('are named where their name is not ours, at the top and inside, and a flood of them in part', () => {
    const misspelt = { task: 'x', tool_constraint: { mode: 'custom' }, tool_constraints: { tool: ['a'] } };
    expect(unusedFields(misspelt as never)).toEqual([
      'tool_constraint was not used: there is no such field.',
      'tool_constraints.tool was not used: there is no such field.',
    ]);
    const flood = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`${'f'.repeat(1_000)}${at}`, 1]));
    expect(unusedFields(flood as never)).toHaveLength(10);
    expect(unusedFields(flood as never).join('').length).toBeLessThan(1_500);
  });
});
