import { describe, expect, it } from '@jest/globals';
import { AppError, type ErrorCode, type RunEvent } from '@switchyard/contracts';
import type { Bus } from '@switchyard/bus';
import { oneRun } from '../test/one-run.ts';
import { JournalReader } from './journal-reader.ts';

interface Asked {
  after: number;
  limit: number;
  principal: { tenantId: string; role: string };
}

/** Answers like the orchestrator: pages of the journal, refused where more than `fits` events were asked for. */
function reader(journal: readonly RunEvent[], options: { fits?: number; refuses?: ErrorCode } = {}) {
  const asked: Asked[] = [];
  let now = 0;
  const request = async (_contract: unknown, input: Asked) => {
    asked.push(input);
    if (options.refuses) throw new AppError(options.refuses);
    if (input.limit > (options.fits ?? 500)) throw new AppError('payload_too_large');
    const events = journal.filter((e) => e.seq > input.after).slice(0, input.limit);
    return { events, lastSeq: journal.at(-1)?.seq ?? 0, ended: true, firstSeq: 1 };
  };
  const bus = { request } as unknown as Pick<Bus, 'request'>;
  const pass = (ms: number) => void (now += ms);
  return { asked, pass, journal: new JournalReader({ bus, clock: { now: () => now } }) };
}

describe('journal reader', () => {
  it('reads on behalf of the auditor of the run’s own tenant', async () => {
    const { journal, asked } = reader(oneRun());
    const answer = await journal.after('acme', 'run-1', 4);
    expect(answer.events.map((e) => e.seq)).toEqual([5, 6, 7, 8, 9]);
    expect(asked[0]).toMatchObject({ after: 4, principal: { tenantId: 'acme', role: 'auditor' } });
  });

  it('asks for less at a time where events are long, and still reads all of them', async () => {
    const { journal } = reader(oneRun(), { fits: 2 });
    expect((await journal.after('acme', 'run-1', 0)).events).toHaveLength(9);
  });

  it('gives what it has where an event does not fit into any answer, and goes on to other runs', async () => {
    const { journal, asked } = reader(oneRun(), { fits: 0 });
    expect(await journal.after('acme', 'run-1', 0)).toEqual({ kind: 'unreadable', events: [] });
    const before = asked.length;
    await journal.after('acme', 'run-2', 0);
    expect(asked.length).toBeGreaterThan(before);
  });

  it('tells what is no longer kept from what is not there yet', async () => {
    const request = async () => ({ events: [], lastSeq: 9, ended: true, firstSeq: 10 });
    const journal = new JournalReader({ bus: { request } as unknown as Pick<Bus, 'request'> });
    expect(await journal.after('acme', 'run-1', 4)).toEqual({ kind: 'expired', events: [] });
    expect(await journal.after('acme', 'run-1', 9)).toEqual({ kind: 'read', events: [] });
  });

  it('tells a run that is not there from a journal that is silent', async () => {
    expect((await reader([], { refuses: 'not_found' }).journal.after('acme', 'run-1', 0)).kind).toBe('unknown-run');
    expect((await reader([], { refuses: 'no_responders' }).journal.after('acme', 'run-1', 0)).kind).toBe('unreachable');
  });

  it('waits for a silent journal once, and not for every run of a batch', async () => {
    const { journal, asked, pass } = reader([], { refuses: 'worker_lost' });
    for (const runId of ['run-1', 'run-2', 'run-3']) await journal.after('acme', runId, 0);
    expect(asked).toHaveLength(1);
    pass(3_000);
    await journal.after('acme', 'run-1', 0);
    expect(asked).toHaveLength(2);
  });
});
