import { describe, expect, it } from '@jest/globals';
import type { RunEvent, RunFact, RunSpec } from '@switchyard/contracts';
import { accepted, acts, at, completed, dispatching, planningStarted, RUN, started } from '@switchyard/testing';
import { isWaiting } from './asks.ts';
import { evolve, fold, objection } from './evolve.ts';
import { foresee } from './foresee.ts';
import { next } from './next.ts';
import type { RunState } from './state.ts';

const STEPS = ['step-mcp-001', 'step-mcp-002', 'step-mcp-003'];
const LATER = 10_000_000;

const asking = (max: number, more: Partial<RunSpec> = {}) =>
  accepted({ budget: { ...RUN.budget, max_steps: max, on_exceeded: 'ask' }, ...more });

/** Plays what the machine announces by itself, and every step that is due with success. */
function play(state: RunState): { state: RunState; events: RunEvent[] } {
  const events: RunEvent[] = [];
  const take = (facts: readonly RunFact[]) => {
    const taken = at({ seq: state.seq, epoch: state.epoch, ts: state.lastTs + 1 }, ...facts);
    state = taken.reduce(evolve, state);
    expect(state.seq).toBe(taken.at(-1)?.seq ?? state.seq);
    events.push(...taken);
  };
  for (;;) {
    take(foresee(state, [], { now: state.lastTs, epoch: state.epoch, checkTask: () => null, announce: true }).facts);
    const wanted = next(state, state.lastTs);
    if (wanted.do !== 'perform') return { state, events };
    take(wanted.steps.map(({ act }) => completed(act.step_id)));
  }
}

const answerTo = (state: RunState, decision: 'approve' | 'deny', limit?: number): RunState =>
  at(
    { seq: state.seq, epoch: 2, ts: state.lastTs + 1 },
    {
      type: 'orchestrator.approval.decided',
      data: {
        approval_id: state.budgetAsk!.request.approval_id,
        step_id: null,
        decision,
        by: 'u1',
        ...(limit === undefined ? {} : { arguments: { limit } }),
      },
    },
  ).reduce(evolve, state);

const dispatched = (events: readonly RunEvent[]) =>
  events.flatMap((event) => (event.type === 'orchestrator.step.dispatching' ? [event.data.step_id] : []));
const begun = (max: number, order: 'parallel' | 'sequence') =>
  fold(at({ seq: 0, epoch: 1 }, asking(max), started(), planningStarted(1), acts(1, STEPS, order)));

describe.each(['parallel', 'sequence'] as const)('steps %s, more than the limit leaves room for', (order) => {
  it('wait for the question about the limit, and none of them leaves before', () => {
    const { state, events } = play(begun(2, order));
    expect(dispatched(events)).toEqual(STEPS.slice(0, 2));
    expect(state.exceeded).toMatchObject({ kind: 'steps', limit: 2, used: 2 });
    expect(next(state, state.lastTs)).toMatchObject({ do: 'wait' });
    expect(isWaiting(state)).toBe(true);
  });

  it('go on themselves after the raise, each once, and the planner is not asked in between', () => {
    const paused = play(begun(1, order));
    const first = play(answerTo(paused.state, 'approve'));
    expect(dispatched(first.events)).toEqual([STEPS[1]]);
    const second = play(answerTo(first.state, 'approve', 3));
    expect(dispatched(second.events)).toEqual([STEPS[2]]);
    expect(second.state.steps.map(({ outcome, attempt }) => [outcome?.status, attempt])).toEqual([
      ['completed', 1],
      ['completed', 1],
      ['completed', 1],
    ]);
    expect(second.state.plannings).toHaveLength(1);
  });

  it('fail where the limit is not raised, and the planner answers from what is known', () => {
    const paused = play(begun(2, order));
    const { state } = play(answerTo(paused.state, 'deny'));
    expect(state.steps.at(-1)?.outcome).toMatchObject({ status: 'failed', error_code: 'budget_exceeded' });
    expect(next(state, state.lastTs)).toMatchObject({ do: 'plan', final: true });
  });
});

it('is never announced beyond the limit by an owner that did not ask', () => {
  const state = begun(1, 'parallel');
  const [first, second] = [dispatching(STEPS[0]!), dispatching(STEPS[1]!)];
  const after = (from: RunState, fact: RunFact) => at({ seq: from.seq, epoch: 1, ts: LATER }, fact)[0]!;
  expect(objection(state, after(state, second))).toBe('the limit of steps leaves no room');
  expect(objection(state, after(state, first))).toBeNull();
});

it('tells which owner dispatched a step', () => {
  const state = begun(3, 'parallel');
  const later = at({ seq: state.seq, epoch: 4 }, dispatching(STEPS[0]!)).reduce(evolve, state);
  expect(later.steps.map(({ epoch }) => epoch)).toEqual([4, 0, 0]);
});

it('leaves a run of the first version as it was: a step beyond the limit is not waited for', () => {
  const [first, ...rest] = at({ seq: 0, epoch: 1 }, asking(1), started(), planningStarted(1), acts(1, STEPS));
  const old = { ...first!, data: { ...first!.data, engine_version: 1 } } as RunEvent;
  expect(dispatched(play(fold([old, ...rest])).events)).toEqual(STEPS);
});
