import { describe, expect, it } from '@jest/globals';
import type { PlannedAct, RunFact } from '@switchyard/contracts';
import { accepted, acts, at, completed, dispatching, planningStarted, RUN, started } from '@switchyard/testing';
import { askForBudget, askForStep, openAsks } from './asks.ts';
import { runDeadline } from './budget.ts';
import { evolve, fold, objection } from './evolve.ts';
import { next } from './next.ts';
import { INITIAL } from './state.ts';

const HOUR_MS = 3_600_000;
const asking = (approval: PlannedAct['approval']): RunFact => {
  const fact = acts(1, ['step-mcp-001']) as Extract<RunFact, { type: 'orchestrator.planning.completed' }>;
  const decision = fact.data.decision as Extract<typeof fact.data.decision, { kind: 'act' }>;
  return {
    ...fact,
    data: { ...fact.data, decision: { ...decision, acts: decision.acts.map((act) => ({ ...act, approval })) } },
  } as RunFact;
};
const decided = (decision: 'approve' | 'deny', over: object = {}): RunFact => ({
  type: 'orchestrator.approval.decided',
  data: { approval_id: 'ask-step-mcp-001', step_id: 'step-mcp-001', decision, by: 'ada', ...over },
});

/** A run that has planned one call that needs an approval. */
const planned = fold(
  at(
    { seq: 0, epoch: 1 },
    accepted({ budget: { ...RUN.budget, max_seconds: 60 } }),
    started(),
    planningStarted(1),
    asking({ question: 'May it?', timeout_seconds: 3_600 }),
  ),
);
const asked = (state = planned) => {
  const step = next(state, 5_000);
  if (step.do !== 'ask') throw new Error(step.do);
  const fact: RunFact = {
    type: 'orchestrator.approval.requested',
    data: askForStep(step.steps[0]!, 5_000),
  };
  return evolve(state, at({ seq: state.seq, epoch: 1, ts: 5_000 }, fact)[0]!);
};

describe('a step that needs an approval', () => {
  it('is asked for, then waited for, and expires', () => {
    const state = asked();
    expect(next(state, 6_000)).toEqual({ do: 'wait', until: 5_000 + HOUR_MS });
    expect(next(state, 5_000 + HOUR_MS)).toMatchObject({ do: 'expire' });
    expect(openAsks(state)).toHaveLength(1);
  });

  it('is not dispatched before somebody decided, and a question is decided once', () => {
    const state = asked();
    const after = (from: typeof state, fact: RunFact, ts = 6_000) => at({ seq: from.seq, epoch: 1, ts }, fact)[0]!;
    expect(objection(planned, after(planned, dispatching('step-mcp-001')))).toBe('a person must decide first');
    expect(objection(state, after(state, dispatching('step-mcp-001')))).toBe('a person must decide first');
    const approved = evolve(state, after(state, decided('approve')));
    expect(next(approved, 6_000)).toMatchObject({ do: 'perform' });
    expect(objection(approved, after(approved, decided('deny')))).toBe('this question is not open');
    expect(objection(approved, after(approved, dispatching('step-mcp-001')))).toBeNull();
  });

  it('carries the arguments that the person put in place', () => {
    const state = asked();
    const approved = evolve(state, at({ seq: state.seq, epoch: 1 }, decided('approve', { arguments: { a: 2 } }))[0]!);
    expect(approved.steps[0]?.act.arguments).toEqual({ a: 2 });
  });

  it('does not use up the time of the run while it waits for a person', () => {
    const state = asked();
    const later = 5_000 + HOUR_MS / 2;
    const approved = evolve(state, at({ seq: state.seq, epoch: 1, ts: later }, decided('approve'))[0]!);
    expect(runDeadline(approved)).toBe(runDeadline(planned)! + HOUR_MS / 2);
    const done = fold(
      at({ seq: approved.seq, epoch: 1, ts: later + 1 }, dispatching('step-mcp-001'), completed('step-mcp-001')),
      approved,
    );
    expect(next(done, later + 2)).toMatchObject({ do: 'plan' });
    expect(next(done, later + 60_000)).toMatchObject({ do: 'exceed', exceeded: { kind: 'seconds' } });
  });
});

describe('a limit that may be raised', () => {
  const exceeded: RunFact = {
    type: 'orchestrator.budget.exceeded',
    data: { scope: 'run', kind: 'tokens', limit: 10, used: 12 },
  };
  const begun = (onExceeded: 'ask' | 'finish') =>
    fold(
      at(
        { seq: 0, epoch: 1 },
        accepted({ budget: { ...RUN.budget, max_tokens: 10, on_exceeded: onExceeded } }),
        started(),
        exceeded,
      ),
    );
  const questionOf = (state = begun('ask')): RunFact => {
    const step = next(state, 1);
    if (step.do !== 'ask-budget') throw new Error(step.do);
    return { type: 'orchestrator.approval.requested', data: askForBudget(state, step.exceeded, 1) };
  };

  it('is asked about only where the run wants that', () => {
    expect(next(begun('finish'), 1)).toMatchObject({ do: 'finish', reason: 'budget_exceeded' });
    expect(next(begun('ask'), 1)).toMatchObject({ do: 'ask-budget' });
  });

  it('grows by as much again, or to what the person names, and never to less than is used', () => {
    const raise = (given?: object) => {
      const state = begun('ask');
      const open = evolve(state, at({ seq: state.seq, epoch: 1 }, questionOf())[0]!);
      const answer = decided('approve', {
        approval_id: 'ask-budget-1',
        step_id: null,
        ...(given ? { arguments: given } : {}),
      });
      return evolve(open, at({ seq: open.seq, epoch: 1 }, answer)[0]!).raised['run.tokens'];
    };
    expect(raise()).toBe(22);
    expect(raise({ limit: 500 })).toBe(500);
    expect(raise({ limit: 3 })).toBe(22);
  });

  it('ends the run when the person declines', () => {
    const state = begun('ask');
    const open = evolve(state, at({ seq: state.seq, epoch: 1 }, questionOf())[0]!);
    const no = decided('deny', { approval_id: 'ask-budget-1', step_id: null });
    expect(next(evolve(open, at({ seq: open.seq, epoch: 1 }, no)[0]!), 1)).toMatchObject({
      do: 'finish',
      reason: 'budget_exceeded',
    });
    expect(INITIAL.budgetAsk).toBeNull();
  });
});
