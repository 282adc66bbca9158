import type { RunFact, RunFactDraft, RunSpec } from '@switchyard/contracts';
import { evolve, type RunState } from '@switchyard/run';
import { type ForeseeContext } from './foresee.ts';

/** A run and its commits for pure tests. */

export const RUN: RunSpec = {
  task: 'do it',
  thread_id: 'thread-1',
  principal: { tenantId: 'acme', userId: 'u1', role: 'user', via: 'dev' },
  tool_constraints: { mode: 'auto', providers: [], tools: [] },
  budget: { max_steps: 10, max_iterations: 12, max_tokens: null, max_usd: null, max_seconds: null },
  use_orchestrator: true,
  enable_reflection: false,
};

export const CONTEXT: ForeseeContext = { now: 1_000, epoch: 1, checkTask: () => null, announce: true };

export const acceptedRun = (run: Partial<RunSpec> = {}): RunFactDraft => ({
  type: 'orchestrator.run.accepted',
  data: { run: { ...RUN, ...run }, engine_version: 1 },
});

/** The state after the facts were committed in the next places. */
export function committed(state: RunState, facts: readonly RunFact[]): RunState {
  return facts.reduce(
    (before, fact) =>
      evolve(before, {
        ...fact,
        runId: 'run-1',
        tenantId: 'acme',
        seq: before.seq + 1,
        epoch: 1,
        stepId: null,
        ts: 1_000,
      }),
    state,
  );
}
