import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { backoffMs, sleep } from './backoff.ts';

describe('backoffMs', () => {
  it('stays between 0 and the smaller of maxMs and the doubled base, for every attempt', () => {
    const any = fc.double({ min: 0, max: 0.999999, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: -5, max: 100_000 }), any, (attempt, random) => {
        const ms = backoffMs(attempt, { baseMs: 100, maxMs: 5_000 }, () => random);
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThanOrEqual(Math.min(5_000, 100 * 2 ** Math.min(30, Math.max(0, attempt - 1))));
      }),
    );
  });

  it('uses the whole range, so that callers that failed together come back apart', () => {
    expect(backoffMs(3, { baseMs: 100, maxMs: 5_000 }, () => 0)).toBe(0);
    expect(backoffMs(3, { baseMs: 100, maxMs: 5_000 }, () => 0.5)).toBe(200);
  });
});

describe('sleep', () => {
  it('ends at once when it is aborted', async () => {
    const abort = new AbortController();
    const started = performance.now();
    setTimeout(() => abort.abort(), 10);
    await expect(sleep(60_000, abort.signal)).rejects.toMatchObject({ code: 'cancelled' });
    await expect(sleep(60_000, abort.signal)).rejects.toMatchObject({ code: 'cancelled' });
    expect(performance.now() - started).toBeLessThan(30_000);
  });

  it('does not fire at once when it is longer than a timer can be', async () => {
    const abort = new AbortController();
    const first = await Promise.race([
      sleep(2 ** 40, abort.signal).catch(() => 'aborted'),
      new Promise((resolve) => setTimeout(() => resolve('still waiting'), 30)),
    ]);
    abort.abort();
    expect(first).toBe('still waiting');
  });
});
