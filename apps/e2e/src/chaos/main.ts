import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { FAULT_NAMES, type FaultName, FAULTS } from './faults/index.ts';
import { MUTANTS } from './stack/index.ts';
import { reportText } from './report.ts';
import { playRound } from './round.ts';

/* `./switchyard chaos`: exit 0 where nothing is wrong, 1 where something is, 2 for a mistake in the options. */

const USAGE = `Usage: ./switchyard chaos [--seed S] [--runs N] [--faults LIST] [--mutant NAME] [--json]

  --seed S        the plan of a round; the same seed plans the same runs and faults; default: a new one
  --runs N        how many runs; default 300
  --rounds N      so many rounds, one after the other, each with a seed of its own; default 1
  --faults LIST   comma-separated; "all" (default), "none", or "help" for this
  --mutant NAME   take a guard out of the product, which the checker must notice: ${MUTANTS.join(', ')}
  --lease-ms N    how long an orchestrator owns a run; default 3000
  --every-ms N    mean time between two runs; default 600
  --fault-every-ms N  mean time between two faults; default 2000
  --json          the report as JSON

Faults:
${Object.entries(FAULTS)
  .map(([name, what]) => `  ${name.padEnd(12)} ${what}`)
  .join('\n')}`;

const EXIT_USAGE = 2;

function usageError(message: string): never {
  process.stderr.write(`${message}\n\n${USAGE}\n`);
  process.exit(EXIT_USAGE);
}

function optionsOf(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        seed: { type: 'string' },
        runs: { type: 'string', default: '300' },
        rounds: { type: 'string', default: '1' },
        faults: { type: 'string', default: 'all' },
        mutant: { type: 'string', default: '' },
        'lease-ms': { type: 'string', default: '3000' },
        'every-ms': { type: 'string', default: '600' },
        'fault-every-ms': { type: 'string', default: '2000' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    return usageError((error as Error).message);
  }
}

function faultsOf(list: string): readonly FaultName[] {
  if (list === 'all') return FAULT_NAMES;
  if (list === 'none') return [];
  const names = list.split(',').map((name) => name.trim());
  for (const name of names) if (!Object.hasOwn(FAULTS, name)) usageError(`There is no fault "${name}".`);
  return names as FaultName[];
}

function numberOf(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) usageError(`--${name} takes ${min} to ${max}.`);
  return value;
}

const values = optionsOf(process.argv.slice(2));
if (values.help || values.faults === 'help') {
  process.stdout.write(`${USAGE}\n`);
  process.exit(0);
}
if (values.mutant !== '' && !MUTANTS.some((name) => name === values.mutant))
  usageError(`There is no mutant "${values.mutant}".`);

const seed = values.seed ?? randomBytes(4).toString('hex');
const rounds = numberOf('rounds', values.rounds, 1, 1_000);
const options = {
  runs: numberOf('runs', values.runs, 1, 5_000),
  faults: faultsOf(values.faults),
  mutant: values.mutant,
  leaseMs: numberOf('lease-ms', values['lease-ms'], 1_000, 60_000),
  runEveryMs: numberOf('every-ms', values['every-ms'], 10, 60_000),
  faultEveryMs: numberOf('fault-every-ms', values['fault-every-ms'], 50, 60_000),
  quietMs: 90_000,
  onProgress: (line: string) => void process.stderr.write(`${line}\n`),
};
let wrong = false;
for (let round = 1; round <= rounds; round += 1) {
  const report = await playRound({ ...options, seed: round === 1 ? seed : `${seed}-${round}` });
  process.stdout.write(`${values.json ? JSON.stringify(report, null, 2) : reportText(report)}\n`);
  wrong ||= report.violations.length > 0;
}
process.exit(wrong ? 1 : 0);
