import { describe, expect, it } from '@jest/globals';
import { inParts } from './pull.ts';

/** Gives these one after the other; `gap` waits until the test opens it. */
async function* source(items: readonly (number | 'gap')[], gap: Promise<void>): AsyncGenerator<number> {
  for (const item of items) {
    if (item === 'gap') await gap;
    else yield item;
  }
}
const soon = { max: 3, withinMs: 20 };
const collect = async (parts: AsyncIterable<number[]>, onPart: (part: number[]) => void = () => undefined) => {
  const all: number[][] = [];
  for await (const part of parts) {
    all.push(part);
    onPart(part);
  }
  return all;
};
const never = new Promise<void>(() => undefined);

describe('what comes, in parts', () => {
  it('loses nothing and keeps the order, however many come', async () => {
    for (let count = 0; count < 10; count += 1) {
      const items = Array.from({ length: count }, (_, n) => n);
      const parts = await collect(inParts(source(items, never), soon));
      expect(parts.flat()).toEqual(items);
      expect(parts.every(({ length }) => length > 0 && length <= 3)).toBe(true);
    }
  });

  it('does not keep what has come for what may never come', async () => {
    let open!: () => void;
    const gap = new Promise<void>((resolve) => (open = resolve));
    const parts = await collect(inParts(source([1, 2, 'gap', 3, 4], gap), soon), () => open());
    expect(parts).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });
});
