import { expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { EVENT_LIMIT, INLINE_LIMIT, restore, store } from './large-parts.ts';

const back = (data: Record<string, unknown>) => {
  const stored = store(data);
  const bodies = new Map(stored.parts.map((part) => [part.sha256, part.body]));
  return { ...stored, data: restore(stored.body, stored.refs, (sha256) => bodies.get(sha256)) };
};

it('leaves data of up to 128 KB in the event', () => {
  const { refs, parts, size } = store({ text: 'x'.repeat(INLINE_LIMIT - 11) });
  expect({ refs, parts, size }).toEqual({ refs: [], parts: [], size: INLINE_LIMIT });
});

it('takes out the largest values until the rest fits, and puts them back', () => {
  const data = { big: 'b'.repeat(INLINE_LIMIT), small: 's', larger: ['l'.repeat(2 * INLINE_LIMIT)] };
  const { refs, body, data: same, size } = back(data);
  expect(refs.map(([key]) => key)).toEqual(['larger', 'big']);
  expect(JSON.parse(body)).toEqual({ big: null, small: 's', larger: null });
  expect(size).toBe(JSON.stringify(data).length);
  expect(same).toEqual(data);
});

it('gives back any data whatever its size and characters', () => {
  const value = fc.oneof(
    fc.jsonValue(),
    fc.string({ unit: 'binary', size: 'large' }),
    fc.constant('\0'.repeat(30_000)),
  );
  const keys = fc.constantFrom('result', 'text', 'params', 'answer');
  fc.assert(
    fc.property(fc.dictionary(keys, value), (data) => {
      expect(back(data).data).toEqual(JSON.parse(JSON.stringify(data)));
    }),
  );
});

it('takes data that looks like a reference for data', () => {
  const data = { result: { $ref: { sha256: 'a'.repeat(64), length: 3 } }, refs: [['result', 'b', 1]] };
  expect(back(data).data).toEqual(data);
});

it('stores the same value under the same hash, whatever the event', () => {
  const result = 'x'.repeat(INLINE_LIMIT);
  expect(store({ result, a: 1 }).parts).toEqual(store({ b: 2, result }).parts);
});

it('throws where a part is missing or was changed, and where an event is too large', () => {
  const { body, refs } = store({ result: 'x'.repeat(INLINE_LIMIT) });
  for (const part of [undefined, '"tampered"', JSON.stringify('y'.repeat(INLINE_LIMIT))]) {
    expect(() => restore(body, refs, () => part)).toThrow(expect.objectContaining({ code: 'history_damaged' }));
  }
  expect(() => store({ text: 'x'.repeat(EVENT_LIMIT) })).toThrow(
    expect.objectContaining({ code: 'payload_too_large' }),
  );
});
