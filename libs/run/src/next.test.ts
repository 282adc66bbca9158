import { describe, expect, it } from '@jest/globals';
import { constraintsAllow, fold, next, type RunState } from './index.ts';
import {
  accepted,
  acts,
  answer,
  at,
  completed,
  dispatching,
  failed,
  journal,
  planningStarted,
  RUN,
  started,
} from '@switchyard/testing';

const budget = (limits: Partial<typeof RUN.budget>) => ({ budget: { ...RUN.budget, ...limits } });
const afterOneStep = (run = {}): RunState =>
  fold(
    journal(
      accepted(run),
      started(),
      planningStarted(1),
      acts(1, ['step-mcp-001']),
      dispatching('step-mcp-001'),
      completed('step-mcp-001'),
    ),
  );

describe('next', () => {
  it('begins an accepted run, then plans', () => {
    expect(next(fold(journal(accepted())), 0)).toEqual({ do: 'begin' });
    expect(next(fold(journal(accepted(), started())), 0)).toMatchObject({ do: 'plan', stepNumber: 1, final: false });
  });

  it('plans again after a takeover in the middle of a planning', () => {
    expect(next(fold(journal(accepted(), started(), planningStarted(1))), 0)).toMatchObject({
      do: 'plan',
      stepNumber: 1,
    });
  });

  it('dispatches again a step that was dispatched and never completed', () => {
    const state = fold(
      journal(accepted(), started(), planningStarted(1), acts(1, ['step-mcp-001']), dispatching('step-mcp-001')),
    );
    expect(next(state, 0)).toMatchObject({ do: 'perform', steps: [{ attempt: 1, outcome: null }] });
  });

  it.each([
    ['steps', { max_steps: 1 }],
    ['iterations', { max_iterations: 1 }],
  ])('asks once more for an answer, without functions, when the limit of %s is reached', (kind, limit) => {
    const state = afterOneStep(budget(limit));
    const step = next(state, 0);
    expect(step).toMatchObject({ do: 'exceed', exceeded: { kind } });
    if (step.do !== 'exceed') return;
    const over = fold(at(state, { type: 'orchestrator.budget.exceeded', data: step.exceeded }), state);
    expect(next(over, 0)).toMatchObject({ do: 'plan', final: true });
    const answered = fold(at(over, planningStarted(2), answer(2, 'so far')), over);
    expect(next(answered, 0)).toMatchObject({
      do: 'finish',
      status: 'partial',
      reason: 'max_steps_reached',
      answer: 'so far',
    });
  });

  it.each([
    ['tokens', { max_tokens: 15 }, 0],
    ['seconds', { max_seconds: 10 }, 11_001],
  ])('ends the run at once when the limit of %s is reached', (kind, limit, now) => {
    const state = afterOneStep(budget(limit));
    const step = next(state, now);
    expect(step).toMatchObject({ do: 'exceed', exceeded: { kind } });
    if (step.do !== 'exceed') return;
    const over = fold(at(state, { type: 'orchestrator.budget.exceeded', data: step.exceeded }), state);
    expect(next(over, now)).toMatchObject({ do: 'finish', status: 'partial', reason: 'budget_exceeded' });
  });

  it('cancels at any point before the end, whatever is open', () => {
    const open = fold(
      journal(accepted(), started(), planningStarted(1), acts(1, ['step-mcp-001']), dispatching('step-mcp-001')),
    );
    const state = fold(at(open, { type: 'orchestrator.cancel.requested', data: { by: 'u1', reason: '' } }), open);
    expect(next(state, 0)).toMatchObject({ do: 'finish', status: 'cancelled', reason: 'cancelled' });
  });

  it('calls a run whose every step failed partial, and one without steps no_steps', () => {
    const broken = fold(
      journal(
        accepted(),
        started(),
        planningStarted(1),
        acts(1, ['step-mcp-001']),
        dispatching('step-mcp-001'),
        completed('step-mcp-001', false),
        planningStarted(2),
        answer(2, 'sorry'),
      ),
    );
    expect(next(broken, 0)).toMatchObject({ status: 'partial', reason: 'ok' });
    const talk = fold(journal(accepted(), started(), planningStarted(1), answer(1, 'hello')));
    expect(next(talk, 0)).toMatchObject({ status: 'success', reason: 'no_steps' });
  });

  it('fails with the code of the planner', () => {
    const state = fold(journal(accepted(), started(), planningStarted(1), failed(1, 'model_unavailable')));
    expect(next(state, 0)).toMatchObject({ do: 'finish', status: 'failed', errorCode: 'model_unavailable' });
  });

  it('hands the whole task over where no planner is wanted', () => {
    expect(next(fold(journal(accepted({ use_orchestrator: false }), started())), 0)).toEqual({ do: 'hand-over' });
  });
});

describe('constraintsAllow', () => {
  const tool = { name: 'calculator', provider: 'math' };
  it.each([
    ['auto allows', { mode: 'auto', providers: [], tools: [] }, true],
    ['a custom list that names nothing allows nothing', { mode: 'custom', providers: [], tools: [] }, false],
    ['a named provider allows', { mode: 'custom', providers: ['math'], tools: [] }, true],
    ['a named tool allows', { mode: 'custom', providers: [], tools: ['calculator'] }, true],
    ['both lists apply where both are given', { mode: 'custom', providers: ['weather'], tools: ['calculator'] }, false],
  ] as const)('%s', (_name, constraints, allowed) => {
    expect(
      constraintsAllow({ ...constraints, providers: [...constraints.providers], tools: [...constraints.tools] }, tool),
    ).toBe(allowed);
  });
});
