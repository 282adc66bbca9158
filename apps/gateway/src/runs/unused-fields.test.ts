import { describe, expect, it } from '@jest/globals';
import { unusedFields } from './unused-fields.ts';

describe('fields that change nothing', () => {
  it('are named, each once', () => {
    const all = {
      grounding: { base_url: 'http://g' },
      controller: { port: 5900 },
      worker: { enable_reflection: true },
    };
    expect(unusedFields(all).map((text) => text.split(' ')[0])).toEqual([
      'grounding',
      'controller',
      'worker.enable_reflection',
    ]);
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
});
