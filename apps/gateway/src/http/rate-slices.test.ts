import { describe, expect, it } from '@jest/globals';
import { RateSlices } from './rate-slices.ts';

/** The count of one minute that all replicas share, as Redis keeps it. */
function shared(limit: number, endsInMs = 60_000) {
  const asked: number[] = [];
  let consumed = 0;
  return {
    asked,
    begin: () => (consumed = 0),
    take: async (_caller: string, points: number) => {
      asked.push(points);
      await Promise.resolve();
      consumed += points;
      const given = Math.min(points, points - (consumed - limit));
      if (given <= 0) throw new Error('over');
      return { points: given, left: Math.max(0, limit - consumed), endsInMs };
    },
  };
}
const allowed = async (slices: RateSlices, times: number, caller = 'alice') => {
  const taken = await Promise.allSettled(Array.from({ length: times }, () => slices.take(caller)));
  return taken.filter(({ status }) => status === 'fulfilled').length;
};

describe('requests taken in slices', () => {
  it('are exactly as many as the limit where one replica is asked, at once or one after the other', async () => {
    for (const limit of [1, 10, 100, 6_000]) {
      expect(await allowed(new RateSlices(shared(limit).take), limit + 50)).toBe(limit);
      const slices = new RateSlices(shared(limit).take);
      let passed = 0;
      for (let n = 0; n < limit + 50; n += 1) passed += await allowed(slices, 1);
      expect(passed).toBe(limit);
    }
  });

  it('are never more than the limit over several replicas, and less by a sixteenth for each further one at most', async () => {
    const limit = 1_000;
    const count = shared(limit);
    const replicas = [0, 1, 2].map(() => new RateSlices(count.take));
    let passed = 0;
    for (let n = 0; n < 500; n += 1) for (const one of replicas.slice(1)) passed += await allowed(one, 1);
    for (let n = 0; n < 5; n += 1) passed += await allowed(replicas[0]!, 100);
    expect(passed).toBeLessThanOrEqual(limit);
    expect(passed).toBeGreaterThanOrEqual(limit - 2 * Math.ceil(limit / 16));
  });

  it('are asked for seldom by a caller that sends many, and one by one by a caller that comes once', async () => {
    const count = shared(6_000);
    const slices = new RateSlices(count.take);
    expect(await allowed(slices, 1, 'bob')).toBe(1);
    expect(count.asked).toEqual([1]);
    expect(await allowed(slices, 3_000)).toBe(3_000);
    expect(count.asked.length).toBeLessThan(15);
  });

  it('end with their minute', async () => {
    let now = 0;
    const count = shared(100, 1_000);
    const slices = new RateSlices(count.take, () => now);
    expect(await allowed(slices, 120)).toBe(100);
    now = 1_000;
    count.begin();
    expect(await allowed(slices, 120)).toBe(100);
    expect(count.asked.filter((points) => points > 7)).toEqual([]);
  });

  it('of callers that came long ago are forgotten', async () => {
    const slices = new RateSlices(shared(1_000_000).take);
    for (let n = 0; n < 10_100; n += 1) await slices.take(`user ${n}`);
    expect(slices.callers).toBe(10_000);
  });
});
