import type { CompletionReason, RunEvent, RunStatus } from '@switchyard/contracts';
import type { RunHead, RunInput } from './journal.ts';
import type { StoredEvent } from './rows.ts';

/** A row of `runs` with what belongs to it. */
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

/** What the journal in memory remembers; a test may look at it and travel in time as with a database. */
export class MemoryTables {
  readonly runs = new Map<string, MemoryRun>();
  readonly letters = new Map<string, { readonly reason: string; readonly error: string | null }>();

  constructor(readonly now: () => number = Date.now) {}

  /** Accepted first, first. */
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
   * True where nobody may own the run yet: it waits for its turn, or rests after an owner that died or broke without a new
   * event. A run that is to be cancelled is never held back.
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

/** Owners in a row that came to nothing, the last one included. */
export function stallsAtClaim({ lastSeq, claimedSeq, stalls, leaseOwner }: MemoryRun): number {
  if (lastSeq > claimedSeq) return 0;
  return stalls + (leaseOwner === null ? 0 : 1);
}

/** Each tenant's oldest run, then its next. */
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

/** An event in its place in the journal of a run. */
export function eventOf(run: MemoryRun, seq: number, { fact, stepId }: StoredEvent, ts: number): RunEvent {
  const { runId, tenantId, epoch } = run;
  return { runId, tenantId, seq, epoch, stepId, ts, ...structuredClone(fact) };
}
