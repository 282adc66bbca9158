import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { BATCHES } from './batches/index.ts';
import { missedOf, type Mutant, MUTANT_NAMES, MUTANTS } from './mutants.ts';
import { reportText } from './report.ts';
import { playRound, type RoundOptions, type RoundReport } from './round.ts';

/* `npm run attack`: exit 0 where nothing was found, 1 where something was, 2 for a mistake in the options. */

const USAGE = `Usage: npm run attack -- [--minutes N] [--seed A,B,…] [--only LIST] [--mutants] [--json FILE]

Starts a private stack on loopback, attacks it in bounded ways, and says what did not hold. No running stack is touched.

  --minutes N     how long made-up requests are sent; default 0.5, beside the fixed cases (a minute)
  --seed A,B      what they are made up from; the same seeds make up the same; default: a new one
  --only LIST     comma-separated batches
  --depth N       made-up cases for each route and subject and seed; default 20
  --mutants       take guards out and see that each is noticed: exit 1 where one is not
  --mutant NAME   the same with one of them: ${MUTANT_NAMES.join(', ')}
  --json FILE     the report as JSON ("-": to standard output)

Batches:
${BATCHES.map(({ name, about }) => `  ${name.padEnd(16)} ${about}`).join('\n')}

Mutants:
${MUTANT_NAMES.map((name) => `  ${name.padEnd(16)} ${MUTANTS[name].what}; noticed by ${MUTANTS[name].batch}`).join('\n')}`;

const EXIT_USAGE = 2;

function usageError(message: string): never {
  process.stderr.write(`${message}\n\n${USAGE}\n`);
  process.exit(EXIT_USAGE);
}

function valuesOf(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        minutes: { type: 'string', default: '0.5' },
        seed: { type: 'string' },
        only: { type: 'string', default: '' },
        depth: { type: 'string', default: '20' },
        mutants: { type: 'boolean', default: false },
        mutant: { type: 'string' },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    return usageError((error as Error).message);
  }
}

const listOf = (text: string) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);

function numberOf(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!(value >= min && value <= max)) usageError(`--${name} takes ${min} to ${max}.`);
  return value;
}

const values = valuesOf(process.argv.slice(2));
if (values.help) {
  process.stdout.write(`${USAGE}\n`);
  process.exit(0);
}
const only = listOf(values.only);
for (const name of only) if (!BATCHES.some((batch) => batch.name === name)) usageError(`There is no batch "${name}".`);
const { mutant } = values;
if (mutant !== undefined && !Object.hasOwn(MUTANTS, mutant)) usageError(`There is no mutant "${mutant}".`);

const seeds = listOf(values.seed ?? randomBytes(4).toString('hex'));
const options: RoundOptions = {
  seeds,
  fuzzMs: numberOf('minutes', values.minutes, 0, 1_440) * 60_000,
  depth: Math.trunc(numberOf('depth', values.depth, 1, 100_000)),
  only,
  onProgress: (line) => void process.stderr.write(`${line}\n`),
};

function tell(report: RoundReport): void {
  if (values.json === '-') process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else process.stdout.write(`${reportText(report)}\n`);
  if (values.json !== undefined && values.json !== '-') writeFileSync(values.json, JSON.stringify(report, null, 2));
}

/** All mutants run at once, on one stack; a mutant that no batch notices is the error. */
async function huntMutants(mutants: readonly Mutant[]): Promise<boolean> {
  const batches = [...new Set(mutants.map((name) => MUTANTS[name].batch))];
  const { findings } = await playRound({ ...options, only: batches, fuzzMs: 0, mutants });
  const missed = missedOf(mutants, findings);
  for (const name of mutants)
    process.stdout.write(`${name.padEnd(16)} ${missed.includes(name) ? 'MISSED' : 'noticed'}: ${MUTANTS[name].what}\n`);
  return missed.length > 0;
}

let wrong: boolean;
if (values.mutants) wrong = await huntMutants(MUTANT_NAMES);
else if (mutant !== undefined) wrong = await huntMutants([mutant as Mutant]);
else {
  const report = await playRound(options);
  tell(report);
  wrong = report.found > 0;
}
process.exit(wrong ? 1 : 0);
