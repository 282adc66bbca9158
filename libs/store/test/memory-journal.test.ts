import { it } from '@jest/globals';
import { checkAgainstModel } from './journal-commands.ts';
import { memorySubject } from './subjects.ts';

const RUNS = Number(process.env['MODEL_RUNS'] ?? 300);

it(
  'behaves as the model that PostgreSQL is judged by, under any sequence of owners, crashes, repeats, inputs and marks',
  () => checkAgainstModel(memorySubject(), RUNS),
  60_000 + RUNS * 100,
);
