import type { RunFact, RunSpec } from '@switchyard/contracts';
import { evolve, type ForeseeContext, type RunState } from '@switchyard/run';
import { accepted, at, RUN as BASE } from '@switchyard/testing';
import type { ApprovalRules } from './planner/approvals.ts';

/** An accepted run and its commits, for pure tests. */

export const RUN: RunSpec = { ...BASE, budget: { ...BASE.budget, max_iterations: 12 } };

export const NO_RULES: ApprovalRules = { tools: [], timeoutSeconds: 60, interactive: false };

export const CONTEXT: ForeseeContext = { now: 1_000, epoch: 1, checkTask: () => null, announce: true };

export const acceptedRun = (run: Partial<RunSpec> = {}): RunFact => accepted({ ...RUN, ...run });

/** The state after these facts were committed at the next positions. */
export function committed(state: RunState, facts: readonly RunFact[], ts?: number): RunState {
  return at({ seq: state.seq, epoch: 1, ...(ts === undefined ? {} : { ts }) }, ...facts).reduce(evolve, state);
}
