import type { SeenFrame, Transcript } from './client.ts';
import type { Effect } from './effect-log.ts';

/*
 * Judges a round by what is left of it. Pure; every invariant is a function of its own, named as in the report.
 */

export interface JournalRow {
  readonly runId: string;
  readonly seq: number;
  readonly epoch: number;
  readonly type: string;
  readonly stepId: string | null;
  readonly data: Record<string, unknown>;
  readonly ts: number;
}

export interface RunRow {
  readonly runId: string;
  readonly userId: string;
  readonly idempotencyKey: string;
  readonly phase: string;
  readonly status: string | null;
  readonly lastSeq: number;
}

/** A call in the effect ledger. */
export interface LedgerRow {
  readonly runId: string;
  readonly stepId: string;
  readonly state: string;
}

/** When something was wrong, and where. */
export interface FaultWindow {
  readonly ts: number;
  readonly untilTs: number;
  readonly fault: string;
  readonly target: string;
}

export interface Evidence {
  readonly transcripts: readonly Transcript[];
  readonly runs: readonly RunRow[];
  readonly events: readonly JournalRow[];
  readonly effects: readonly Effect[];
  readonly ledger: readonly LedgerRow[];
  /** `<runId>:<seq>` of every event in the audit log. */
  readonly audited: ReadonlySet<string>;
  readonly faults: readonly FaultWindow[];
  /** What an uninterrupted client sees, by transcript. */
  readonly whole: ReadonlyMap<number, readonly SeenFrame[]>;
  /** Processes that ended although nobody ended them. */
  readonly defectDeaths: readonly string[];
}

export interface Violation {
  readonly invariant: Invariant;
  readonly runId: string | null;
  readonly what: string;
}

const TERMINAL = 'orchestrator.task.completed';
const DECIDED = 'orchestrator.approval.decided';
/** Clocks of processes and of the database are one; what a fault does is noticed a little later than it strikes. */
const DOUBT_SLACK_MS = 1_000;
/** What the ledger does not know yet. An intent alone had no effect, and nobody has to come back to it. */
const LEDGER_OPEN = 'dispatched';

type Found = readonly (readonly [runId: string | null, what: string])[];

