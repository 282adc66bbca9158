import { describe, expect, it } from '@jest/globals';
import type { RunEvent, RunFact } from '@switchyard/contracts';
import { fc } from '@switchyard/testing/property';
import { evolve, fold, objection } from './evolve.ts';
import { next, terminalData } from './next.ts';
import { INITIAL, type RunState } from './state.ts';
import { openSteps, performedSteps } from './steps.ts';
import {
  accepted,
  acts,
  answer,
  at,
  completed,
  dispatching,
  journal,
  planningStarted,
  started,
} from '@switchyard/testing';

const terminal = (state: RunState, status: 'success' | 'cancelled' = 'success'): RunFact => ({
  type: 'orchestrator.task.completed',
  data: terminalData(state, { do: 'finish', status, reason: 'ok', answer: 'done', error: null, errorCode: null }),
});

describe('evolve', () => {
  it('folds a run with two parallel steps to its answer', () => {
    const state = fold(
      journal(
        accepted(),
        started(),
        planningStarted(1),
        acts(1, ['step-mcp-001', 'step-mcp-002']),
        dispatching('step-mcp-001'),
        dispatching('step-mcp-002'),
        completed('step-mcp-002'),
        completed('step-mcp-001'),
        planningStarted(2),
        answer(2, 'both done'),
      ),
    );
    expect(state).toMatchObject({ phase: 'idle', seq: 10, lastText: 'both done' });
    expect(performedSteps(state)).toHaveLength(2);
    expect(next(state, 0)).toMatchObject({ do: 'finish', status: 'success', answer: 'both done' });
  });

  it('performs a plan in order and gives up the rest when a step fails', () => {
    const planned = fold(
      journal(accepted(), started(), planningStarted(1), acts(1, ['step-mcp-001', 'step-mcp-002'], 'sequence')),
    );
    expect(openSteps(planned).map((step) => step.act.step_id)).toEqual(['step-mcp-001']);
    const failed = fold(at(planned, dispatching('step-mcp-001'), completed('step-mcp-001', false)), planned);
    expect(failed.phase).toBe('idle');
    expect(next(failed, 0)).toMatchObject({ do: 'plan', stepNumber: 2, lastFailed: true });
  });

  const illegal: [string, RunState, RunEvent][] = (() => {
    const open = fold(
      journal(accepted(), started(), planningStarted(1), acts(1, ['step-mcp-001']), dispatching('step-mcp-001')),
    );
    const [second] = at(open, completed('step-mcp-001'));
    const ended = fold(at(open, completed('step-mcp-001'), planningStarted(2), answer(2, 'x')), open);
    const over = fold(at(ended, terminal(ended)), ended);
    return [
      ['a hole in seq', open, { ...second!, seq: second!.seq + 1 }],
      ['a seq that was taken before', open, { ...second!, seq: second!.seq - 1 }],
      ['a stale epoch', { ...open, epoch: 5 }, second!],
      ['an event of another run', open, { ...second!, runId: 'other' }],
      ['the outcome of a step that was never planned', open, at(open, completed('step-mcp-009'))[0]!],
      ['a second start', open, at(open, started())[0]!],
      ['an answer without a planning', open, at(open, answer(2, 'x'))[0]!],
      ['anything after the end', over, at(over, planningStarted(3))[0]!],
      ['a second terminal event', over, at(over, terminal(ended))[0]!],
      ['an event before the acceptance', INITIAL, journal(started())[0]!],
    ];
  })();
  it.each(illegal)('never changes state for %s', (_name, state, event) => {
    expect(objection(state, event)).not.toBeNull();
    expect(evolve(state, event)).toBe(state);
  });
});

/** Any fact at all, at any place, under any epoch. */
const anyFact: fc.Arbitrary<RunFact> = fc.oneof(
  fc.constant(accepted()),
  fc.constant(started()),
  fc.nat(3).map((n) => planningStarted(n)),
  fc
    .tuple(
      fc.nat(3),
      fc.subarray(['step-mcp-001', 'step-mcp-002', 'step-a2a-003'], { minLength: 1 }),
      fc.constantFrom('parallel', 'sequence'),
    )
    .map(([n, ids, order]) => acts(n, ids, order as 'parallel' | 'sequence')),
  fc.nat(3).map((n) => answer(n, 'text')),
  fc.constantFrom('step-mcp-001', 'step-mcp-002', 'step-a2a-003').map((id) => dispatching(id)),
  fc
    .tuple(fc.constantFrom('step-mcp-001', 'step-mcp-002', 'step-a2a-003'), fc.boolean())
    .map(([id, ok]) => completed(id, ok)),
  fc.constant<RunFact>({ type: 'orchestrator.cancel.requested', data: { by: 'u', reason: '' } }),
  fc.constant<RunFact>({
    type: 'orchestrator.guardrail.violated',
    data: { where: 'task', rule: 'keyword 1', message: 'no' },
  }),
);
const moves = fc.array(
  fc.record({
    fact: anyFact,
    seqOff: fc.constantFrom(0, 0, 0, 0, 1, -1),
    epoch: fc.constantFrom(1, 1, 1, 2, 0),
    end: fc.constantFrom(false, false, false, false, false, true),
  }),
  { maxLength: 40 },
);

describe('any sequence of events, legal and illegal', () => {
  it('keeps seq without a hole, epoch rising, one outcome a step, and the end final', () => {
    fc.assert(
      fc.property(moves, (list) => {
        let state = INITIAL;
        for (const move of list) {
          const fact = move.end && state.phase !== 'new' ? terminal(state) : move.fact;
          const [event] = at(state, fact);
          const moved = { ...event!, seq: event!.seq + move.seqOff, epoch: move.epoch };
          const before = state;
          state = evolve(state, moved);
          if (objection(before, moved) !== null) expect(state).toBe(before);
          else expect(state.seq).toBe(before.seq + 1);
          expect(state.epoch).toBeGreaterThanOrEqual(before.epoch);
          if (before.phase === 'ended') expect(state).toBe(before);
          for (const step of before.steps.filter(({ outcome }) => outcome)) {
            expect(state.steps.find(({ act }) => act.step_id === step.act.step_id)?.outcome).toBe(step.outcome);
          }
          expect(new Set(state.steps.map(({ act }) => act.step_id)).size).toBe(state.steps.length);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('always knows what to do next, and nothing once it has ended', () => {
    fc.assert(
      fc.property(moves, (list) => {
        let state = INITIAL;
        for (const move of list) {
          state = evolve(state, at(state, move.end && state.phase !== 'new' ? terminal(state) : move.fact)[0]!);
          const step = next(state, 0);
          if (state.phase === 'ended') expect(step).toEqual({ do: 'nothing' });
          else if (state.phase !== 'new') expect(step.do).not.toBe('nothing');
          if (state.cancel && state.phase !== 'ended')
            expect(step).toMatchObject({ do: 'finish', status: 'cancelled' });
        }
      }),
      { numRuns: 500 },
    );
  });

  it('folds the same journal to the same state, in one go or piece by piece', () => {
    fc.assert(
      fc.property(moves, fc.nat(40), (list, cut) => {
        const events: RunEvent[] = [];
        let state = INITIAL;
        for (const move of list) {
          const [event] = at(state, move.fact);
          events.push(event!);
          state = evolve(state, event!);
        }
        expect(fold(events.slice(cut), fold(events.slice(0, cut)))).toEqual(fold(events));
      }),
    );
  });
});
