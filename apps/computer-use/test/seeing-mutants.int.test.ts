import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDevModel, type DevModel } from '@switchyard/dev-model';
import { displayIsInstalled } from './display.ts';
import { MUTANTS } from './mutants.ts';
import { type ScreenTask, TASKS } from './tasks.ts';
import { tryTask } from './try-task.ts';

/* A model does tasks on a screen only because it sees: with a lie about the screen it does none. */

const suite = displayIsInstalled() ? describe : describe.skip;
let model: DevModel;

beforeAll(async () => {
  model = await createDevModel({ port: 0 });
});
afterAll(() => model?.stop());

suite('without true sight and true hands', () => {
  const [, fields] = TASKS as [ScreenTask, ScreenTask];
  for (const mutant of MUTANTS) {
    it(`no task is done: ${mutant.name}`, async () => {
      expect(await tryTask(model.url, fields, 4, mutant)).not.toEqual([]);
    });
  }
});
