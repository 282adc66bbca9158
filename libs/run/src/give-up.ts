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
 * The last facts of a run whose owners repeatedly failed. Total and pure. A dispatched step without an outcome is in
 * doubt, even if its tool may be repeated: no owner is left to repeat it.
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
