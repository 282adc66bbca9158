import { AppError } from '@switchyard/contracts';
import type { ModelAnswer, Planner } from '../../src/planner/planner.ts';
import { calls, says } from '../scripted-planner.ts';
import type { Party, Schedule } from './schedule.ts';
import { TOOLS } from './tool-service.ts';

/** A model that decides by chance: calls, alone or several at once, a question, an answer, or nothing at all. */
export function chancePlanner(schedule: Schedule, owner: Party): Planner {
  const { random } = schedule;
  const decide = (final: boolean): ModelAnswer => {
    if (final || random.chance(0.25)) return says('done');
    if (random.chance(0.1)) return calls(['ask_user', { question: 'Which one?' }]);
    return calls(...Array.from({ length: random.int(1, 3) }, () => random.of(TOOLS).name));
  };
  return {
    ask: (request, signal) =>
      new Promise((resolve, reject) => {
        const stop = () => reject(new AppError('cancelled'));
        if (signal.aborted) return stop();
        signal.addEventListener('abort', stop, { once: true });
        const thinksMs = random.chance(0.1) ? random.int(1_000, 8_000) : random.int(5, 300);
        schedule.after(thinksMs, owner, () => {
          if (random.chance(0.03)) reject(new AppError('model_unavailable'));
          else resolve(decide(request.functions.length === 0));
        });
      }),
  };
}
