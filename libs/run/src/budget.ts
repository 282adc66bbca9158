import type { FactOf } from '@switchyard/contracts';
import type { RunState } from './state.ts';
import { performedSteps } from './steps.ts';

export type Exceeded = FactOf<'orchestrator.budget.exceeded'>['data'];
type Limit = Pick<Exceeded, 'scope' | 'kind'>;

/** The key of a raised limit. */
export function budgetKey({ scope, kind }: Limit): string {
  return `${scope}.${kind}`;
}

/** The limit in force: as a person raised it, or else as accepted; null: none. */
export function limitOf(state: RunState, limit: Limit): number | null {
  const raised = state.raised[budgetKey(limit)];
  if (raised !== undefined) return raised;
  const budget = state.run?.budget;
  if (limit.scope !== 'run' || !budget) return null;
  return budget[`max_${limit.kind}`];
}

/** What follows when a limit is reached. */
export function onExceeded(state: RunState): 'ask' | 'finish' | 'fail' {
  return state.run?.budget.on_exceeded ?? (state.run?.interactive ? 'ask' : 'finish');
}

/**
 * The first limit of the run that is reached before the next planning, or null.
 * `now` is in milliseconds; steps and iterations leave room for a last answer, the others do not.
 */
export function exceededLimit(state: RunState, now: number): Exceeded | null {
  const used: readonly [Exceeded['kind'], number][] = [
    ['seconds', Math.max(0, now - state.acceptedAt - state.waitedMs) / 1_000],
    ['usd', state.usage.usd ?? 0],
    ['tokens', state.usage.input_tokens + state.usage.output_tokens],
    ['steps', performedSteps(state).length],
    ['iterations', state.plannings.length],
  ];
  for (const [kind, amount] of used) {
    const limit = limitOf(state, { scope: 'run', kind });
    if (limit !== null && amount >= limit) return { scope: 'run', kind, limit, used: amount };
  }
  return null;
}

/** How many more steps the run may plan. */
export function stepsLeft(state: RunState): number {
  return Math.max(0, (limitOf(state, { scope: 'run', kind: 'steps' }) ?? 0) - performedSteps(state).length);
}

/** When the run's time is up, in ms since 1970; null without a time limit. */
export function runDeadline(state: RunState): number | null {
  const seconds = limitOf(state, { scope: 'run', kind: 'seconds' });
  return seconds === null ? null : state.acceptedAt + state.waitedMs + seconds * 1_000;
}

/** Limits after which the planner may be asked once more, without functions, for an answer. */
export function leavesRoomForAnswer(exceeded: Exceeded): boolean {
  return exceeded.scope === 'run' && (exceeded.kind === 'steps' || exceeded.kind === 'iterations');
}
