import { describe, expect, it } from '@jest/globals';
import { ENGINE_VERSION, ENGINE_VERSIONS, isProgressType, type RunEvent } from '@switchyard/contracts';
import { acts, accepted, answer, at, journal, planningStarted, started } from '@switchyard/testing';
import { differenceOf } from './difference.ts';
import { GOLDEN } from './golden.fixture.ts';
import { replay } from './replay.ts';

/** What the run decides by itself: each word of it is compared. */
const DECISIONS: readonly string[] = [
  'orchestrator.task.started',
  'orchestrator.planning.started',
  'orchestrator.message.completed',
  'orchestrator.task.completed',
  'orchestrator.step.dispatching',
  'orchestrator.approval.requested',
];
/** Worked out from a time that no fact but this one holds. */
const BY_TIME = ['expires_at'];

/** That a run is given up, and in which words, is told from outside; the rest of its end is decided. */
function isGivenUp(event: RunEvent): boolean {
  return event.type === 'orchestrator.task.completed' && event.data.error_code === 'poisoned';
}

/** Progress, one more try of a step, and what an owner that handed the run over was about to announce. */
function mayBeMissing(event: RunEvent, following: RunEvent | undefined): boolean {
  if (isProgressType(event.type) || isGivenUp(event)) return true;
  if (event.type === 'orchestrator.step.dispatching' && event.data.attempt > 1) return true;
  // It only tells: no decision follows from it.
  if (event.type === 'orchestrator.model.waiting') return true;
  // The planning before it, or the outcome of the step after it, tells the same.
  if (event.type === 'orchestrator.guardrail.violated' && event.data.where !== 'task') return true;
  return DECISIONS.includes(event.type) && following !== undefined && following.epoch > event.epoch;
}

const renumbered = (events: readonly RunEvent[]) => events.map((event, index) => ({ ...event, seq: index + 1 }));

/** Every change of one value in this data, one at a time. */
function* changesOf(value: unknown, path: string[] = []): Generator<{ path: string; changed: unknown }> {
  if (BY_TIME.includes(path.at(-1) ?? '')) return;
  if (typeof value === 'number') yield { path: path.join('.'), changed: value + 1 };
  else if (typeof value === 'string') yield { path: path.join('.'), changed: `${value}x` };
  else if (typeof value === 'boolean') yield { path: path.join('.'), changed: !value };
  else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      for (const { path: at, changed } of changesOf(inner, [...path, key])) {
        const copy = Array.isArray(value) ? [...(value as unknown[])] : { ...value };
        yield { path: at, changed: Object.assign(copy, { [key]: changed }) };
      }
    }
  }
}

describe.each(GOLDEN.filter(({ name }) => !name.includes('long')))('in $name', ({ events }) => {
  it('notices every decision that was another, and names it', () => {
    for (const [index, event] of events.entries()) {
      if (!DECISIONS.includes(event.type)) continue;
      for (const { path, changed } of changesOf(event.data)) {
        if (isGivenUp(event) && path === 'error') continue;
        const other = events.map((one) => (one === event ? ({ ...one, data: changed } as RunEvent) : one));
        const { difference } = replay(other);
        expect({ path, seq: difference?.seq }).toEqual({ path, seq: index + 1 });
      }
    }
  });

  it('notices every event that is missing, but for what workers tell on the way', () => {
    for (const [index, event] of events.entries()) {
      if (mayBeMissing(event, events[index + 1])) continue;
      const { difference } = replay(renumbered(events.filter((one) => one !== event)));
      expect({ type: event.type, found: difference !== null }).toEqual({ type: event.type, found: true });
      expect(difference!.seq).toBeGreaterThanOrEqual(index === 0 ? 0 : index + 1);
    }
  });

  it('notices two events that changed places', () => {
    for (let index = 1; index < events.length - 1; index += 1) {
      const [first, second] = [events[index]!, events[index + 1]!];
      // What is told may come in any order; a time limit and steps at once are told.
      if (![first, second].every((event) => DECISIONS.includes(event.type) && !isGivenUp(event))) continue;
      const { type, data } = second;
      const swapped = [...events];
      swapped[index] = { ...first, type, data } as RunEvent;
      swapped[index + 1] = { ...second, type: first.type, data: first.data } as RunEvent;
      expect(replay(swapped).difference?.seq).toBe(index + 1);
    }
  });
});

const begun = [accepted(), started(), planningStarted(1)];

it('notices a prompt that differs', () => {
  const asked = answer(1, 'hello');
  const other = { ...asked, data: { ...asked.data, prompt_sha256: '0'.repeat(64) } } as typeof asked;
  const { difference } = replay(journal(...begun, other));
  expect(difference).toMatchObject({ seq: 4, why: expect.stringContaining('prompt differs') });
});

it('notices steps that are numbered otherwise', () => {
  const { difference } = replay(journal(...begun, acts(1, ['step-mcp-002'])));
  expect(difference?.why).toContain('step-mcp-001');
});

it('leaves a journal of another version to others, and says which it continues', () => {
  const [first, ...rest] = journal(...begun);
  const version = ENGINE_VERSION + 1;
  const newer = { ...first!, data: { ...first!.data, engine_version: version } } as RunEvent;
  const result = replay([newer, ...rest]);
  expect(result).toMatchObject({ engineVersion: version, confirmed: 0 });
  expect(result.difference?.why).toContain(
    `engine version ${version}; this code continues ${ENGINE_VERSIONS.join(', ')}`,
  );
});

it('says of what is no journal that it is none, and never throws', () => {
  const pieces = [[], at({ seq: 0, epoch: 1 }, started()), [{}], journal(...begun).slice(1)] as RunEvent[][];
  for (const events of pieces) expect(replay(events)).toMatchObject({ engineVersion: null, confirmed: 0 });
});

it('finds the first place where two values differ', () => {
  expect(differenceOf({ a: [1, { b: 2 }] }, { a: [1, { b: 3 }] })).toEqual({ path: 'a.1.b', recorded: 2, today: 3 });
  expect(differenceOf({ a: 1, b: undefined }, { a: 1 })).toBeNull();
  expect(differenceOf([1], [1, 2])).toMatchObject({ path: '' });
  expect(differenceOf({ a: [] }, { a: {} })).toMatchObject({ path: 'a' });
  expect(differenceOf(null, {})).toMatchObject({ path: '' });
});
