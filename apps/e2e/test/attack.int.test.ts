import { describe, expect, it } from '@jest/globals';
import { missedOf, MUTANT_NAMES, MUTANTS } from '../src/attack/mutants.ts';
import { playRound } from '../src/attack/round.ts';

/* A short attack; the long ones are `npm run attack -- --minutes 30`. */

const quiet = { onProgress: () => undefined, only: [] };

describe('an attack on the services as a deployment runs them', () => {
  it('finds nothing, whatever is sent to every route and every subject', async () => {
    const report = await playRound({ ...quiet, seeds: ['short'], fuzzMs: 20_000, depth: 5 });
    expect(report.findings).toEqual([]);
    for (const { name, tried } of report.batches) expect([name, tried > 0]).toEqual([name, true]);
  }, 600_000);

  it('notices each guard that is taken out', async () => {
    const only = [...new Set(MUTANT_NAMES.map((name) => MUTANTS[name].batch))];
    const { findings } = await playRound({
      ...quiet,
      only,
      seeds: ['short'],
      fuzzMs: 0,
      depth: 1,
      mutants: MUTANT_NAMES,
    });
    expect(missedOf(MUTANT_NAMES, findings)).toEqual([]);
  }, 600_000);
});
