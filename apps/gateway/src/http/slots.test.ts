import { describe, expect, it } from '@jest/globals';
import { AppError } from '@switchyard/contracts';
import { StreamSlots } from './slots.ts';

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return (error as AppError).code;
  }
  return 'taken';
}

describe('StreamSlots', () => {
  it('bounds each user and all together, and frees a slot exactly once', () => {
    const slots = new StreamSlots({ perUser: 2, perProcess: 3 });
    const first = slots.take('a');
    slots.take('a');
    expect(refusal(() => slots.take('a'))).toBe('rate_limited');
    slots.take('b');
    expect(refusal(() => slots.take('c'))).toBe('overloaded');
    first();
    first();
    expect(slots.open).toBe(2);
    expect(refusal(() => slots.take('a'))).toBe('taken');
    expect(refusal(() => slots.take('a'))).toBe('rate_limited');
  });
});
