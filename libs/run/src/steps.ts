import { agentKind, type PlannedAct } from '@switchyard/contracts';
import type { RunState, StepState } from './state.ts';

/**
 * The steps of the decision in hand that are neither done nor given up. Together: all without an outcome.
 * In order: the first without an outcome, and none after one that failed (the planner then decides anew).
 */
export function openSteps(state: RunState): readonly StepState[] {
  if (state.phase !== 'acting') return [];
  const planned = state.steps.slice(state.openFrom);
  const decision = state.plannings.at(-1)?.decision;
  if (decision?.kind !== 'act') return [];
  if (decision.order === 'parallel') return planned.filter((step) => step.outcome === null);
  for (const step of planned) {
    if (step.outcome === null) return [step];
    if (!step.outcome.success) return [];
  }
  return [];
}

/** The steps that were dispatched at least once; a plan that was given up leaves the others untouched. */
export function performedSteps(state: RunState): readonly StepState[] {
  return state.steps.filter((step) => step.attempt > 0);
}

/** True for a task in words whose worker decides by itself, with the model of the run and within what the run allows. */
export function isDecidedByWorker({ target, tool }: PlannedAct): boolean {
  return target !== 'user' && tool === undefined && agentKind(target).usesModelOfRun;
}
