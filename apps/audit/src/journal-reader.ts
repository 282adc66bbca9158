import { AppError, MAX_EVENTS_PAGE, type Principal, readRunEvents, type RunEvent } from '@switchyard/contracts';
import type { Bus } from '@switchyard/bus';
import { type Clock, systemClock } from '@switchyard/platform';

/**
 * The journal's events after a number. `unreachable`: no answer; `unreadable`: an event of this run does not fit into a
 * message; `expired`: the requested events have expired. Each comes with the events read before.
 */
export interface JournalAnswer {
  readonly kind: 'read' | 'unknown-run' | 'unreachable' | 'unreadable' | 'expired';
  readonly events: readonly RunEvent[];
}

/** The most events of one run in one round; the rest is read in a later round. */
const MAX_EVENTS = 20 * MAX_EVENTS_PAGE;
/** After a silence nobody waits for the journal again for this long, so that a batch has many runs and one wait. */
const SILENCE_MS = 2_000;

export interface JournalReaderParts {
  readonly bus: Pick<Bus, 'request'>;
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

/** Reads journals on behalf of the auditor of a tenant. */
export class JournalReader {
  #silentUntil = 0;

  readonly #parts: JournalReaderParts;

  constructor(parts: JournalReaderParts) {
    this.#parts = parts;
  }

  /** The events of a run after `after`, in order (at most 10,000). Never throws. */
  async after(tenantId: string, runId: string, after: number): Promise<JournalAnswer> {
    const { clock = systemClock } = this.#parts;
    const events: RunEvent[] = [];
    if (clock.now() < this.#silentUntil) return { kind: 'unreachable', events };
    try {
      let limit = MAX_EVENTS_PAGE;
      while (events.length < MAX_EVENTS) {
        const page = await this.#page(tenantId, runId, events.at(-1)?.seq ?? after, limit);
        if (page === 'too-large') {
          // Long events: fewer of them fit into one answer.
          if (limit === 1) return { kind: 'unreadable', events };
          limit = Math.max(1, Math.floor(limit / 8));
          continue;
        }
        if (page.firstSeq > page.lastSeq && page.lastSeq > (events.at(-1)?.seq ?? after)) {
          return { kind: 'expired', events };
        }
        events.push(...page.events);
        if (page.events.length === 0 || (events.at(-1)?.seq ?? 0) >= page.lastSeq) break;
      }
      return { kind: 'read', events };
    } catch (error) {
      if (error instanceof AppError && error.code === 'not_found') return { kind: 'unknown-run', events };
      this.#silentUntil = clock.now() + SILENCE_MS;
      return { kind: 'unreachable', events };
    }
  }

  /** The first event of a run; undefined if there is none, or no answer. */
  async first(tenantId: string, runId: string): Promise<RunEvent | undefined> {
    const page = await this.#page(tenantId, runId, 0, 1).catch(() => undefined);
    return page === 'too-large' ? undefined : page?.events[0];
  }

  async #page(tenantId: string, runId: string, after: number, limit: number) {
    const input = { principal: auditorOf(tenantId), runId, after, limit };
    try {
      return await this.#parts.bus.request(readRunEvents, input, { timeoutMs: this.#parts.timeoutMs ?? 3_000 });
    } catch (error) {
      if (error instanceof AppError && error.code === 'payload_too_large') return 'too-large' as const;
      throw error;
    }
  }
}

function auditorOf(tenantId: string): Principal {
  return { tenantId, userId: 'audit', role: 'auditor', via: 'service' };
}
