import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { FAULT_NAMES, type FaultName, FAULTS } from './faults.ts';
import { MUTANTS } from './mutants.ts';
import { reportText } from './report.ts';
import { playRound } from './round.ts';

/* `./switchyard chaos`: exit 0 where nothing is wrong, 1 where something is, 2 for a mistake in the options. */

const USAGE = `Usage: ./switchyard chaos [--seed S] [--runs N] [--faults LIST] [--mutant NAME] [--json]

  --seed S        the plan of a round; the same seed plans the same runs and faults; default: a new one
  --runs N        how many runs; default 300
  --faults LIST   comma-separated; "all" (default) or "none"
  --mutant NAME   take a guard out of the product, which the checker must notice: ${MUTANTS.join(', ')}
  --lease-ms N    how long an orchestrator owns a run; default 3000
  --every-ms N    mean time between two runs; default 330
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
        faults: { type: 'string', default: 'all' },
        mutant: { type: 'string', default: '' },
        'lease-ms': { type: 'string', default: '3000' },
        'every-ms': { type: 'string', default: '330' },
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
if (values.help) {
  process.stdout.write(`${USAGE}\n`);
  process.exit(0);
}
if (values.mutant !== '' && !MUTANTS.some((name) => name === values.mutant))
  usageError(`There is no mutant "${values.mutant}".`);

const runEveryMs = numberOf('every-ms', values['every-ms'], 10, 60_000);
const report = await playRound({
  seed: values.seed ?? randomBytes(4).toString('hex'),
  runs: numberOf('runs', values.runs, 1, 5_000),
  faults: faultsOf(values.faults),
  mutant: values.mutant,
  leaseMs: numberOf('lease-ms', values['lease-ms'], 1_000, 60_000),
  runEveryMs,
  faultEveryMs: 900,
  quietMs: 90_000,
  onProgress: (line) => process.stderr.write(`${line}\n`),
});
process.stdout.write(`${values.json ? JSON.stringify(report, null, 2) : reportText(report)}\n`);
process.exit(report.violations.length > 0 ? 1 : 0);
