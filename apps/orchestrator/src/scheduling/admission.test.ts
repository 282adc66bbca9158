import { describe, expect, it } from '@jest/globals';
import type { PhaseStats } from '@switchyard/store';
import { fc } from '@switchyard/testing/property';
import { Admission } from './admission.ts';

const none: PhaseStats = { runs: 0, oldestMs: 0 };
const limits = { maxQueued: 10, maxQueuedPerTenant: 6, maxWaitingPerTenant: 4 };
const stats = (tenants: Record<string, { queued?: PhaseStats; waiting?: PhaseStats }>) => {
  const counts = Object.entries(tenants).map(
    ([name, { queued = none, waiting = none }]) => [name, { queued, waiting, running: none }] as const,
  );
  const runs = counts.reduce((sum, [, { queued }]) => sum + queued.runs, 0);
  const oldestMs = Math.max(0, ...counts.map(([, { queued }]) => queued.oldestMs));
  return { phases: { queued: { runs, oldestMs }, running: none, waiting: none }, tenants: new Map(counts) };
};

describe('admission', () => {
  it('refuses a tenant at its own limit, and everybody at the limit of all', () => {
    const admission = new Admission(limits);
    for (let i = 0; i < 6; i += 1) admission.queued('a');
    expect(admission.refusal('a', true)?.limit).toBe('queued_per_tenant');
    expect(admission.refusal('b', true)).toBeUndefined();
    for (let i = 0; i < 4; i += 1) admission.queued('b');
    expect(admission.refusal('c', true)?.limit).toBe('queued');
    admission.begun('a');
    expect(admission.refusal('c', true)).toBeUndefined();
  });

  it('refuses no run that starts at once for what is queued, but for what waits for people', () => {
    const admission = new Admission(limits);
    admission.refresh(stats({ a: { queued: { runs: 50, oldestMs: 1 } }, b: { waiting: { runs: 4, oldestMs: 1 } } }));
    expect(admission.refusal('a', false)).toBeUndefined();
    expect(admission.refusal('b', false)).toMatchObject({ limit: 'waiting_per_tenant', retryAfterMs: 60_000 });
  });

  it('counts what came here since the last sweep, and forgets it with the next', () => {
    const admission = new Admission(limits);
    admission.refresh(stats({ a: { queued: { runs: 5, oldestMs: 1 } } }));
    admission.queued('a');
    expect(admission.refusal('a', true)).toBeDefined();
    admission.refresh(stats({ a: { queued: { runs: 5, oldestMs: 1 } } }));
    expect(admission.refusal('a', true)).toBeUndefined();
  });

  it('asks for a pause in which the queue has room again, longer for each that is refused', () => {
    const admission = new Admission(limits);
    // 8 wait, the oldest for 16 s: a place takes 2 s.
    admission.refresh(stats({ a: { queued: { runs: 8, oldestMs: 16_000 } } }));
    const pauses = Array.from({ length: 3 }, () => admission.refusal('a', true)?.retryAfterMs);
    expect(pauses).toEqual([6_000, 8_000, 10_000]);
  });

  it('always asks for a pause between a second and a minute', () => {
    const size = fc.nat(1_000_000);
    fc.assert(
      fc.property(size, size, fc.integer({ min: 1, max: 300 }), (runs, oldestMs, times) => {
        const admission = new Admission({ ...limits, maxQueuedPerTenant: 0 });
        admission.refresh(stats({ a: { queued: { runs, oldestMs } } }));
        for (let i = 0; i < times; i += 1) {
          const { retryAfterMs = 0 } = admission.refusal('a', true) ?? {};
          expect(retryAfterMs).toBeGreaterThanOrEqual(1_000);
          expect(retryAfterMs).toBeLessThanOrEqual(60_000);
        }
      }),
    );
  });
});
