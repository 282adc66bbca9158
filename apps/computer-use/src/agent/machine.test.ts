import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import type { FrameRef } from '@switchyard/contracts';
import type { WorkerCall } from './functions.ts';
import { begin, evolve, next, type StepFact, type StepState } from './machine.ts';

const frame = (n: number): FrameRef => ({ sha256: String(n).padStart(64, '0'), width: 10, height: 10 });
const click: WorkerCall = { name: 'click', target: 'the button "A"' };
const planned = (call: WorkerCall): StepFact => ({ type: 'planned', decision: { call, plan: '' } });
const acted = (n: number, what = 'click A'): StepFact => ({ type: 'acted', what, changed: true, frame: frame(n) });
const after = (state: StepState, ...facts: StepFact[]) => facts.reduce(evolve, state);
const LIMITS = { maxTurns: 10, reflection: true };
const looked: StepFact = { type: 'looked', frame: frame(0) };

describe('the loop of a step', () => {
  it('looks, plans, acts, and from the second turn on judges the turn before it plans', () => {
    let state = begin(LIMITS);
    expect(next(state)).toEqual({ do: 'look' });
    state = evolve(state, looked);
    expect(next(state)).toEqual({ do: 'plan' });
    state = evolve(state, planned(click));
    expect(next(state)).toMatchObject({ do: 'act', decision: { call: click } });
    state = evolve(state, acted(1));
    expect(next(state)).toEqual({ do: 'reflect' });
    state = evolve(state, { type: 'reflected', verdict: 'on_plan', reason: 'pressed' });
    expect(next(state)).toEqual({ do: 'plan' });
    expect(state).toMatchObject({ turn: 2, before: frame(0), frame: frame(1) });
  });

  it('without reflections never judges, and believes that the task is done', () => {
    const state = after(begin({ ...LIMITS, reflection: false }), looked, planned(click), acted(1));
    expect(next(state)).toEqual({ do: 'plan' });
    expect(next(evolve(state, planned({ name: 'done', answer: 'ok' })))).toEqual({
      do: 'end',
      end: { done: true, answer: 'ok' },
    });
  });

  it('judges a claim to be done on the screen, goes on where it is not so, and gives up on the third', () => {
    const claim = planned({ name: 'done', answer: 'ok' });
    const not: StepFact = { type: 'judged', verdict: 'off_plan', reason: 'a field is empty' };
    let state = after(begin(LIMITS), looked, claim);
    expect(next(state)).toEqual({ do: 'judge', answer: 'ok' });
    expect(next(evolve(state, { type: 'judged', verdict: 'done', reason: '' }))).toMatchObject({
      end: { done: true, answer: 'ok' },
    });
    state = evolve(state, not);
    expect(next(state)).toEqual({ do: 'plan' });
    expect(state.verdict).toEqual({ verdict: 'off_plan', reason: 'a field is empty' });
    state = after(state, claim, not, claim, not);
    expect(next(state)).toMatchObject({ end: { done: false, code: 'not_verified' } });
  });

  it('judges after the third equal act even where reflections are off, and is stuck after the fifth', () => {
    const same = (state: StepState) => after(state, planned(click), { ...acted(0), changed: false } as StepFact);
    let state = after(begin({ ...LIMITS, reflection: false }), looked);
    state = same(same(same(state)));
    expect(next(state)).toEqual({ do: 'reflect' });
    state = evolve(state, { type: 'reflected', verdict: 'off_plan', reason: 'nothing happens' });
    state = same(same(state));
    expect(next(state)).toMatchObject({ do: 'end', end: { done: false, code: 'stuck' } });
  });

  it('is stuck as well where the same thing is not found again and again', () => {
    const miss = (state: StepState) => after(state, planned(click), { type: 'missed', what: 'click A', why: 'gone' });
    let state = after(begin(LIMITS), looked);
    for (let n = 0; n < 5; n += 1) state = miss(state);
    expect(next(state)).toMatchObject({ end: { code: 'stuck' } });
  });

  it('ends within its turns, with one act a turn at most, whatever the model and the screen say', () => {
    const calls: fc.Arbitrary<WorkerCall> = fc.oneof(
      fc.constantFrom('a', 'b', 'c').map((target): WorkerCall => ({ name: 'click', target })),
      fc.constant<WorkerCall>({ name: 'wait', ms: 1 }),
      fc.constant<WorkerCall>({ name: 'note', text: 'n' }),
      fc.constant<WorkerCall>({ name: 'done', answer: 'x' }),
      fc.constant<WorkerCall>({ name: 'fail', reason: 'x' }),
    );
    const verdicts = fc.constantFrom('on_plan' as const, 'off_plan' as const, 'done' as const);
    const world = fc.record({ call: calls, verdict: verdicts, screen: fc.nat(3), found: fc.boolean() });
    const limits = fc.record({ maxTurns: fc.integer({ min: 1, max: 12 }), reflection: fc.boolean() });
    fc.assert(
      fc.property(limits, fc.infiniteStream(world), (given, stream) => {
        let state = begin(given);
        const planOfTurn = new Set<number>();
        const actOfTurn = new Set<number>();
        for (let rounds = 0; ; rounds += 1) {
          expect(rounds).toBeLessThan(given.maxTurns * 4 + 4);
          const { value } = stream.next();
          const { call, verdict, screen, found } = value as Exclude<typeof value, undefined>;
          const todo = next(state);
          if (todo.do === 'end') break;
          expect(state.turn).toBeLessThanOrEqual(given.maxTurns);
          if (todo.do === 'look') state = evolve(state, looked);
          if (todo.do === 'reflect') {
            expect(state.turn).toBeGreaterThan(1);
            state = evolve(state, { type: 'reflected', verdict, reason: '' });
          }
          if (todo.do === 'judge') state = evolve(state, { type: 'judged', verdict, reason: '' });
          if (todo.do === 'plan') {
            expect(planOfTurn.has(state.turn)).toBe(false);
            planOfTurn.add(state.turn);
            state = evolve(state, planned(call));
          }
          if (todo.do === 'act') {
            expect(actOfTurn.has(state.turn)).toBe(false);
            actOfTurn.add(state.turn);
            const what = todo.decision.call.name;
            state = evolve(state, found ? acted(screen, what) : { type: 'missed', what, why: '' });
          }
        }
        const end = state;
        expect(evolve(state, acted(1))).toBe(end); // nothing changes what has ended
      }),
    );
  });
});
