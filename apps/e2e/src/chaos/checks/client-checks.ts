import { type Check, DECIDED, type Found, grouped, ofType, shownId, TERMINAL } from './evidence-rows.ts';
import type { SeenFrame, Transcript } from '../load/index.ts';

/** Streams, answers and audit records have to agree with the journal. */
export const CLIENT_CHECKS = {
  client_stream_mismatch: ({ transcripts, whole }) =>
    transcripts.flatMap((transcript): Found => {
      const expected = whole.get(transcript.n);
      if (!expected || !transcript.complete) return [];
      const difference = differs(transcript, expected);
      return difference === null ? [] : [[transcript.runIds[0] ?? null, `client ${transcript.n}: ${difference}`]];
    }),

  audit_missing: ({ events, audited }) => {
    const missing = grouped(
      events.filter(({ runId, seq }) => !audited.has(`${runId}:${seq}`)),
      ({ runId }) => runId,
    );
    return [...missing].map(([runId, rows]) => [runId, `${rows.length} events are not in the audit log`] as const);
  },

  cancel_not_terminal: (evidence) => {
    const asked = new Set(ofType(evidence, 'orchestrator.cancel.requested').map(({ runId }) => shownId(runId)));
    const ends = new Map(ofType(evidence, TERMINAL).map(({ runId, data }) => [shownId(runId), String(data['status'])]));
    return [
      ...[...asked]
        .filter((runId) => ends.get(runId) !== 'cancelled')
        .map((runId) => [runId, `asked to stop, and ${ends.get(runId) ?? 'not ended'}`] as const),
      ...evidence.transcripts
        .filter(({ cancel, runIds }) => cancel?.accepted === true && !ends.has(runIds[0] ?? ''))
        .map(({ runIds }) => [runIds[0] ?? null, 'a cancel was accepted, and the run has no end'] as const),
    ];
  },

  decided_otherwise: (evidence) => {
    const decided = grouped(
      ofType(evidence, DECIDED),
      ({ runId, data }) => `${shownId(runId)} ${String(data['approval_id'])}`,
    );
    const ends = new Map(ofType(evidence, TERMINAL).map((row) => [shownId(row.runId), row.data]));
    const twice = [...decided.values()]
      .filter((rows) => rows.length > 1)
      .map(([first]) => [first!.runId, `${String(first!.data['approval_id'])} was decided more than once`] as const);
    const taken = evidence.transcripts.flatMap(({ runIds: [runId = ''], answers }) =>
      answers.filter(({ status }) => status === 202).map((answer) => ({ ...answer, runId })),
    );
    const otherwise = taken.flatMap(({ runId, approvalId, decision }): Found => {
      const [row] = decided.get(`${runId} ${approvalId}`) ?? [];
      const stands = row?.data['decision'] ?? null;
      // Between an answer and the next step the run may have been cancelled or given up.
      if (stands === decision || (row === undefined && ends.get(runId)?.['status'] !== 'success')) return [];
      return [[runId, `${decision} to ${approvalId} was taken, and ${String(stands)} was decided`]];
    });
    return [...twice, ...otherwise];
  },

  died_unasked: ({ defectDeaths }) => defectDeaths.map((what) => [null, what] as const),
} satisfies Record<string, Check>;

/**
 * How a transcript differs from the whole stream; null: not at all. AG-UI sends text in pieces, and a client that
 * reconnects first gets the present state: for AG-UI only the frames with a cursor are compared.
 */
function differs({ dialect, frames }: Transcript, whole: readonly SeenFrame[]): string | null {
  const counts = (frame: SeenFrame) => frame.id !== null || dialect !== 'ag-ui';
  const seen = frames.filter(counts);
  const expected = whole.filter(counts);
  for (let at = 0; at < Math.max(seen.length, expected.length); at += 1) {
    const [one, other] = [seen[at], expected[at]];
    if (!one) return `frame ${other!.event} ${other!.id ?? ''} is missing`;
    if (!other) return `frame ${one.event} ${one.id ?? ''} is too much`;
    if (one.id !== other.id || one.event !== other.event)
      return `frame ${at + 1} is ${one.event} ${one.id ?? ''} instead of ${other.event} ${other.id ?? ''}`;
    if (one.data !== other.data) return `frame ${one.event} ${one.id ?? ''} has other data`;
  }
  return null;
}
