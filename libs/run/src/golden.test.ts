import { describe, expect, it } from '@jest/globals';
import { ENGINE_VERSIONS, RUN_EVENTS, type RunEvent, TERMINAL_TYPE } from '@switchyard/contracts';
import { fold } from './evolve.ts';
import { GOLDEN } from './golden.fixture.ts';
import { replay } from './replay.ts';

/*
 * The gate of an upgrade. A journal that fails here was continued by a released version in a way that this code would
 * not: either the change is a mistake, or it needs a new engine version with an upcaster. The files are never changed.
 */

describe.each(GOLDEN)('the golden journal $name', ({ events }) => {
  it('is decided today as it was', () => {
    expect(replay(events)).toMatchObject({ difference: null, confirmed: events.length, ended: true });
  });

  it('folds to its end', () => {
    const state = fold(events);
    expect(state.seq).toBe(events.length);
    expect(state.terminal).toEqual(events.at(-1)?.data);
  });

  it('is followed from any place in it: what is not there yet is all that a shorter one lacks', () => {
    for (let length = 1; length < events.length; length += 1) {
      const { difference, confirmed } = replay(events.slice(0, length));
      expect(confirmed).toBe(length);
      if (difference) expect(difference).toMatchObject({ seq: length + 1, recorded: null });
    }
  });
});

it('is there for every version that this code continues', () => {
  for (const version of ENGINE_VERSIONS) {
    expect(GOLDEN.filter(({ name }) => name.startsWith(`v${version}/`)).length).toBeGreaterThan(20);
  }
});

it('covers every fact of the run itself, and every end', () => {
  const all = GOLDEN.flatMap(({ events }) => events);
  const own = RUN_EVENTS.map(({ type }) => type).filter((type) => type.startsWith('orchestrator.'));
  expect([...new Set(all.map(({ type }) => type))]).toEqual(expect.arrayContaining([...own, 'mcp.tool.execution']));
  const terminals = all.flatMap((event: RunEvent) => (event.type === TERMINAL_TYPE ? [event.data] : []));
  expect(new Set(terminals.map(({ status }) => status))).toEqual(
    new Set(['success', 'partial', 'failed', 'cancelled']),
  );
  const steps = all.flatMap((event) => (event.type === 'orchestrator.step.completed' ? [event.data.status] : []));
  expect(new Set(steps)).toEqual(new Set(['completed', 'failed', 'in_doubt']));
  expect(Math.max(...all.map(({ epoch }) => epoch))).toBeGreaterThanOrEqual(3);
});

/** How often each task in words was dispatched, and what became of it. */
function delegations(events: readonly RunEvent[]) {
  return events.flatMap((event) => {
    if (event.type !== 'orchestrator.step.completed') return [];
    const { step_id: stepId, target, status } = event.data;
    const times = events.flatMap((other) =>
      other.type === 'orchestrator.step.dispatching' && other.data.step_id === stepId && other.data.tool === undefined
        ? [{ attempt: other.data.attempt, epoch: other.epoch }]
        : [],
    );
    return times.length === 0 ? [] : [{ target, status, again: times.at(-1)!.attempt > 1, epoch: times.at(-1)!.epoch }];
  });
}

it('covers runs that were given up, with and without a step under way', () => {
  const givenUp = GOLDEN.filter(({ events }) => fold(events).terminal?.error_code === 'poisoned');
  const inDoubt = givenUp.filter(({ events }) => events.at(-2)?.type === 'orchestrator.step.completed');
  expect(inDoubt.length).toBeGreaterThan(0);
  expect(givenUp.length).toBeGreaterThan(inDoubt.length);
});

it('covers delegated steps whose worker or owner was lost: gone on with by our agent, in doubt at another', () => {
  const all = GOLDEN.flatMap(({ events }) => delegations(events));
  const done = { target: 'mcp', status: 'completed', again: true };
  expect(all).toEqual(
    expect.arrayContaining([
      { ...done, epoch: 1 },
      { ...done, epoch: 2 },
      { target: 'a2a', status: 'in_doubt', again: false, epoch: 1 },
    ]),
  );
});
