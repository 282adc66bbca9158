import type { Logger } from '@switchyard/platform';
import type { AuditLog, AuditPosition } from '@switchyard/store';
import type { FactRecorder } from './fact-recorder.ts';
import type { JournalReader } from './journal-reader.ts';
import { logEvent } from './log-events.ts';

/*
 * Looks periodically for runs whose audit log may miss events, and completes them from the journal: after an outage of
 * audit, after a stream was wiped, after a message was lost.
 *  - Two rounds never overlap. A round looks at a bounded number of runs and ends when the journal does not answer.
 *  - A run that cannot be completed does not keep other runs from being completed.
 *  - Once the audit log holds a run's terminal event and no hole before it, the completer never asks about that run again.
 */
const RUNS_PER_ROUND = 100;
const HOLE_AGE_MS = 1_000;

export interface CompleterParts {
  readonly auditLog: AuditLog;
  readonly journal: JournalReader;
  readonly recorder: FactRecorder;
  readonly log: Logger;
  readonly intervalMs: number;
}

export class Completer {
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
  #stopped = false;

  readonly #parts: CompleterParts;

  constructor(parts: CompleterParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#schedule(0);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#round;
  }

  /** One round; public for tests. Answers how many runs were looked at. */
  async complete(): Promise<number> {
    const { auditLog, intervalMs, log } = this.#parts;
    const gaps = await auditLog.gaps({ limit: RUNS_PER_ROUND, olderThanMs: HOLE_AGE_MS, quietMs: intervalMs });
    const summaries = new Map((await auditLog.summaries(gaps.map((g) => g.runId))).map((s) => [s.runId, s.lastSeq]));
    let checked = 0;
    for (const gap of gaps) {
      if (this.#stopped) break;
      if (!(await this.#completeOne(gap, summaries.get(gap.runId) ?? 0))) {
        logEvent(log, 'audit_completion_paused', { runs: gaps.length - checked });
        break;
      }
      checked += 1;
    }
    return checked;
  }

  async #completeOne(gap: AuditPosition, summarisedSeq: number): Promise<boolean> {
    const { auditLog, journal, recorder, log } = this.#parts;
    // The summary may be behind the log; both are brought forward from where the slower one is.
    const after = Math.min(gap.knownSeq, summarisedSeq);
    const answer = await journal.after(gap.tenantId, gap.runId, after);
    await recorder.take(answer.events);
    if (answer.kind === 'unreachable') return false;
    if (answer.kind !== 'read') logEvent(log, 'audit_run_incomplete', { runId: gap.runId, after, why: answer.kind });
    await auditLog.markChecked([gap.runId]);
    return true;
  }

  #schedule(delayMs: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#round = this.complete()
        .then(() => undefined)
        .catch((error: unknown) => logEvent(this.#parts.log, 'audit_completion_failed', { err: error }))
        .finally(() => this.#schedule(this.#parts.intervalMs));
    }, delayMs);
  }
}
