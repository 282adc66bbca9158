import { join } from 'node:path';
import { runProgram } from '../command-line/program.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';
import type { Verb } from '../command-line/verb.ts';

const BENCHES = [
  'runs',
  'bus',
  'tools',
  'a2a',
  'bridge',
  'bridge-cuts',
  'recovery',
  'resume',
  'restore',
  'chaos',
] as const;

/** Runs a benchmark of bench/ on a private stack of its own; a running stack is not touched. */
export const bench: Verb = async ({ workspace, positionals, values, remark }) => {
  const [name = 'runs'] = positionals;
  if (!BENCHES.some((known) => known === name)) {
    throw new UserError(`There is no benchmark "${name}". Known: ${BENCHES.join(', ')}.`, EXIT.usage);
  }
  remark(`Measuring "${name}" on a private stack; this takes a minute or more.`);
  return runProgram(join(workspace.root, 'bench', `${name}.mjs`), values);
};
