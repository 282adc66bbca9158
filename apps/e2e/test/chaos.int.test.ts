import { expect, it } from '@jest/globals';
import { FAULT_NAMES } from '../src/chaos/faults/faults.ts';
import { playRound } from '../src/chaos/round.ts';

/* A short round; the long ones are `./switchyard chaos` and `./switchyard bench chaos`. */

it('loses nothing, does nothing twice and shows every client the same, whatever breaks', async () => {
  const report = await playRound({
    seed: 'short',
    runs: 30,
    faults: FAULT_NAMES,
    mutant: '',
    leaseMs: 3_000,
    runEveryMs: 350,
    faultEveryMs: 500,
    quietMs: 90_000,
    onProgress: () => undefined,
  });
  expect(report.violations).toEqual([]);
  expect(Object.keys(report.pointsPassed).length).toBeGreaterThanOrEqual(20);
  expect(Object.values(report.delegations).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
}, 600_000);
