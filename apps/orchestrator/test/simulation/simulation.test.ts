import { expect, it } from '@jest/globals';
import { Violation } from './checker.ts';
import { MUTANTS } from './mutants.ts';
import { type History, Simulation } from './simulation.ts';

/*
 * SIM_SEED=<seed> SIM_RUNS=<number> plays other seeds than the usual; one alone is shown move by move.
 */
const FIRST = Number(process.env['SIM_SEED'] ?? 1);
const RUNS = Number(process.env['SIM_RUNS'] ?? (process.env['SIM_SEED'] === undefined ? 1_000 : 1));
const LIMIT_MS = 120_000 + RUNS * 300;
const MUTANT_SEEDS = 500;
const say = (line: string) => void (process.env['SIM_RUNS'] && process.stdout.write(`${line}\n`));

async function play(seed: number): Promise<History> {
  const simulation = new Simulation(seed);
  try {
    return await simulation.play();
  } catch (error) {
    if (RUNS === 1) process.stdout.write(`${simulation.schedule.trace.join('\n')}\n`);
    throw new Error(`seed ${seed} (again: SIM_SEED=${seed}): ${String(error)}`, { cause: error });
  }
}

it(
  'keeps every promise in every history, whatever dies, stops, is lost, doubled or late',
  async () => {
    const sum = { runs: 0, takeovers: 0, inDoubt: 0, faults: 0 };
    for (let seed = FIRST; seed < FIRST + RUNS; seed += 1) {
      const history = await play(seed);
      for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += history[key];
      if (RUNS === 1) process.stdout.write(`${history.trace.join('\n')}\n`);
    }
    if (RUNS >= 100) for (const count of Object.values(sum)) expect(count).toBeGreaterThan(RUNS / 100);
    say(`simulation: ${RUNS} seeds, ${JSON.stringify(sum)}`);
  },
  LIMIT_MS,
);

it('plays the same history again for the same seed', async () => {
  for (const seed of [FIRST, FIRST + 1, FIRST + 2]) {
    expect((await play(seed)).hash).toBe((await play(seed)).hash);
  }
  expect((await play(FIRST)).hash).not.toBe((await play(FIRST + 1)).hash);
});

it.each(Object.keys(MUTANTS))('notices where %s', async (name) => {
  for (let seed = 1; seed <= MUTANT_SEEDS; seed += 1) {
    try {
      await new Simulation(seed, MUTANTS[name]).play();
    } catch (error) {
      expect(error).toBeInstanceOf(Violation);
      expect(MUTANTS[name]!.breaks).toContain((error as Violation).rule);
      say(`mutant "${name}": seed ${seed}, ${String(error)}`);
      return;
    }
  }
  throw new Error(`not noticed in ${MUTANT_SEEDS} seeds`);
});
