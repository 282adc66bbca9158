import { type AuditRecord, formatCursor, Id, RunId, type RunEvent, type SystemEvent } from '@switchyard/contracts';
import { redactSecrets } from '@switchyard/platform';
import { maskedOf } from './log-tree/index.ts';

/** The audit record of a fact of a run. The same fact gives the same record, whichever way it came. */
export function runRecord(event: RunEvent, userId: string | null): AuditRecord {
  return {
    id: formatCursor(event.runId, event.seq),
    ts: event.ts,
    type: event.type,
    source: '/switchyard/orchestrator',
    tenantId: event.tenantId,
    userId,
    runId: event.runId,
    seq: event.seq,
    data: maskedOf(event).data,
  };
}

/** The audit record of a fact outside a run. Its id names the producer's process and that process's own number. */
export function systemRecord(event: SystemEvent): AuditRecord {
  const about = event.data as { tenant_id?: unknown; user_id?: unknown; run_id?: unknown };
  return {
    id: `sys.${event.app}.${event.instance}:${event.seq}`,
    ts: event.ts,
    type: event.type,
    source: `/switchyard/${event.app}`,
    tenantId: idOrNull(about.tenant_id),
    userId: idOrNull(about.user_id),
    runId: RunId.safeParse(about.run_id).success ? (about.run_id as string) : null,
    seq: event.seq,
    data: redactSecrets(event.data),
  };
}

function idOrNull(value: unknown): string | null {
  return Id.safeParse(value).success ? (value as string) : null;
}
