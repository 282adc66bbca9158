import {
  AppError,
  checkedFact,
  type CompletionReason,
  type FactOf,
  parseFact,
  type RunEvent,
  type RunFact,
  type RunStatus,
  TERMINAL_TYPE,
  upcast,
} from '@switchyard/contracts';
import type { Accept, EventDraft, JournalStats, OpenPhase, PhaseStats, RunHead } from './journal.ts';
import { type Part, type PartRef, restore, store } from './large-parts.ts';

/** A draft, checked against its contract and split for storing. */
export interface StoredEvent {
  readonly fact: RunFact;
  readonly stepId: string | null;
  readonly body: string;
  readonly refs: string | null;
  readonly parts: readonly Part[];
  readonly size: number;
}

/** Throws if a draft does not fit its contract: whatever is in the journal must stay readable for ever. */
export function toStored(draft: EventDraft): StoredEvent {
  const fact = checkedFact(draft);
  if (fact === undefined) {
    throw new AppError('internal', undefined, { cause: new Error(`not a documented fact: ${draft.type}`) });
  }
  const { body, refs, parts, size } = store(fact.data);
  return { fact, stepId: draft.stepId, body, refs: refs.length > 0 ? JSON.stringify(refs) : null, parts, size };
}

/** How the run ended, if these events end it. Throws if the terminal event is not the last. */
export function endingOf(
  events: readonly StoredEvent[],
): { status: RunStatus; answer: string | null; completionReason: CompletionReason } | undefined {
  const at = events.findIndex(({ fact }) => fact.type === TERMINAL_TYPE);
  if (at === -1) return undefined;
  const { fact } = events[at]!;
  if (at !== events.length - 1 || fact.type !== TERMINAL_TYPE) {
    throw new AppError('internal', undefined, { cause: new Error('an event after the terminal one') });
  }
  const { status, answer, completion_reason } = fact.data;
  return { status, answer: answer === null ? null : readable(answer), completionReason: completion_reason };
}

/** Text for a text column, which cannot hold U+0000 in PostgreSQL. The event has the original text. */
export function readable(text: string): string {
  return text.replaceAll('\0', '\uFFFD');
}

export interface EventRow {
  tenant_id: string;
  engine_version: number;
  seq: number;
  epoch: number;
  type: string;
  step_id: string | null;
  body: string;
  parts: string | null;
  ts: number;
}

export function refsOf(row: EventRow): PartRef[] {
  return row.parts === null ? [] : (JSON.parse(row.parts) as PartRef[]);
}

/**
 * A row as an event of the current contract. Fields that were added to the contract later get their defaults. An event
 * that this version does not know is returned as it was written.
 */
export function toRunEvent(runId: string, row: EventRow, bodyOf: (sha256: string) => string | undefined): RunEvent {
  const data = restore(row.body, refsOf(row), bodyOf);
  const written = upcast({ type: row.type as RunFact['type'], data }, row.engine_version);
  return {
    runId,
    tenantId: row.tenant_id,
    seq: row.seq,
    epoch: row.epoch,
    stepId: row.step_id,
    ts: row.ts,
    ...(parseFact(written) ?? (written as unknown as RunFact)),
  };
}

export interface HeadRow {
  run_id: string;
  tenant_id: string;
  user_id: string;
  thread_id: string;
  task: string;
  engine_version: number;
  phase: RunHead['phase'];
  epoch: number;
  last_seq: number;
  published_seq: number;
  lease_owner: string | null;
  lease_until_ms: number | null;
  inbox_last: number;
  inbox_taken: number;
  attempts: number;
  stalls: number;
  after_run: string | null;
  wake_at_ms: number | null;
  status: RunStatus | null;
  completion_reason: CompletionReason | null;
  answer: string | null;
  created_at_ms: number;
  updated_at_ms: number;
  ended_at_ms: number | null;
  expired: boolean;
}

