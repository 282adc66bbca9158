import type {
  CompletionReason,
  HistoryLimits,
  RunEvent,
  RunFactDraft,
  RunSpec,
  RunStatus,
  ThreadTurn,
  RunView,
} from '@switchyard/contracts';

type Phase = RunView['phase'];

/** A fact that is to be appended. Fields with a default may be missing; the journal fills them in. */
export type EventDraft = RunFactDraft & { readonly stepId: string | null };

export interface Accept {
  readonly runId: string;
  readonly run: RunSpec;
  /** Unique per tenant and user. */
  readonly idempotencyKey: string;
  /** A digest of the request. The same key with another digest is a conflict. */
  readonly requestHash: string;
  readonly engineVersion: number;
  /** How long its history may become; absent: no limit. */
  readonly history?: HistoryLimits;
  /** The trace in which it is accepted; absent: none. Not part of the request. */
  readonly traceparent?: string;
  /**
   * Makes the accepting replica the first owner at once (epoch 1), which saves a claim. Not for a run that waits for
   * its turn.
   */
  readonly lease?: { readonly owner: string; readonly leaseMs: number };
  /** The first announcements of the owner, committed with the acceptance; absent without a lease. */
  readonly initialFacts?: readonly EventDraft[];
}

export type Accepted =
  | {
      readonly kind: 'created';
      readonly runId: string;
      readonly lastSeq: number;
      readonly ended: false;
      /** 1 with a lease, else 0. */
      readonly epoch: number;
      readonly ts: number;
      /** `orchestrator.run.accepted` and the initial facts, for publishing. */
      readonly events: readonly [RunEvent, ...RunEvent[]];
      /** The run of the same thread that it waits for; null if it may start. */
      readonly afterRun: string | null;
      /** Runs of the same thread that were cancelled by this; their owners must be told. */
      readonly cancelled: readonly string[];
    }
  | {
      readonly kind: 'existing';
      readonly runId: string;
      readonly lastSeq: number;
      readonly ended: boolean;
      /** When the run was accepted. */
      readonly ts: number;
    }
  | { readonly kind: 'conflict' }
  /** From `thread_concurrency`: the run `activeRun` occupies the thread. Nothing was written. */
  | { readonly kind: 'thread_busy'; readonly activeRun: string };

export type Claim =
  | {
      readonly kind: 'claimed';
      readonly epoch: number;
      readonly lastSeq: number;
      readonly publishedSeq: number;
      readonly inboxTaken: number;
      readonly inboxLast: number;
      readonly tenantId: string;
      readonly userId: string;
      /** How often the run was claimed, this claim included. */
      readonly attempts: number;
      /** How many consecutive owners, up to now, died or broke without a new event. */
      readonly stalls: number;
    }
  /** `held_back`: it waits for its turn in its thread, or for the end of the pause after such an owner. */
  | { readonly kind: 'busy' | 'held_back' | 'ended' | 'unknown' | 'foreign_version' };

export interface Append {
  readonly runId: string;
  readonly epoch: number;
  /** The last sequence number that the writer knows; its events become expectedSeq + 1 and on. */
  readonly expectedSeq: number;
  /** Facts that are appended together. May be empty if only the phase, the inbox or `publishedSeq` changes. */
  readonly facts: readonly EventDraft[];
  /** The duration of the lease from now on, by the database's clock. 0 releases it together with the append. */
  readonly leaseMs: number;
  readonly phase?: Exclude<Phase, 'ended'>;
  /** Every event up to this number is on the bus. */
  readonly publishedSeq?: number;
  /** These events take the inputs up to this number. */
  readonly inboxTaken?: number;
  /** With phase `waiting`: when the sweeper wakes the run if no input does, in ms since 1970. Absent: never. */
  readonly wakeAt?: number;
  /** With the terminal event: the run is given up, and a dead letter says why. */
  readonly deadLetter?: { readonly reason: string; readonly error?: string };
}

export type Appended =
  | {
      readonly kind: 'appended';
      readonly events: RunEvent[];
      readonly lastSeq: number;
      readonly inboxLast: number;
      /** With the terminal event: the next run of the same thread, or null. */
      readonly nextRun: string | null;
    }
  | { readonly kind: 'fenced' | 'ended' | 'conflict'; readonly lastSeq: number };

/** The row of a run. Times in ms since 1970. */
export interface RunHead {
  readonly runId: string;
  readonly tenantId: string;
  readonly userId: string;
  readonly threadId: string;
  readonly task: string;
  readonly engineVersion: number;
  readonly phase: Phase;
  readonly epoch: number;
  readonly lastSeq: number;
  readonly publishedSeq: number;
  readonly leaseOwner: string | null;
  readonly leaseUntil: number | null;
  readonly inboxLast: number;
  readonly inboxTaken: number;
  readonly attempts: number;
  readonly stalls: number;
  /** The run of its thread that it waits for; null if it waits for none (any more). */
  readonly afterRun: string | null;
  readonly wakeAt: number | null;
  readonly status: RunStatus | null;
  readonly completionReason: CompletionReason | null;
  readonly answer: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly endedAt: number | null;
  /** Its events have expired and a snapshot replaces them. */
  readonly expired: boolean;
}

