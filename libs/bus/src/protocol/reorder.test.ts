import { describe, expect, it } from '@jest/globals';
import { type RunEvent, TERMINAL_TYPE } from '@switchyard/contracts';
import { fc } from '@switchyard/testing/property';
import { Reorder } from './reorder.ts';

const event = (seq: number, last: number): RunEvent =>
  ({
    runId: 'r',
    tenantId: 't',
    seq,
    epoch: 1,
    stepId: null,
    ts: 0,
    type: seq === last ? TERMINAL_TYPE : 'worker.reflection.started',
    data: {},
  }) as unknown as RunEvent;

describe('Reorder', () => {
  it('lets exactly after+1, after+2, ... leave, whatever order, doubles and losses come', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.nat(20),
        fc.array(fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 10 }), { maxLength: 30 }),
        (last, after, batches) => {
          const order = new Reorder(after);
          const left: number[] = [];
          for (const batch of batches)
            left.push(
              ...order.take(batch.filter((seq) => seq <= last).map((seq) => event(seq, last))).map(({ seq }) => seq),
            );
          expect(left).toEqual(left.map((_, index) => after + 1 + index));
          // Then the journal answers: nothing is missing at the end.
          left.push(
            ...order.take(Array.from({ length: last }, (_, index) => event(index + 1, last))).map(({ seq }) => seq),
          );
          expect(left).toEqual(Array.from({ length: Math.max(0, last - after) }, (_, index) => after + 1 + index));
          if (last > after) expect(order.ended).toBe(true);
        },
      ),
    );
  });

  it('forgets the latest where too much waits, and still shows the hole', () => {
    const order = new Reorder(0, 10);
    order.take(Array.from({ length: 50 }, (_, index) => event(index + 2, 100)));
    expect(order.hole).toBe(true);
    expect(order.take([event(1, 100)]).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('lets nothing leave after the end', () => {
    const order = new Reorder(0);
    order.take([event(1, 1)]);
    expect(order.take([event(2, 5)])).toEqual([]);
  });
});
