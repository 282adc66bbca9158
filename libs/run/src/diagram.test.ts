import { expect, it } from '@jest/globals';
import type { RunFact } from '@switchyard/contracts';
import {
  accepted,
  acts,
  answer,
  at,
  completed,
  dispatching,
  drawnTransitions,
  failed,
  planningStarted,
  started,
  type Transition,
  transitionLines,
} from '@switchyard/testing';
import { evolve, objection } from './evolve.ts';
import { terminalData } from './next.ts';
import { INITIAL, type RunState } from './state.ts';

const STEP = 'step-mcp-001';
const DEPTH = 8;

/** Every kind of event that may change the phase, with the numbers that fit the state. */
function candidates(state: RunState): RunFact[] {
  const next = state.plannings.length + 1;
  const end = { do: 'finish', status: 'success', reason: 'ok', answer: 'done', error: null, errorCode: null } as const;
  return [
    accepted(),
    started(),
    planningStarted(next),
    acts(next, [STEP]),
    answer(next, 'done'),
    failed(next, 'model_unavailable'),
    dispatching(STEP),
    completed(STEP),
    { type: 'orchestrator.task.completed', data: terminalData(state, end) },
  ];
}

function* transitionsFrom(state: RunState, depth: number): Generator<Transition> {
  if (depth === 0) return;
  for (const fact of candidates(state)) {
    const [event] = at({ seq: state.seq, epoch: 1 }, fact);
    if (objection(state, event!) !== null) continue;
    const after = evolve(state, event!);
    yield {
      from: state.phase === 'new' ? '[*]' : state.phase,
      event: fact.type.replace('orchestrator.', ''),
      to: after.phase,
    };
    yield* transitionsFrom(after, depth - 1);
  }
}

it('the diagram of a run shows every transition between its phases, and no other', () => {
  expect(drawnTransitions('A run')).toEqual(transitionLines(transitionsFrom(INITIAL, DEPTH)));
});
