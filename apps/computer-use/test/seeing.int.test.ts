import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDevModel, type DevModel } from '@switchyard/dev-model';
import { displayIsInstalled } from './display.ts';
import { type TaskResult, writeTaskTable } from './task-table.ts';
import { TASKS } from './tasks.ts';
import { tryTask } from './try-task.ts';

/* A model that sees does tasks on a real screen. That it does them only because it sees: seeing-mutants. */

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

suite('a task on a screen', () => {
  for (const task of TASKS) {
    it(`${task.number}: ${task.name}`, async () => {
      for (const seed of SEEDS) {
        const faults = await tryTask(model.url, task, seed);
        results.push({ number: task.number, name: task.name, seed, faults });
        expect({ seed, faults }).toEqual({ seed, faults: [] });
      }
    });
  }
});
