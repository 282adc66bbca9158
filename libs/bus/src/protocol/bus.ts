import type {
  InputOf,
  LiveDelta,
  OutputOf,
  RequestContract,
  RequestOf,
  RunEvent,
  StreamLimits,
  StreamName,
  SystemEvent,
  SystemFact,
} from '@switchyard/contracts';

import type { Caller } from './caller-signature.ts';
import type { Lease, LeaseOptions } from '../lease/index.ts';
import type { Records, RecordsOptions } from './records.ts';

export interface RequestOptions {
  /** Aborting it also stops the work on the other side. */
  readonly signal?: AbortSignal;
  /** Default: the contract's. */
  readonly timeoutMs?: number;
  /** Absolute, ms since 1970; the earlier of the two limits counts. */
  readonly deadline?: number;
  readonly idempotencyKey?: string;
  /** The process to ask, for a subject that ends in `.*`. */
  readonly to?: string;
  /** Called with the body of each progress frame that has one. */
  readonly onProgress?: (frame: unknown) => void;
}

/** The context of a request beside its input. */
export interface Call {
  /** Aborted when the caller leaves or cancels, or when the deadline passes. */
  readonly signal: AbortSignal;
  /** Absolute, ms since 1970. */
  readonly deadline: number;
  readonly idempotencyKey?: string;
  readonly subject: string;
  /** The caller, as its signature proves; absent on an open bus. */
  readonly caller?: Caller;
  /** Reports progress; dropped if the caller does not understand frames. */
  progress(frame: unknown): void;
}

/** Returns the answer; throws AppError for a refusal. The answer is validated against the contract's output. */
export type Handler<C extends RequestContract> = (input: InputOf<C>, call: Call) => Promise<OutputOf<C>>;

export interface Subscription {
  /** Accepts nothing new; resolves when the work under way has ended (within a limit). */
  stop(): Promise<void>;
}

export interface FollowOptions {
  readonly tenantId: string;
  readonly runId: string;
  /** The last seq that the reader has; it gets everything after it. */
  readonly after: number;
  /** Reads the journal: events after a seq, in order, a page at a time. */
  readonly fetch: (after: number) => Promise<{ events: RunEvent[]; lastSeq: number; ended: boolean }>;
  readonly signal: AbortSignal;
  /** Receives live text of the model; it may be lost, never late. */
  readonly onLive?: (delta: LiveDelta) => void;
  /** True if the run starts after this call: nothing has to be fetched first. */
  readonly fresh?: boolean;
}

/** Batches of events, in order, without gap or duplicate; ends after the terminal event. */
export interface Following extends AsyncIterable<RunEvent[]> {
  /** Ends it early; idempotent. Breaking out of the loop or aborting the signal does the same. */
  close(): void;
}

export interface ConsumedMessage {
  readonly event?: RunEvent;
  readonly system?: SystemEvent;
  /** The document as received. */
  readonly raw: unknown;
  readonly streamSeq: number;
}

export interface ConsumeOptions {
  readonly stream: StreamName;
  readonly durable: string;
  /** Only messages of these subjects; wildcards as in NATS. */
  readonly filter?: string;
  /** Most messages in one call of `handle`. */
  readonly batch?: number;
  /** Throwing leaves the batch unacknowledged: it comes again. */
  readonly handle: (messages: ConsumedMessage[]) => Promise<void>;
  readonly signal?: AbortSignal;
}

export interface WakeUp {
  readonly tenantId: string;
  readonly runId: string;
}

export interface WakeUpOptions {
  readonly maxInFlight?: number;
  readonly signal?: AbortSignal;
}

export interface BusStatus {
  readonly connected: boolean;
  readonly serverVersion?: string;
  /** The last measured round trip to the server. */
  readonly rttMs?: number;
  /** Where it connects to, without credentials. */
  readonly url?: string;
  readonly reconnects: number;
}

/**
 * The message bus: requests with one answer, committed facts, live text, wake-ups. Two implementations keep one list of
 * promises (test/promises.ts): NATS, and a twin in memory for tests.
 */
export interface Bus {
  /**
   * Sends a request and waits for the answer. Throws AppError: `no_responders`, `worker_lost` (three progress frames
   * were missed), `deadline_exceeded`, `cancelled`, `payload_too_large`, `unavailable`, or the other side's refusal.
   */
  request<C extends RequestContract>(contract: C, input: RequestOf<C>, options?: RequestOptions): Promise<OutputOf<C>>;
  answer<C extends RequestContract>(
    contract: C,
    handler: Handler<C>,
    options?: { maxInFlight?: number; as?: string },
  ): Promise<Subscription>;

  /** Publishes committed events of one run, in order; resolves when the bus has them. Safe to repeat. */
  publishEvents(events: readonly RunEvent[]): Promise<void>;
  /** Publishes a fact outside a run, numbered by this producer. */
  publishSystem(fact: SystemFact): Promise<void>;
  publishLive(tenantId: string, delta: LiveDelta): void;

  wakeUp(tenantId: string, runId: string): Promise<void>;
  /** Takes wake-ups from the work queue; `busy` returns one for another replica. */
  onWakeUp(handler: (wakeUp: WakeUp) => Promise<'done' | 'busy'>, options?: WakeUpOptions): Subscription;
  /** Receives every wake-up, so that a run's owner learns of its inputs at once. */
  subscribeWakeUps(listener: (wakeUp: WakeUp) => void): Promise<Subscription>;

  /**
   * Receives facts outside runs as they are published; missed ones are not repeated. `about`: only types with this
   * prefix, in whole words, e.g. `tools.definition`.
   */
  subscribeSystem(listener: (event: SystemEvent) => void, about?: string): Promise<Subscription>;

  follow(options: FollowOptions): Following;
  consume(options: ConsumeOptions): Subscription;

  /** Acquires a lease, and renews it: of all instances of this app one holds it at a time. */
  lease(options: LeaseOptions): Lease;

  /** Small records that every replica of this app sees, and that expire. */
  records(options: RecordsOptions): Records;

  /**
   * Creates missing streams and checks existing ones. `runs`: how much of RUNS is kept, and `copies`: how many servers of a
   * cluster keep each stream; only the writer of RUNS says so.
   */
  ensureStreams(runs?: StreamLimits, copies?: number): Promise<void>;
  /** The position and identity of a stream: `made` changes if it was created again. */
  streamPosition(stream: StreamName): Promise<{ made: string; lastSeq: number }>;
  status(): BusStatus;
  /** Called when the connection is lost and when it is back; returns a function that ends that. */
  onStatus(listener: (status: BusStatus) => void): () => void;
  /** Called after each reconnect. */
  onReconnect(listener: () => void): () => void;
  /** Accepts no new requests, wake-ups or facts; resolves when those under way have ended (within a limit). */
  drain(): Promise<void>;
  /** Drains, then closes the rest and the connection. */
  close(): Promise<void>;
}
