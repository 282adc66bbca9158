import { describe, expect, it } from '@jest/globals';
import { inParts, standsAhead } from './pull.ts';

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

  it('tells the error of its source with the next part, and not before: nothing is left unhandled meanwhile', async () => {
    async function* failing(): AsyncGenerator<number> {
      yield* [1, 2, 3];
      throw new Error('the consumer was deleted');
    }
    const unhandled: unknown[] = [];
    const note = (error: unknown) => void unhandled.push(error);
    process.on('unhandledRejection', note);
    const seen: number[][] = [];
    const reading = (async () => {
      for await (const part of inParts(failing(), soon)) {
        seen.push(part);
        await new Promise((resolve) => setTimeout(resolve, 20)); // the part is handled
      }
    })();
    await expect(reading).rejects.toThrow('the consumer was deleted');
    process.off('unhandledRejection', note);
    expect(seen).toEqual([[1, 2, 3]]);
    expect(unhandled).toEqual([]);
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

describe('a consumer', () => {
  it('stands ahead of a server that lost the end of the stream', () => {
    expect(standsAhead(36_070, 0)).toBe(true);
    expect(standsAhead(10, 10)).toBe(false);
  });
});
