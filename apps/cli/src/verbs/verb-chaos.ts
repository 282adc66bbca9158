import { join } from 'node:path';
import { runProgram } from '../command-line/program.ts';
import type { Verb } from '../command-line/verb.ts';

/** Breaks a private stack in a planned way and judges what is left; a running stack is not touched. */
export const chaos: Verb = ({ workspace, values }) =>
  runProgram(join(workspace.root, 'apps', 'e2e', 'dist', 'chaos', 'main.js'), values);
