import { expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { canonicalJson, digestOf, shownArguments } from './call-digest.ts';

it('gives the same digest for the same arguments in any order, and another for others', () =>
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()), (a, b) => {
      const shuffled = Object.fromEntries(Object.entries(a).reverse());
      expect(digestOf(shuffled)).toBe(digestOf(a));
      expect(JSON.parse(canonicalJson(a))).toEqual(JSON.parse(JSON.stringify(a)));
      const same = canonicalJson(a) === canonicalJson(b);
      expect(digestOf(a) === digestOf(b)).toBe(same);
    }),
  ));

it('shows arguments without secrets, and bounded', () => {
  const shown = JSON.stringify(shownArguments({ to: 'ann', password: 'hunter2', note: 'x'.repeat(5_000) }));
  expect(shown).toContain('ann');
  expect(shown).not.toContain('hunter2');
  const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`key${i}`, 'y'.repeat(400)]));
  expect(JSON.stringify(shownArguments(many)).length).toBeLessThan(20_000);
});
