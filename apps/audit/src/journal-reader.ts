import { AppError, MAX_EVENTS_PAGE, type Principal, readRunEvents, type RunEvent } from '@switchyard/contracts';
import type { Bus } from '@switchyard/bus';

/** What the journal had after a number: `unreachable` where nobody answered, with what came before. */
export interface JournalAnswer {
  readonly kind: 'read' | 'unknown-run' | 'unreachable';
  readonly events: readonly RunEvent[];
}

/** Most events that are read of one run at once; the rest is read in a later round. */
const MAX_EVENTS = 20 * MAX_EVENTS_PAGE;

/** Reads journals on behalf of the auditor of a tenant. */
export class JournalReader {
  constructor(
    private readonly bus: Pick<Bus, 'request'>,
    private readonly timeoutMs = 3_000,
  ) {}

  /** The events of a run after `after`, in order, as far as there are any (at most 10,000). Never throws. */
  async after(tenantId: string, runId: string, after: number, limit = MAX_EVENTS): Promise<JournalAnswer> {
    const events: RunEvent[] = [];
    try {
      while (events.length < limit) {
        const page = await this.bus.request(
          readRunEvents,
          {
            principal: auditorOf(tenantId),
            runId,
            after: events.at(-1)?.seq ?? after,
            limit: Math.min(MAX_EVENTS_PAGE, limit - events.length),
          },
          { timeoutMs: this.timeoutMs },
        );
        events.push(...page.events);
        if (page.events.length === 0 || (events.at(-1)?.seq ?? 0) >= page.lastSeq) break;
      }
      return { kind: 'read', events };
    } catch (error) {
      const unknown = error instanceof AppError && error.code === 'not_found';
      return { kind: unknown ? 'unknown-run' : 'unreachable', events };
    }
  }
}

function auditorOf(tenantId: string): Principal {
  return { tenantId, userId: 'audit', role: 'auditor', via: 'operator' };
}
