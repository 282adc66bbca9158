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
