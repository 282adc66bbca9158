import type { AuditRecord, CloudEvent, RunEvent } from '@switchyard/contracts';
import { formatCursor, Id } from '@switchyard/contracts';
import { redactSecrets } from '@switchyard/platform';

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
    data: redactSecrets(event.data),
  };
}

/** The audit record of a fact outside a run; undefined where the document is not one that can be kept. */
export function systemRecord(document: CloudEvent): AuditRecord | undefined {
  const { id, time, type, source, seq, data } = document;
  if (seq === undefined) return undefined;
  const place = (data ?? {}) as Record<string, unknown>;
  return {
    id,
    ts: Date.parse(time),
    type,
    source,
    tenantId: idOrNull(place['tenant_id']),
    userId: idOrNull(place['user_id']),
    runId: idOrNull(place['run_id']),
    seq,
    data: redactSecrets(data),
  };
}

function idOrNull(value: unknown): string | null {
  return Id.safeParse(value).success ? (value as string) : null;
}
