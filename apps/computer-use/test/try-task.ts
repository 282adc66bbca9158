import type { MUTANTS } from './mutants.ts';
import { doTask } from './seeing-loop.ts';
import { onStage } from './stage.ts';
import type { ScreenTask } from './tasks.ts';

/**
 * Does a task on a display of its own, with the model at `url`, perhaps behind a lie about the screen. Resolves with what is
 * wrong with the end; with nothing where it was done as it should be.
 */
export function tryTask(
  url: string,
  task: ScreenTask,
  seed: number,
  mutant?: (typeof MUTANTS)[number],
): Promise<string[]> {
  const { task: words, spec, judge } = task.make(seed);
  return onStage({ ...spec, seed }, async ({ computer, state }) => {
    const end = mutant ? await doTask(url, mutant.change(computer), words, 12) : await doTask(url, computer, words);
    return judge(state(), end);
  });
}
