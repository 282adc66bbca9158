import type { FactOf } from '@switchyard/contracts';
import { performedSteps } from './evolve.ts';
import type { RunState } from './state.ts';

export type Exceeded = FactOf<'orchestrator.budget.exceeded'>['data'];

/**
 * The first limit of the run that is reached before the next planning, or null.
 * `now` is in milliseconds; steps and iterations leave room for a last answer, the others do not.
 */
export function exceededLimit(state: RunState, now: number): Exceeded | null {
  const budget = state.run?.budget;
  if (!budget) return null;
  const tokens = state.usage.input_tokens + state.usage.output_tokens;
  const seconds = Math.max(0, now - state.acceptedAt) / 1_000;
  const limits: readonly [Exceeded['kind'], number | null, number][] = [
    ['seconds', budget.max_seconds, seconds],
    ['tokens', budget.max_tokens, tokens],
    ['steps', budget.max_steps, performedSteps(state).length],
    ['iterations', budget.max_iterations, state.plannings.length],
  ];
  for (const [kind, limit, used] of limits) if (limit !== null && used >= limit) return { kind, limit, used };
  return null;
}

/** How many more steps the run may plan. */
export function stepsLeft(state: RunState): number {
  return Math.max(0, (state.run?.budget.max_steps ?? 0) - performedSteps(state).length);
}

/** When the run's time is up, in ms since 1970; null where it has no such limit. */
export function runDeadline(state: RunState): number | null {
  const seconds = state.run?.budget.max_seconds ?? null;
  return seconds === null ? null : state.acceptedAt + seconds * 1_000;
}

/** Limits after which the planner may still be asked once, without functions, to answer from what is known. */
export function leavesRoomForAnswer(exceeded: Exceeded): boolean {
  return exceeded.kind === 'steps' || exceeded.kind === 'iterations';
}
