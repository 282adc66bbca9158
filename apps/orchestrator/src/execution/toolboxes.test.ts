import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Bus } from '@switchyard/bus';
import { AppError, listTools, type Principal, type ToolConstraints } from '@switchyard/contracts';
import { createLogger, systemClock } from '@switchyard/platform';
import { Toolboxes } from './toolboxes.ts';

const ANN: Principal = { tenantId: 'acme', userId: 'ann', role: 'user', via: 'dev' };
const ALL: ToolConstraints = { mode: 'auto', providers: [], tools: [] };

/** Whoever tells of tools comes after so long; nobody tells of agents. */
function toolboxes(absentMs: number, workerAbsenceMs = 30_000) {
  const from = Date.now();
  const request = ({ subject }: { subject: string }) =>
    subject === listTools.subject && Date.now() - from >= absentMs
      ? Promise.resolve({ tools: [], etag: 'one' })
      : Promise.reject(new AppError('no_responders'));
  const bus = { request } as unknown as Bus;
  const log = createLogger({ app: 'test', level: 'silent' });
  return new Toolboxes({ bus, clock: systemClock, log, workerAbsenceMs });
}

/** What came of it, and after how long. */
async function outcome(work: Promise<unknown>): Promise<{ came: unknown; afterMs: number }> {
  const from = Date.now();
  let came: unknown;
  const done = work.then(
    () => (came = 'tools'),
    (error: AppError) => (came = error.code),
  );
  for (let ms = 0; came === undefined && ms < 120_000; ms += 100) await jest.advanceTimersByTimeAsync(100);
  await done;
  return { came, afterMs: Date.now() - from };
}

describe('the tools of a planning', () => {
  const never = new AbortController().signal;
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('are waited for as long as a step waits for its worker', async () => {
    const { came, afterMs } = await outcome(toolboxes(25_000).awaited(ANN, ALL, never));
    expect(came).toBe('tools');
    expect(afterMs).toBeGreaterThanOrEqual(25_000);
  });

  it('are given up afterwards, and where nothing is to be waited out after some tries', async () => {
    const late = await outcome(toolboxes(Infinity).awaited(ANN, ALL, never));
    expect(late.came).toBe('unavailable');
    expect(late.afterMs).toBeGreaterThanOrEqual(30_000);
    const soon = await outcome(toolboxes(Infinity, 0).awaited(ANN, ALL, never));
    expect(soon.came).toBe('unavailable');
    expect(soon.afterMs).toBeLessThan(20_000);
  });

  it('are not waited for any more once the run is stopped', async () => {
    const stop = new AbortController();
    const work = toolboxes(Infinity).awaited(ANN, ALL, stop.signal);
    setTimeout(() => stop.abort(new AppError('cancelled')), 1_000);
    const { afterMs } = await outcome(work);
    expect(afterMs).toBeLessThan(2_000);
  });
});
