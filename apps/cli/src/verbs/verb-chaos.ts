import { join } from 'node:path';
import { runProgram } from '../command-line/program.ts';
import type { Verb } from '../command-line/verb.ts';

/** Breaks a private stack in a planned way and judges what is left; a running stack is not touched. */
export const chaos: Verb = ({ place, values }) =>
  runProgram(join(place.root, 'apps', 'e2e', 'dist', 'chaos', 'main.js'), values);
