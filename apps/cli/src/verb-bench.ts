import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { EXIT, UserError } from './user-error.ts';
import type { Verb } from './verb.ts';

const BENCHES = ['runs', 'bus', 'recovery', 'resume'] as const;

/** Runs a benchmark of bench/ on a private stack of its own; a running stack is not touched. */
export const bench: Verb = async ({ place, positionals, values, remark }) => {
  const [name = 'runs'] = positionals;
  if (!BENCHES.some((known) => known === name)) {
    throw new UserError(`There is no benchmark "${name}". Known: ${BENCHES.join(', ')}.`, EXIT.usage);
  }
  const options = Object.entries(values).flatMap(([option, value]) => {
    if (value === undefined || value === false) return [];
    return value === true ? [`--${option}`] : [`--${option}`, value];
  });
  remark(`Measuring "${name}" on a private stack; this takes a minute or two.`);
  const child = spawn(process.execPath, [join(place.root, 'bench', `${name}.mjs`), ...options], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
};
