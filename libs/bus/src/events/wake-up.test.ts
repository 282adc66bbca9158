import { describe, expect, it } from '@jest/globals';
import { MOST_DELIVERIES, parseWakeUp, settlementOf } from './wake-up.ts';

describe('a wake-up', () => {
  it('that nobody has room for comes again, later each time, and not for ever', () => {
    const pauses: number[] = [];
    for (let deliveries = 1; deliveries < 1_000; deliveries += 1) {
      const settled = settlementOf('busy', deliveries);
      expect(settlementOf('failed', deliveries)).toEqual(settled);
      if (settled.do !== 'again') break;
      pauses.push(settled.afterMs);
    }
    expect(pauses).toHaveLength(MOST_DELIVERIES - 1);
    expect(pauses.slice(0, 6)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000]);
    expect(settlementOf('done', 1)).toEqual({ do: 'ack' });
    expect(settlementOf('done', 1_000)).toEqual({ do: 'ack' });
  });

  it.each([
    'cmd.run.acme',
    'cmd.run.acme.r1.more',
    'cmd.walk.acme.r1',
    'run.run.acme.r1',
    'cmd.run..r1',
    'cmd.run.a b.r',
  ])('is not what %s says', (subject) => expect(parseWakeUp(subject)).toBeUndefined());

  it('names a run', () => expect(parseWakeUp('cmd.run.acme.r1')).toEqual({ tenantId: 'acme', runId: 'r1' }));
});
