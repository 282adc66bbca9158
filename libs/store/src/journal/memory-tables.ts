import { AppError, type CompletionReason, type RunEvent, type RunStatus } from '@switchyard/contracts';
import type { RunHead, RunInput } from './journal.ts';
import type { StoredEvent } from './rows.ts';

/** A row of `runs` with its events and inputs. */
export interface MemoryRun extends Omit<
  { -readonly [Key in keyof RunHead]: RunHead[Key] },
  'expired' | 'status' | 'completionReason'
> {
  readonly key: string;
  readonly hash: string;
  status: RunStatus | null;
  completionReason: CompletionReason | null;
  events: (RunEvent & { readonly stored: StoredEvent })[];
  inbox: RunInput[];
  claimedSeq: number;
  pauseMs: number;
  fault: string | null;
  awaited: boolean;
  snapshot: string | null;
}

interface Thread {
  readonly tenantId: string;
  readonly userId: string;
  readonly threadId: string;
}

/** The content of the journal in memory. A test may read it and move its clock, as it may with a database. */
export class MemoryTables {
  readonly runs = new Map<string, MemoryRun>();
  readonly letters = new Map<string, { readonly reason: string; readonly error: string | null }>();

  constructor(readonly now: () => number = Date.now) {}

  /** In the order of acceptance. */
  inThread({ tenantId, userId, threadId }: Thread): MemoryRun[] {
    return [...this.runs.values()]
      .filter((run) => run.tenantId === tenantId && run.userId === userId && run.threadId === threadId)
      .sort((a, b) => a.createdAt - b.createdAt);
  }

  openIn(thread: Thread): MemoryRun[] {
    return this.inThread(thread).filter((run) => run.phase !== 'ended');
  }

  waitsForTurn(run: MemoryRun): boolean {
    return run.afterRun !== null && this.openIn(run).some((before) => before.createdAt < run.createdAt);
  }

  /**
   * True if no owner may take the run yet: it waits for its turn, or pauses after an owner that died or broke without a
   * new event. A run that is to be cancelled is never held back.
   */
  isHeldBack(run: MemoryRun): boolean {
    const rests =
      run.lastSeq === run.claimedSeq && run.leaseUntil !== null && run.leaseUntil + run.pauseMs > this.now();
    if (!rests && !this.waitsForTurn(run)) return false;
    return !run.inbox.some(({ n, kind }) => n > run.inboxTaken && kind === 'cancel');
  }

  /** The run of the same thread whose turn it is once `run` has ended. */
  nextInThread(run: MemoryRun): string | null {
    const next = this.openIn(run).find((other) => other !== run);
    return next && next.afterRun !== null ? next.runId : null;
  }
}

export function holds({ leaseUntil }: MemoryRun, now: number): boolean {
  return leaseUntil !== null && leaseUntil >= now;
}

/** The number of consecutive owners without progress, the last one included. */
export function stallsAtClaim({ lastSeq, claimedSeq, stalls, leaseOwner }: MemoryRun): number {
  if (lastSeq > claimedSeq) return 0;
  return stalls + (leaseOwner === null ? 0 : 1);
}

/** In turns: each tenant's oldest run, then each tenant's next. */
export function inTurn(runs: readonly MemoryRun[]): MemoryRun[] {
  const turns = new Map<string, number>();
  return [...runs]
    .sort((a, b) => a.createdAt - b.createdAt)
    .map((run) => {
      const turn = (turns.get(run.tenantId) ?? 0) + 1;
      turns.set(run.tenantId, turn);
      return { run, turn };
    })
    .sort((a, b) => a.turn - b.turn || a.run.createdAt - b.run.createdAt)
    .map(({ run }) => run);
}

export function headOf(run: MemoryRun): RunHead {
  const { runId, tenantId, userId, threadId, task, engineVersion, phase, epoch, lastSeq, publishedSeq } = run;
  const { leaseOwner, leaseUntil, inboxLast, inboxTaken, attempts, stalls, afterRun, wakeAt, status } = run;
  const { completionReason, answer, createdAt, updatedAt, endedAt, snapshot } = run;
  return {
    runId,
    tenantId,
    userId,
    threadId,
    task,
    engineVersion,
    phase,
    epoch,
    lastSeq,
    publishedSeq,
    leaseOwner,
    leaseUntil,
    inboxLast,
    inboxTaken,
    attempts,
    stalls,
    afterRun,
    wakeAt,
    status,
    completionReason,
    answer,
    createdAt,
    updatedAt,
    endedAt,
    expired: snapshot !== null,
  };
}

/** An event with its seq in the journal of a run. */
export function eventOf(run: MemoryRun, seq: number, { fact, stepId }: StoredEvent, ts: number): RunEvent {
  const { runId, tenantId, epoch } = run;
  return { runId, tenantId, seq, epoch, stepId, ts, ...structuredClone(fact) };
}

/** The inputs of a run, from anybody. A repeated input is stored once; an ended run takes none. */
export type Said = Pick<RunInput, 'kind' | 'dedupKey' | 'body'>;

/** Stores one input in the inbox of a run, unless `limit` inputs wait there already. */
export function putInput(
  tables: MemoryTables,
  run: MemoryRun,
  { kind, dedupKey, body }: Said,
  limit: number,
): { n: number; created: boolean; ended: boolean } {
  const ended = run.phase === 'ended';
  const known = run.inbox.find((input) => input.dedupKey === dedupKey);
  if (known) return { n: known.n, created: false, ended };
  if (ended) return { n: 0, created: false, ended };
  if (run.inboxLast - run.inboxTaken >= limit) {
    throw new AppError('overloaded', 'This run has too many inputs that wait to be taken.');
  }
  const n = (run.inboxLast += 1);
  run.updatedAt = Math.max(tables.now(), run.updatedAt);
  const kept: unknown = JSON.parse(JSON.stringify(body ?? null));
  run.inbox.push({ n, kind, dedupKey, body: kept, createdAt: run.updatedAt });
  return { n, created: true, ended };
}
