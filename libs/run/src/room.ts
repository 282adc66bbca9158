import { limitOf, onExceeded, stepsLeft } from './budget.ts';
import type { RunState, StepState } from './state.ts';
import { openSteps, performedSteps } from './steps.ts';

/*
 * Which steps of a decision the limit of steps leaves room for.
 *
 * Where a person is asked about limits, a step beyond the limit waits for the answer: it is performed once the limit
 * is raised, and fails where it is not. Elsewhere it fails as soon as it is planned (planned.ts).
 */

/** The first engine version whose steps wait for the answer. */
const WAITS_FROM = 2;

/** How many of the acts of a planning may be performed, now or after a question about the limit. */
export function stepsToPlan(state: RunState): number {
  return waitsForRoom(state) ? Infinity : stepsLeft(state);
}

/** `ask`: not before a person has raised the limit; `no`: the person did not. */
export function roomFor(state: RunState, step: StepState): 'yes' | 'ask' | 'no' {
  if (step.attempt > 0 || step.act.invalid !== undefined || !waitsForRoom(state)) return 'yes';
  const limit = limitOf(state, { scope: 'run', kind: 'steps' }) ?? Infinity;
  const before = openSteps(state).filter(({ attempt }) => attempt === 0);
  const place = before.findIndex(({ act }) => act.step_id === step.act.step_id);
  if (performedSteps(state).length + place < limit) return 'yes';
  return state.exceeded !== null && state.budgetAsk?.decision ? 'no' : 'ask';
}

function waitsForRoom(state: RunState): boolean {
  return state.engineVersion >= WAITS_FROM && onExceeded(state) === 'ask';
}
