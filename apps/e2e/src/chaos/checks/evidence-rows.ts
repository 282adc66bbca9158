import { publicRunId } from '@switchyard/contracts';
import type { SeenFrame, Transcript } from '../load/index.ts';
import type { AgentMessage, Effect } from '../stack/index.ts';

/* The records that a round leaves, and ways to look them up. */

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
  readonly key: string;
  readonly state: string;
}

/** When something failed, and where. */
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
  /** The messages that the agent received. */
  readonly messages: readonly AgentMessage[];
  readonly ledger: readonly LedgerRow[];
  /** `<runId>:<seq>` of every event in the audit log. */
  readonly audited: ReadonlySet<string>;
  readonly faults: readonly FaultWindow[];
  /** The frames that an uninterrupted client gets, by transcript. */
  readonly whole: ReadonlyMap<number, readonly SeenFrame[]>;
  /** Processes that ended without an order of the round. */
  readonly defectDeaths: readonly string[];
}

export const TERMINAL = 'orchestrator.task.completed';
export const DECIDED = 'orchestrator.approval.decided';

/** One check: what is wrong, and in which run. */
export type Check = (evidence: Evidence) => Found;
export type Found = readonly (readonly [runId: string | null, what: string])[];

export function ofType({ events }: Evidence, type: string): JournalRow[] {
  return events.filter((row) => row.type === type);
}

/** Runs that were given up: no owner repeats their open steps. */
export function givenUp(evidence: Evidence): ReadonlySet<string> {
  const poisoned = ofType(evidence, TERMINAL).filter(({ data }) => data['error_code'] === 'poisoned');
  return new Set(poisoned.map(({ runId }) => runId));
}

/** Processes and the database share one clock. A fault shows its effect a little later than it strikes. */
const DOUBT_SLACK_MS = 1_000;

/** True if a fault struck meanwhile that leaves the outcome of a step unknown. */
export function mayHaveHidden(
  faults: readonly FaultWindow[],
  sinceTs: number,
  untilTs: number,
  onTheWay: (fault: FaultWindow) => boolean = () => true,
): boolean {
  return faults.some((one) => {
    const { ts, untilTs: overTs, fault, target } = one;
    const apart = target.startsWith('gateway') || target.startsWith('audit');
    if (fault === 'wake-ups' || fault === 'redis' || apart || !onTheWay(one)) return false;
    return ts <= untilTs && overTs + DOUBT_SLACK_MS >= sinceTs;
  });
}

/** The journal of each run, in order. */
export function journals({ events }: Evidence): (readonly [string, JournalRow[]])[] {
  return [...grouped(events, ({ runId }) => runId)].map(
    ([runId, rows]) => [runId, [...rows].sort((a, b) => a.seq - b.seq)] as const,
  );
}

export function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

/** The transcripts of all clients of a round name this tenant. */
const CHAOS_TENANT = 'default';

/** The public id of the run; the journal prefixes an id that a client chose with a tag of its tenant. */
export function shownId(runId: string): string {
  return publicRunId(CHAOS_TENANT, runId);
}
