import { describe, expect, it } from '@jest/globals';
import { oneRun } from '../test/one-run.ts';
import { groupByRun, inOrder } from './in-order.ts';

const events = oneRun();
const seqs = (list: readonly { seq: number }[]) => list.map((e) => e.seq);

describe('arrivals of one run', () => {
  it('come out in order, each once, however they came in', () => {
    const { ready, hole } = inOrder(0, [...events].reverse().concat(events));
    expect(seqs(ready)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(hole).toBe(false);
  });

  it('stop before a hole, and say that there is one', () => {
    const { ready, hole } = inOrder(
      2,
      events.filter((e) => e.seq !== 5),
    );
    expect(seqs(ready)).toEqual([3, 4]);
    expect(hole).toBe(true);
  });

  it('are nothing, and no hole, where all of it is known', () => {
    expect(inOrder(9, events)).toEqual({ ready: [], hole: false });
  });

  it('are told apart by run', () => {
    const groups = groupByRun([...events, ...oneRun('Another', 'run-2')]);
    expect([...groups].map(([runId, list]) => [runId, list.length])).toEqual([
      ['run-1', 9],
      ['run-2', 9],
    ]);
  });
});