export const INPUT_KINDS = ['cancel', 'approval', 'message'] as const;
type InputKind = (typeof INPUT_KINDS)[number];

export interface RunInput {
  /** Counts from 1 within its run. */
  readonly n: number;
  readonly kind: InputKind;
  readonly dedupKey: string;
  readonly body: unknown;
  readonly createdAt: number;
}

export interface PhaseStats {
  readonly runs: number;
  /** Age of the oldest in ms; 0 if there is none. */
  readonly oldestMs: number;
}

export type OpenPhase = Exclude<Phase, 'ended'>;

/** The open runs. */
export interface JournalStats {
  readonly phases: Readonly<Record<OpenPhase, PhaseStats>>;
  readonly tenants: ReadonlyMap<string, Readonly<Record<OpenPhase, PhaseStats>>>;
  /** The number of runs of other engine versions than those asked for. */
  readonly foreign: number;
  /** Dead letters that nobody has requeued, counted up to 10 000. */
  readonly deadLetters: number;
}

/** A run that needs an owner. */
export interface SweptRun {
  readonly runId: string;
  readonly tenantId: string;
  /** As the next claim would return it. */
  readonly stalls: number;
}

/** The runs that a sweep looks for. */
export interface Sweep {
  readonly limit: number;
  readonly engineVersions: readonly number[];
  /** Skips runs that were touched within this time; default 2 000. */
  readonly graceMs?: number;
  /** False: only runs without any lease, see `claim`. Default true. */
  readonly takeExpired?: boolean;
}

export interface ThreadQuery {
  readonly tenantId: string;
  readonly userId: string;
  readonly threadId: string;
  readonly limit: number;
  /** Only runs that were accepted before it, in ms since 1970. */
  readonly before?: number;
}

export interface RunAt {
  readonly runId: string;
  readonly seq: number;
}

export interface Journal {
  /** Inserts the run and its first event in one transaction, which also decides about `thread_concurrency`. */
  accept(input: Accept): Promise<Accepted>;
  /** What `accept` would return for a known key; undefined for an unknown one. Writes nothing. */
  acceptedBefore(input: Accept): Promise<Accepted | undefined>;
  /**
   * Takes the lease of a run that no owner holds, under the next epoch. After a start of the database, leases that
   * expired while it was down stay `busy` for `leaseMs`; with `takeExpired` false every expired lease does: the owner
   * may be alive and unable to renew. If this owner makes no progress either, after another that did not, the run is
   * left alone for `pauseMs` (default 1 000); the pause doubles with each such owner, up to a minute.
   */
  claim(
    runId: string,
    owner: string,
    leaseMs: number,
    engineVersions: readonly number[],
    takeExpired?: boolean,
    pauseMs?: number,
  ): Promise<Claim>;
  /** Appends facts in one round trip. Repeating the very same append returns success. */
  append(input: Append): Promise<Appended>;
  /** Renews leases; returns the runs that this owner still has, each with the number of its newest input. */
  renew(leases: readonly { runId: string; epoch: number }[], leaseMs: number): Promise<Map<string, number>>;
  /** Releases a lease. `released` is false if it was no longer this owner's. */
  release(
    runId: string,
    epoch: number,
    phase?: Exclude<Phase, 'ended'>,
  ): Promise<{ released: boolean; inboxLast: number }>;
  /** Gives up an owned run after a defect; `error` is public text. The next owner may try at once. */
  giveUp(runId: string, epoch: number, error: string): Promise<void>;
  /**
   * Events after `after`, in order, at most `limit`. With `maxBytes` the page ends before the event that would exceed
   * it, but holds at least one event. So a page that is not full does not prove that the journal ends there.
   */
  read(runId: string, after: number, limit: number, maxBytes?: number): Promise<RunEvent[]>;
  head(runId: string): Promise<RunHead | undefined>;
  /** Stores an input; the same `dedupKey` again returns the first. Undefined: there is no such run. */
  putInput(
    runId: string,
    input: { kind: InputKind; dedupKey: string; body: unknown },
  ): Promise<{ n: number; created: boolean; ended: boolean } | undefined>;
  /** Inputs after number `n`, in order. */
  inputsAfter(runId: string, n: number, limit?: number): Promise<RunInput[]>;
  /** Runs that have work, no live lease and no pause: each tenant's oldest, then its next. */
  sweep(query: Sweep): Promise<SweptRun[]>;
  /** Runs without a live owner, untouched for `olderThanMs`, with events that may not be on the bus. */
  unpublished(
    limit: number,
    olderThanMs: number,
  ): Promise<{ runId: string; tenantId: string; publishedSeq: number; lastSeq: number }[]>;
  /** Records that everything up to `seq` is on the bus. Never lowers it. */
  markPublished(positions: readonly RunAt[]): Promise<void>;
  /** The newest ended runs of a conversation, oldest first. */
  threadTurns(query: ThreadQuery): Promise<ThreadTurn[]>;
  stats(engineVersions: readonly number[]): Promise<JournalStats>;
}
