import type { RunFact } from '@switchyard/contracts';
import { foresee, stepCompleted } from './foresee.ts';
import { type Finish, terminalData } from './next.ts';
import type { RunState } from './state.ts';
import { openSteps } from './steps.ts';

const IN_DOUBT = {
  status: 'in_doubt',
  code: 'tool_in_doubt',
  message: 'The run was given up while this step was under way. Whether its effect happened is not known.',
} as const;

/**
 * The last facts of a run with which owner after owner came to nothing. Total and pure. What was
 * dispatched and never answered is in doubt, also where its tool may be repeated: nobody is left who would.
 */
export function giveUp(state: RunState, error: string, epoch: number): RunFact[] {
  const lost = openSteps(state).filter((step) => step.attempt > 0);
  const { facts, state: settled } = foresee(
    state,
    lost.map(({ act }) => stepCompleted(act, IN_DOUBT, 0)),
    { epoch, now: state.lastTs, checkTask: () => null, announce: false },
  );
  return [...facts, { type: 'orchestrator.task.completed', data: terminalData(settled, givenUp(error)) }];
}

export function givenUp(error: string | null): Finish {
  return { do: 'finish', status: 'failed', reason: 'error', answer: null, error, errorCode: 'poisoned' };
}