const CHECKS = {
  lost_runs: ({ transcripts, events }) => {
    const ended = new Set(events.filter(({ type }) => type === TERMINAL).map(({ runId }) => runId));
    return transcripts.flatMap(({ n, runIds }) =>
      runIds.filter((id) => !ended.has(id)).map((id) => [id, `accepted for client ${n}, without an end`] as const),
    );
  },

  stuck: ({ runs, transcripts }) => [
    ...runs
      .filter(({ phase }) => phase !== 'ended')
      .map(({ runId, phase }) => [runId, `still ${phase} when everything had been well for long`] as const),
    ...transcripts
      .filter(({ complete }) => !complete)
      .map(({ n, runIds, acceptedTs }) => {
        const what = acceptedTs === null ? 'never got its run accepted' : 'never saw the end of its stream';
        return [runIds[0] ?? null, `client ${n} ${what}`] as const;
      }),
  ],

  dup_runs_per_idem_key: ({ runs, transcripts }) => [
    ...[...grouped(runs, ({ userId, idempotencyKey }) => `${userId} ${idempotencyKey}`)]
      .filter(([, rows]) => rows.length > 1)
      .map(([key, rows]) => [rows[0]!.runId, `${rows.length} runs for ${key}`] as const),
    ...transcripts
      .filter(({ runIds }) => runIds.length > 1)
      .map(({ n, runIds }) => [runIds[0]!, `client ${n} was told of ${runIds.length} runs`] as const),
  ],

  conflict_accepted: ({ transcripts }) =>
    transcripts
      .filter(({ conflict }) => conflict !== null && conflict !== 409)
      .map(({ runIds, conflict }) => [runIds[0] ?? null, `another body under the same key: HTTP ${conflict}`] as const),

  client_refused: ({ transcripts }) =>
    transcripts.flatMap(({ n, runIds, refusals }) =>
      refusals.map((refusal) => [runIds[0] ?? null, `client ${n}: ${refusal}`] as const),
    ),

  log_gaps: (evidence) =>
    journals(evidence).flatMap(([runId, rows]): Found => {
      const wrong = rows.findIndex(({ seq }, at) => seq !== at + 1);
      if (wrong >= 0) return [[runId, `event ${rows[wrong]!.seq} stands at place ${wrong + 1}`] as const];
      const last = evidence.runs.find((run) => run.runId === runId)?.lastSeq;
      return last === rows.length ? [] : [[runId, `the run says ${last} events, the journal has ${rows.length}`]];
    }),

  epoch_regress: (evidence) =>
    journals(evidence).flatMap(([runId, rows]) =>
      rows
        .filter(({ epoch }, at) => at > 0 && epoch < rows[at - 1]!.epoch)
        .map(({ seq, epoch }) => [runId, `event ${seq} is of the older epoch ${epoch}`] as const),
    ),

  double_completed: (evidence) =>
    journals(evidence).flatMap(([runId, rows]): Found => {
      const ends = rows.filter(({ type }) => type === TERMINAL);
      if (ends.length > 1) return [[runId, `${ends.length} terminal events`] as const];
      const after = ends[0] === undefined ? 0 : rows.filter(({ seq }) => seq > ends[0]!.seq).length;
      return after === 0 ? [] : [[runId, `${after} events after the end`] as const];
    }),

  step_done_twice: (evidence) =>
    [...grouped(ofType(evidence, 'orchestrator.step.completed'), ({ runId, stepId }) => `${runId} ${stepId}`)]
      .filter(([, rows]) => rows.length > 1)
      .map(([, rows]) => [rows[0]!.runId, `${rows[0]!.stepId} has ${rows.length} outcomes`] as const),

  effects_twice: ({ effects }) => {
    const once = effects.filter(({ idempotency }) => idempotency === 'none');
    const keyed = effects.filter(({ idempotency }) => idempotency === 'key');
    const step = ({ runId, stepId }: Effect) => `${runId} ${stepId}`;
    return [
      ...[...grouped(once, step)]
        .filter(([, all]) => all.length > 1)
        .map(([, all]) => [all[0]!.runId, `${all[0]!.tool} at ${all[0]!.stepId} had ${all.length} effects`] as const),
      // A keyed tool may be called again, with the one key.
      ...[...grouped(keyed, step)]
        .filter(([, all]) => new Set(all.map(({ key }) => key)).size > 1 || all[0]!.key === '')
        .map(
          ([, all]) => [all[0]!.runId, `${all[0]!.tool} at ${all[0]!.stepId} was called under several keys`] as const,
        ),
    ];
  },

  once_done_without_effect: (evidence) => {
    const done = new Set(evidence.effects.map(({ runId, stepId }) => `${runId} ${stepId}`));
    return ofType(evidence, 'orchestrator.step.completed')
      .filter(({ data }) => data['status'] === 'completed')
      .filter(({ runId, stepId }) => !done.has(`${runId} ${stepId}`))
      .map(({ runId, stepId }) => [runId, `${stepId} is said to be done, and its tool did nothing`] as const);
  },

  tool_calls_left_started: (evidence) => {
    const outcomes = new Set(
      ofType(evidence, 'orchestrator.step.completed').map(({ runId, stepId }) => `${runId} ${stepId}`),
    );
    const ends = new Map(ofType(evidence, TERMINAL).map(({ runId, data }) => [runId, data['status']]));
    const open = ofType(evidence, 'orchestrator.step.dispatching')
      // A cancelled run ends with whatever is open; an unfinished one is lost or stuck, not this.
      .filter(({ runId }) => ends.has(runId) && ends.get(runId) !== 'cancelled')
      .filter(({ runId, stepId }) => !outcomes.has(`${runId} ${stepId}`))
      .map(({ runId, stepId }) => [runId, `${stepId} was dispatched and has no outcome`] as const);
    const ledger = evidence.ledger
      .filter(({ state }) => state === LEDGER_OPEN)
      .map(({ runId, stepId }) => [runId, `${stepId} is still dispatched in the ledger`] as const);
    return [...open, ...ledger];
  },

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

  in_doubt_unjustified: (evidence) => {
    // Nobody is left to repeat what a run that was given up had under way.
    const givenUp = new Set(
      ofType(evidence, TERMINAL)
        .filter(({ data }) => data['error_code'] === 'poisoned')
        .map(({ runId }) => runId),
    );
    return ofType(evidence, 'orchestrator.step.completed')
      .filter(({ runId, data }) => data['status'] === 'in_doubt' && !givenUp.has(runId))
      .flatMap((outcome): Found => {
        const { runId, stepId, ts } = outcome;
        const announced = ofType(evidence, 'orchestrator.step.dispatching').filter(
          (row) => row.runId === runId && row.stepId === stepId,
        );
        const tool = String(announced[0]?.data['tool'] ?? '');
        if (tool === 'chaos_read' || tool === 'chaos_keyed')
          return [[runId, `${stepId} (${tool}) may be repeated and is in doubt all the same`]];
        const since = Math.min(...announced.map((row) => row.ts));
        const struck = evidence.faults.some(
          (fault) => fault.ts <= ts && fault.untilTs + DOUBT_SLACK_MS >= since && mayHide(fault),
        );
        return struck ? [] : [[runId, `${stepId} is in doubt, and nothing was wrong meanwhile`]];
      });
  },

  cancel_not_terminal: (evidence) => {
    const asked = new Set(ofType(evidence, 'orchestrator.cancel.requested').map(({ runId }) => runId));
    const ends = new Map(ofType(evidence, TERMINAL).map(({ runId, data }) => [runId, String(data['status'])]));
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
    const decided = grouped(ofType(evidence, DECIDED), ({ runId, data }) => `${runId} ${String(data['approval_id'])}`);
    const ends = new Map(ofType(evidence, TERMINAL).map((row) => [row.runId, row.data]));
    const twice = [...decided.values()]
      .filter((rows) => rows.length > 1)
      .map(([first]) => [first!.runId, `${String(first!.data['approval_id'])} was decided more than once`] as const);
    const taken = evidence.transcripts.flatMap(({ runIds: [runId = ''], answers }) =>
      answers.filter(({ status }) => status === 202).map((answer) => ({ ...answer, runId })),
    );
    const otherwise = taken.flatMap(({ runId, approvalId, decision }): Found => {
      const [row] = decided.get(`${runId} ${approvalId}`) ?? [];
      const stands = row?.data['decision'] ?? null;
      // A run may have been stopped, or given up, between the answer and its next step.
      if (stands === decision || (row === undefined && ends.get(runId)?.['status'] !== 'success')) return [];
      return [[runId, `${decision} to ${approvalId} was taken, and ${String(stands)} was decided`]];
    });
    return [...twice, ...otherwise];
  },

  effect_unapproved: (evidence) => {
    const approved = new Set(
      ofType(evidence, DECIDED)
        .filter(({ data }) => data['decision'] === 'approve')
        .map(({ runId, data }) => `${runId} ${String(data['step_id'])}`),
    );
    return evidence.effects
      .filter(({ tool, runId, stepId }) => tool === 'chaos_asked' && !approved.has(`${runId} ${stepId}`))
      .map(({ runId, stepId }) => [runId, `${stepId} had its effect, and nobody had allowed it`] as const);
  },

  died_unasked: ({ defectDeaths }) => defectDeaths.map((what) => [null, what] as const),
} satisfies Record<string, (evidence: Evidence) => Found>;

export type Invariant = keyof typeof CHECKS;
export const INVARIANTS = Object.keys(CHECKS) as Invariant[];

/** Everything that is wrong, by invariant in their order. */
export function violations(evidence: Evidence): Violation[] {
  return INVARIANTS.flatMap((invariant) =>
    CHECKS[invariant](evidence).map(([runId, what]) => ({ invariant, runId, what })),
  );
}

/**
 * How a transcript differs from the whole stream; null: not at all. Text is told piece by piece in AG-UI, and a client
 * that comes back is told where it stands: there, what carries a cursor counts.
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

/** Faults after which nobody can know whether a call had its effect. */
function mayHide({ fault, target }: FaultWindow): boolean {
  return fault !== 'wake-ups' && fault !== 'redis' && !target.startsWith('gateway') && !target.startsWith('audit');
}

function ofType({ events }: Evidence, type: string): JournalRow[] {
  return events.filter((row) => row.type === type);
}

/** The journal of each run, in order. */
function journals({ events }: Evidence): (readonly [string, JournalRow[]])[] {
  return [...grouped(events, ({ runId }) => runId)].map(
    ([runId, rows]) => [runId, [...rows].sort((a, b) => a.seq - b.seq)] as const,
  );
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
