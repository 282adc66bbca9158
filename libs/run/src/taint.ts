import type { RunState, StepState } from './state.ts';

/** The first step of which the run has heard what a stranger said: a tool from elsewhere, or another agent. */
export function firstUntrusted(state: RunState): StepState | undefined {
  return state.steps.find(isFromStranger);
}

/** True where the outcome of the step is a stranger's words: data to the planner, never a reason to do harm unasked. */
export function isFromStranger({ act, outcome, attempt }: StepState): boolean {
  if (outcome === null || attempt === 0) return false;
  return outcome.provenance?.trust === 'untrusted' || act.target === 'a2a';
}
