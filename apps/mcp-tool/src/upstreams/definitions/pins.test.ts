import { describe, expect, it } from '@jest/globals';
import type { ToolPin, ToolPinChange } from '@switchyard/store';
import { fc } from '@switchyard/testing/property';
import { canonicalDefinition, definitionDiff, hashOf, judge } from './pins.ts';
import type { Definition } from './scan.ts';

const define = (name: string, description = 'Does it.'): Definition => ({
  name,
  description,
  inputSchema: { type: 'object' },
});
const pin = (definition: Definition, more: Partial<ToolPin> = {}): ToolPin => ({
  tool: definition.name,
  approved: canonicalDefinition(definition),
  pending: null,
  reasons: [],
  rejected: null,
  ...more,
});
const names = (definitions: readonly Definition[]) => definitions.map(({ name }) => name);
const MANUAL = { approve: 'manual', others: [] } as const;
const FIRST_USE = { approve: 'first_use', others: [] } as const;

describe('what may be used', () => {
  it('is nothing that nobody approved', () => {
    const { active, changes } = judge([define('a')], [], MANUAL);
    expect(active).toEqual([]);
    expect(changes).toMatchObject([{ tool: 'a', become: 'quarantined', reasons: ['new'] }]);
  });

  it('is all of an upstream that is seen for the first time, where its operator says so, but what the scan objects to', () => {
    const { active, changes } = judge([define('a'), define('b', '<IMPORTANT>')], [], FIRST_USE);
    expect(names(active)).toEqual(['a']);
    expect(changes.map(({ become }) => become)).toEqual(['approved', 'quarantined']);
  });

  it('is not what says something else than was approved; the others stay', () => {
    const pins = [pin(define('a')), pin(define('b'))];
    const { active, changes } = judge([define('a', 'Does it, and more.'), define('b')], pins, FIRST_USE);
    expect(names(active)).toEqual(['b']);
    expect(changes).toMatchObject([{ tool: 'a', become: 'quarantined', reasons: ['changed'] }]);
  });

  it('is what came back to the approved definition', () => {
    const pins = [pin(define('a'), { pending: canonicalDefinition(define('a', 'other')) })];
    const { active, changes } = judge([define('a')], pins, MANUAL);
    expect(names(active)).toEqual(['a']);
    expect(changes).toEqual([{ tool: 'a', become: 'settled' }]);
  });

  it('is no tool under a new name, however well its twin is known', () => {
    const { active } = judge([define('b')], [pin(define('a'))], FIRST_USE);
    expect(active).toEqual([]);
  });

  it('is neither of two with one name', () => {
    expect(judge([define('a'), define('a', 'x')], [pin(define('a'))], MANUAL)).toEqual({ active: [], changes: [] });
  });

  it('is nothing that cannot be used, also where it was approved', () => {
    const options = { ...MANUAL, objections: () => ['its schema does not compile'] };
    expect(judge([define('a')], [pin(define('a'))], options).active).toEqual([]);
  });

  it('is asked of a person once for each definition', () => {
    const other = canonicalDefinition(define('a', 'x'));
    const waiting = judge([define('a', 'x')], [pin(define('a'), { pending: other })], MANUAL);
    const refused = judge([define('a', 'x')], [pin(define('a'), { rejected: hashOf(other) })], MANUAL);
    expect([waiting, refused]).toEqual([
      { active: [], changes: [] },
      { active: [], changes: [] },
    ]);
  });
});

it('is, after any history, only what is to the letter what was approved', () => {
  const seen = fc.array(
    fc.record({ name: fc.constantFrom('a', 'b', 'c'), description: fc.constantFrom('x', 'y', '<system>') }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(seen, fc.boolean()), { maxLength: 12 }), (history) => {
      const pins = new Map<string, ToolPin>();
      for (const [listed, approveAll] of history) {
        const definitions = listed.map((each) => ({ ...each, inputSchema: {} }));
        const { active, changes } = judge(definitions, [...pins.values()], FIRST_USE);
        for (const change of changes) pins.set(change.tool, after(pins.get(change.tool), change));
        for (const definition of active)
          expect(pins.get(definition.name)?.approved).toBe(canonicalDefinition(definition));
        expect(new Set(names(active)).size).toBe(active.length);
        if (approveAll)
          for (const [tool, known] of pins)
            if (known.pending !== null) pins.set(tool, { ...known, approved: known.pending, pending: null });
      }
    }),
  );
});

function after(known: ToolPin | undefined, change: ToolPinChange): ToolPin {
  const before = known ?? { tool: change.tool, approved: null, pending: null, reasons: [], rejected: null };
  if (change.become === 'settled') return { ...before, pending: null };
  return change.become === 'approved'
    ? { ...before, approved: change.definition }
    : { ...before, pending: change.definition, reasons: change.reasons };
}

it('shows what changed, hidden characters written out', () => {
  const [before, now] = [canonicalDefinition(define('a')), canonicalDefinition(define('a', 'Does it.\u200b'))];
  expect(definitionDiff(before, now)).toEqual(['- description: "Does it."', '+ description: "Does it.\\u{200b}"']);
  expect(definitionDiff(null, before)[0]).toMatch(/^\+ /);
});