export function toRunHead(row: HeadRow): RunHead {
  return {
    runId: row.run_id,
    tenantId: row.tenant_id,
    userId: row.user_id,
    threadId: row.thread_id,
    task: row.task,
    engineVersion: row.engine_version,
    phase: row.phase,
    epoch: row.epoch,
    lastSeq: row.last_seq,
    publishedSeq: row.published_seq,
    leaseOwner: row.lease_owner,
    leaseUntil: row.lease_until_ms,
    inboxLast: row.inbox_last,
    inboxTaken: row.inbox_taken,
    attempts: row.attempts,
    stalls: row.stalls,
    afterRun: row.after_run,
    wakeAt: row.wake_at_ms,
    status: row.status,
    completionReason: row.completion_reason,
    answer: row.answer,
    createdAt: row.created_at_ms,
    updatedAt: row.updated_at_ms,
    endedAt: row.ended_at_ms,
    expired: row.expired,
  };
}

export interface StatsRow {
  tenant_id: string;
  phase: OpenPhase;
  runs: number;
  oldest_ms: number;
  foreign_runs: number;
}

const NONE: PhaseStats = { runs: 0, oldestMs: 0 };

/** Sums up the rows per tenant and phase. */
export function toStats(counts: readonly StatsRow[]): Omit<JournalStats, 'deadLetters'> {
  const phases = { queued: NONE, running: NONE, waiting: NONE };
  const tenants = new Map<string, Record<OpenPhase, PhaseStats>>();
  let foreign = 0;
  for (const { tenant_id, phase, runs, oldest_ms, foreign_runs } of counts) {
    const oldestMs = Math.round(oldest_ms);
    const tenant = tenants.get(tenant_id) ?? { queued: NONE, running: NONE, waiting: NONE };
    tenants.set(tenant_id, { ...tenant, [phase]: { runs, oldestMs } });
    phases[phase] = { runs: phases[phase].runs + runs, oldestMs: Math.max(phases[phase].oldestMs, oldestMs) };
    foreign += foreign_runs;
  }
  return { phases, tenants, foreign };
}

/** The first event of a run. */
export function acceptedFact(input: Accept): { stepId: null } & FactOf<'orchestrator.run.accepted'> {
  const { run, engineVersion: engine_version, history, traceparent } = input;
  const data = {
    run,
    engine_version,
    ...(history === undefined ? {} : { history }),
    ...(traceparent === undefined ? {} : { traceparent }),
  };
  return { type: 'orchestrator.run.accepted', stepId: null, data } satisfies RunFact & { stepId: null };
}

/** The events that follow the acceptance in the same commit. Throws if they would end the run. */
export function storedOpening({ lease, initialFacts }: Accept): StoredEvent[] {
  const events = lease && initialFacts ? initialFacts.map(toStored) : [];
  if (endingOf(events))
    throw new AppError('internal', undefined, { cause: new Error('a run cannot end with its acceptance') });
  return events;
}

/** The arrays of events for the functions: types, steps, bodies, references, sizes, and their parts. */
export function columnsOf(events: readonly StoredEvent[]): unknown[] {
  const parts = events.flatMap((event) => event.parts);
  return [
    events.map(({ fact }) => fact.type),
    events.map(({ stepId }) => stepId),
    events.map(({ body }) => body),
    events.map(({ refs }) => refs),
    events.map(({ size }) => size),
    parts.map(({ sha256 }) => sha256),
    parts.map(({ body }) => body),
  ];
}

/** The events with their seqs. An event without a time was not written. */
export function placed(
  run: Pick<RunEvent, 'runId' | 'tenantId' | 'epoch'>,
  firstSeq: number,
  events: readonly StoredEvent[],
  times: readonly number[],
): RunEvent[] {
  return times.map((ts, i) => ({ ...run, seq: firstSeq + i, stepId: events[i]!.stepId, ts, ...events[i]!.fact }));
}
