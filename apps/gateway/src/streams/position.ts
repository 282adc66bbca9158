import { AppError, parseCursor, type RunEvent } from '@switchyard/contracts';
import type { RunEventsQuery } from '@switchyard/contracts/http';

/* Where a client begins to read the events of a run. Pure. */

/** Where an attaching client begins. `now`: with a snapshot of the events up to now. */
export interface Attachment {
  readonly after: number | 'now';
  readonly from?: (event: RunEvent) => boolean;
  readonly snapshot?: boolean;
}

/** The position of an events request: its cursor, or for a client that starts empty everything up to now. */
export function placeFor(runId: string, query: RunEventsQuery, lastEventId: string | undefined): Attachment {
  const after = cursorFor(runId, lastEventId, query.after);
  if (query.mode === 'tail' || query.dialect !== 'ag-ui') return { after };
  return { after: after === 0 ? 'now' : after, snapshot: true };
}

/** The cursor of a request for events: Last-Event-ID first (a reconnect knows better), then `after`. */
export function cursorFor(runId: string, lastEventId: string | undefined, after: string | undefined): number {
  const text = lastEventId !== undefined && lastEventId !== '' ? lastEventId : after;
  if (text === undefined || text === '') return 0;
  if (/^(0|[1-9][0-9]{0,9})$/.test(text)) return Number(text);
  const cursor = parseCursor(text);
  if (cursor === undefined || cursor.runId !== runId) throw new AppError('invalid_cursor');
  return cursor.seq;
}

/** The run of a reconnect: its Last-Event-ID, if present. Throws `invalid_cursor` for a malformed one. */
export function reconnectOf(lastEventId: string | undefined): { runId: string; seq: number } | undefined {
  if (lastEventId === undefined || lastEventId === '') return undefined;
  const cursor = parseCursor(lastEventId);
  if (cursor === undefined) throw new AppError('invalid_cursor');
  return cursor;
}

/** Where the events of a run can be read. */
export function eventsUrl(runId: string): string {
  return `/runs/${runId}/events`;
}

/** From the answers to these questions on. */
export function decidedOf(approvalIds: readonly string[]): (event: RunEvent) => boolean {
  return (event) => event.type === 'orchestrator.approval.decided' && approvalIds.includes(event.data.approval_id);
}

/** From these questions on. */
export function askedOf(approvalIds: readonly string[]): (event: RunEvent) => boolean {
  return (event) => event.type === 'orchestrator.approval.requested' && approvalIds.includes(event.data.approval_id);
}
