import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDevModel, type DevModel } from '@switchyard/dev-model';
import { displayIsInstalled } from './display.ts';
import { MUTANTS } from './mutants.ts';
import { doTask, type LoopEnd } from './seeing-loop.ts';
import { onStage } from './stage.ts';
import { type TaskResult, writeTaskTable } from './task-table.ts';
import { type ScreenTask, TASKS } from './tasks.ts';

/* A model that sees does tasks on a real screen, and only because it sees. */

const suite = displayIsInstalled() ? describe : describe.skip;
const SEEDS = [1, 2, 3];
const results: TaskResult[] = [];
let model: DevModel;

beforeAll(async () => {
  model = await createDevModel({ port: 0 });
});
afterAll(async () => {
  await model?.stop();
  // The table of the documents is written by the run that it tells of, where that is asked for.
  if (process.env['WRITE_TASK_TABLE'] === '1') writeTaskTable(results);
});

/** What is wrong with the end of a task; none where it was done as it should be. */
function faultsOf(task: ScreenTask, seed: number, mutant?: (typeof MUTANTS)[number]): Promise<string[]> {
  const { task: words, spec, judge } = task.make(seed);
  return onStage({ ...spec, seed }, async ({ computer, state }) => {
    const end: LoopEnd = mutant
      ? await doTask(model.url, mutant.change(computer), words, 12)
      : await doTask(model.url, computer, words);
    return judge(state(), end);
  });
}

suite('a task on a screen', () => {
  for (const task of TASKS) {
    it(`${task.number}: ${task.name}`, async () => {
      for (const seed of SEEDS) {
        const faults = await faultsOf(task, seed);
        results.push({ number: task.number, name: task.name, seed, faults });
        expect({ seed, faults }).toEqual({ seed, faults: [] });
      }
    });
  }
});

suite('without true sight and true hands', () => {
  const [, fields] = TASKS as [ScreenTask, ScreenTask];
  for (const mutant of MUTANTS) {
    it(`no task is done: ${mutant.name}`, async () => {
      expect(await faultsOf(fields, 4, mutant)).not.toEqual([]);
    });
  }
});
