import type { RunState, StepState } from './state.ts';

/** The first step whose outcome is untrusted content, from an untrusted tool or another agent. */
export function firstUntrusted(state: RunState): StepState | undefined {
  return state.steps.find(isFromStranger);
}

/** True if the outcome of the step is untrusted content: data to the planner, never a reason to do harm unasked. */
export function isFromStranger({ act, outcome, attempt }: StepState): boolean {
  if (outcome === null || attempt === 0) return false;
  return outcome.provenance?.trust === 'untrusted' || act.target === 'a2a';
}
