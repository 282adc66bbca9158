import { describe, expect, it } from '@jest/globals';
import type { RunEvent } from '@switchyard/contracts';
import { createLogger, createMetrics, systemClock } from '@switchyard/platform';
import { MemoryAuditLog } from '../test/memory-audit-log.ts';
import { oneRun } from '../test/one-run.ts';
import { Completer } from './completer.ts';
import { FactRecorder } from './fact-recorder.ts';
import type { JournalAnswer, JournalReader } from './journal-reader.ts';

const log = createLogger({ app: 'audit', level: 'silent' });

/** A journal that knows some runs, or does not answer. */
class Journal implements Pick<JournalReader, 'after'> {
  asked: number[] = [];
  down = false;
  readonly #events: readonly RunEvent[];

  constructor(events: readonly RunEvent[]) {
    this.#events = events;
  }

  async after(_tenantId: string, runId: string, after: number): Promise<JournalAnswer> {
    this.asked.push(after);
    if (this.down) return { kind: 'unreachable', events: [] };
    const own = this.#events.filter((e) => e.runId === runId);
    return { kind: own.length > 0 ? 'read' : 'unknown-run', events: own.filter((e) => e.seq > after) };
  }
}

function audit(known: readonly RunEvent[] = oneRun()) {
  const auditLog = new MemoryAuditLog();
  const journal = new Journal(known);
  const lines: number[] = [];
  const tree = {
    write: async (runs: readonly (readonly RunEvent[])[]) => void lines.push(...runs.flat().map((e) => e.seq)),
  };
  const metrics = createMetrics('audit');
  const parts = { auditLog, journal: journal as unknown as JournalReader, tree, metrics, log, clock: systemClock };
  const recorder = new FactRecorder(parts);
  const completer = new Completer({ ...parts, recorder, intervalMs: 1_000 });
  return { auditLog, journal, lines, recorder, completer };
}

const inLog = (auditLog: MemoryAuditLog) => [...auditLog.records.values()].map((r) => r.seq).sort((a, b) => a - b);

describe('fact recorder', () => {
  it('keeps every fact once, however often and in whatever order it comes', async () => {
    const { auditLog, recorder, lines, journal } = audit();
    const events = oneRun();
    await recorder.take([...events].reverse());
    await recorder.take(events);
    expect(inLog(auditLog)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(auditLog.folded.get('run-1')).toMatchObject({ status: 'success', lastSeq: 9 });
    expect(lines).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(journal.asked).toEqual([]);
  });

  it('fills a hole from the journal before it goes on', async () => {
    const { auditLog, recorder, lines, journal } = audit();
    await recorder.take(oneRun().slice(0, 3));
    await recorder.take(oneRun().slice(5, 7));
    expect(journal.asked).toEqual([3]);
    expect(inLog(auditLog)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(lines).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('keeps what came after a hole while the journal is silent, and completes it later', async () => {
    const { auditLog, recorder, completer, lines, journal } = audit();
    journal.down = true;
    await recorder.take([...oneRun().slice(0, 2), ...oneRun().slice(4, 6)]);
    expect(inLog(auditLog)).toEqual([1, 2, 5, 6]);
    expect(auditLog.folded.get('run-1')).toMatchObject({ lastSeq: 2 });
    expect(lines).toEqual([1, 2]);
    expect(await completer.complete()).toBe(0);

    journal.down = false;
    expect(await completer.complete()).toBe(1);
    expect(inLog(auditLog)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(auditLog.folded.get('run-1')).toMatchObject({ status: 'success', lastSeq: 9 });
    expect(lines).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await completer.complete()).toBe(0);
  });

  it('learns the end of a run whose last messages were lost', async () => {
    const { auditLog, recorder, completer } = audit();
    await recorder.take(oneRun().slice(0, 4));
    await completer.complete();
    expect(auditLog.folded.get('run-1')).toMatchObject({ phase: 'ended', lastSeq: 9 });
  });

  it('writes whose run it was on every record, so that users find their own', async () => {
    const { auditLog, recorder } = audit();
    await recorder.take(oneRun().slice(0, 2));
    await recorder.take(oneRun().slice(2));
    expect(new Set([...auditLog.records.values()].map((r) => r.userId))).toEqual(new Set(['ada']));
  });

  it('does not return before PostgreSQL has all of it, and takes the same batch again', async () => {
    const { auditLog, recorder } = audit();
    auditLog.down = true;
    await expect(recorder.take(oneRun())).rejects.toMatchObject({ code: 'unavailable' });
    auditLog.down = false;
    await recorder.take(oneRun());
    expect(inLog(auditLog)).toHaveLength(9);
  });

  it('never writes a secret of an argument into the log', async () => {
    const { auditLog, recorder } = audit();
    await recorder.take(oneRun());
    expect(JSON.stringify([...auditLog.records.values()])).not.toContain('sk-do-not-write-me');
  });
});
