import { describe, expect, it } from '@jest/globals';
import { effectLine, settlementFrom } from './verb-effects.ts';

describe('settling an effect', () => {
  it('takes one outcome and how it is known', () => {
    expect(settlementFrom({ succeeded: true, note: ' it is in the bank statement ' })).toEqual({
      outcome: 'succeeded',
      note: 'it is in the bank statement',
    });
    expect(settlementFrom({ failed: true, note: 'nothing came' })).toMatchObject({ outcome: 'failed' });
  });

  it.each([{}, { succeeded: true, failed: true, note: 'x' }, { failed: true }, { failed: true, note: ' ' }])(
    'says what to type for %j',
    (values) => expect(() => settlementFrom(values)).toThrow(/--note/),
  );
});

it('shows an effect on one line, with what is special about it', () => {
  const line = effectLine({
    effect_id: 'e1',
    run_id: 'run1',
    tool: 'pay',
    state: 'succeeded',
    late: true,
    arguments: { to: 'a\nb' },
    settled: { by: 'ann', at: 0, note: 'looked' },
    created_at: 0,
  });
  expect(line).toBe('e1  1970-01-01 00:00:00  succeeded (late, settled by ann)  pay({"to":"a\\nb"})  run run1');
});
