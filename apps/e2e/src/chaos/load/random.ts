/** All random choices of a round come from here: the same seed gives the same plan. */
export interface Random {
  /** From 0 to below 1. */
  next(): number;
  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number;
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
  /** By weight; the weights need no fixed sum. */
  weighted<T>(from: readonly (readonly [T, number])[]): T;
  shuffled<T>(from: readonly T[]): T[];
  /** An independent sequence, so that one part of a plan may change without changing the others. */
  fork(name: string): Random;
}

export function seededRandom(seed: string): Random {
  const next = mulberry32(hash(seed));
  const int = (min: number, max: number) => min + Math.floor(next() * (max - min + 1));
  const pick = <T>(from: readonly T[]): T => {
    if (from.length === 0) throw new Error('nothing to pick from');
    return from[int(0, from.length - 1)]!;
  };
  return {
    next,
    int,
    pick,
    chance: (probability) => next() < probability,
    weighted: (from) => {
      let left = next() * from.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [value, weight] of from) if ((left -= weight) < 0) return value;
      return from.at(-1)![0];
    },
    shuffled: (from) => {
      const all = [...from];
      for (let n = all.length - 1; n > 0; n -= 1) {
        const other = int(0, n);
        [all[n], all[other]] = [all[other]!, all[n]!];
      }
      return all;
    },
    fork: (name) => seededRandom(`${seed}/${name}`),
  };
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
