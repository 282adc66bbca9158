import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { CallAssembler } from './calls.ts';

const OFFERED = ['get_weather', 'calculator', 'get'];

/** A call in pieces as OpenAI sends them: the name first, then its arguments, cut anywhere. */
const pieces = fc.record({
  name: fc.constantFrom(...OFFERED),
  args: fc.dictionary(fc.string({ minLength: 1, maxLength: 4 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }),
  cuts: fc.array(fc.nat(40), { maxLength: 6 }),
});

describe('the calls of an answer', () => {
  it('come out as they were made, wherever their arguments were cut', () => {
    fc.assert(
      fc.property(fc.array(pieces, { minLength: 1, maxLength: 5 }), (made) => {
        const assembler = new CallAssembler(new Set(OFFERED));
        made.forEach(({ name, args, cuts }, index) => {
          const text = JSON.stringify(args);
          const places = [0, ...cuts.filter((cut) => cut < text.length).toSorted((a, b) => a - b), text.length];
          assembler.take({ index, id: `call_${index}`, function: { name, arguments: '' } });
          places.slice(1).forEach((to, at) => {
            assembler.take({ index, function: { arguments: text.slice(places[at], to) } });
          });
        });
        expect(assembler.build().map(({ name, arguments: args }) => [name, JSON.parse(args)])).toEqual(
          made.map(({ name, args }) => [name, JSON.parse(JSON.stringify(args))]),
        );
      }),
    );
  });

  it('whose arguments were cut are not completed from a part of them', () => {
    const assembler = new CallAssembler(new Set(OFFERED));
    for (const args of ['{"filter":', '{}'])
      assembler.take({ index: 0, id: 'a', function: { name: 'get', arguments: args } });
    expect(assembler.build()).toEqual([{ id: 'a', name: 'get', arguments: '{"filter":{}' }]);
  });

  it('are bounded, and have ids of their own, whatever is sent', () => {
    fc.assert(
      fc.property(fc.array(fc.anything(), { maxLength: 200 }), (deltas) => {
        const assembler = new CallAssembler(new Set(OFFERED));
        for (const delta of deltas) expect(assembler.take(delta)).toBeGreaterThanOrEqual(0);
        const ids = assembler.build().map(({ id }) => id);
        expect(new Set(ids).size).toBe(ids.length);
        expect(ids.length).toBeLessThanOrEqual(64);
      }),
    );
  });
});
