import { type Logger, type Metrics, sleep } from '@switchyard/platform';
import type { AuditLog } from '@switchyard/store';
import { logEvent } from './log-events.ts';

/*
 * Removes records that are older than `keepDays`.
 *  - The database (prune_records) decides which records may go, and leaves a record of the removal. This class only asks
 *    it, in steps of a bounded size with a pause after each.
 *  - Any number of replicas may ask at once: each record is removed once.
 */
const STEP = 1_000;
const PAUSE_MS = 50;
const STEPS_PER_ROUND = 2_000;

export interface RetentionParts {
  readonly auditLog: Pick<AuditLog, 'prune'>;
  /** 0: for ever. */
  readonly keepDays: number;
  readonly metrics: Metrics;
  readonly log: Logger;
}

export class RecordRetention {
  readonly #pruned;
  readonly #failures;

  readonly #parts: RetentionParts;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
    const { metrics } = parts;
    this.#pruned = metrics.counter('audit_pruned_total', 'Records that were removed for their age', []);
    this.#failures = metrics.counter('audit_prune_failures_total', 'Rounds of removing old records that failed', []);
  }

  /** One round: everything that is due. Answers how many records went. */
  async prune(signal: AbortSignal): Promise<number> {
    const { auditLog, keepDays, log } = this.#parts;
    if (keepDays === 0) return 0;
    let removed = 0;
    try {
      for (let step = 0; step < STEPS_PER_ROUND && !signal.aborted; step += 1) {
        const gone = await auditLog.prune({ keepDays, limit: STEP });
        removed += gone;
        this.#pruned.inc(gone);
        if (gone < STEP) break;
        await sleep(PAUSE_MS);
      }
    } catch (error) {
      this.#failures.inc();
      throw error;
    } finally {
      if (removed > 0) logEvent(log, 'audit_records_expired', { removed, keepDays });
    }
    return removed;
  }
}
