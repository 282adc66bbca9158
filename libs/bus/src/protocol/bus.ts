import type {
  InputOf,
  LiveDelta,
  OutputOf,
  RequestContract,
  RequestOf,
  RunEvent,
  StreamName,
  SystemEvent,
  SystemFact,
} from '@switchyard/contracts';

import type { Caller } from './caller-signature.ts';
import type { Lease, LeaseOptions } from '../lease/index.ts';
import type { Records, RecordsOptions } from './records.ts';

export interface RequestOptions {
  /** Aborting it stops the work on the other side, too. */
  readonly signal?: AbortSignal;
  /** Default: the contract's. */
  readonly timeoutMs?: number;
  /** Absolute, ms since 1970; the earlier of the two limits counts. */
  readonly deadline?: number;
  readonly idempotencyKey?: string;
  /** The process that is asked, for a subject that ends in `.*`. */
  readonly to?: string;
  /** Called with the body of each progress frame that has one. */
  readonly onProgress?: (frame: unknown) => void;
}

/** What a handler knows of the request beside its input. */
export interface Call {
  /** Aborted when the caller goes away, says so, or the deadline passes. */
  readonly signal: AbortSignal;
  /** Absolute, ms since 1970. */
  readonly deadline: number;
  readonly idempotencyKey?: string;
  readonly subject: string;
  /** Who asks, as its signature proves; absent on an open bus. */
  readonly caller?: Caller;
  /** Reports progress; dropped where the caller does not understand frames. */
  progress(frame: unknown): void;
}

/** Gives the answer; throws AppError for a refusal. What it gives is validated against the contract's output. */
export type Handler<C extends RequestContract> = (input: InputOf<C>, call: Call) => Promise<OutputOf<C>>;

export interface Subscription {
  /** Takes nothing new; resolves when what is under way has ended (bounded). */
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
  /** Text while the model speaks; may be lost, never late. */
  readonly onLive?: (delta: LiveDelta) => void;
  /** True where the run starts after this call: nothing has to be fetched first. */
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
  /** The document as it came. */
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
 * The message bus: requests with one answer, facts that were committed, text while a model speaks, wake-ups.
 * Two implementations keep one list of promises (test/promises.ts): NATS, and a twin in memory for tests.
 */
export interface Bus {
  /**
   * Asks and waits for the answer. Throws AppError: `no_responders`, `worker_lost` (three progress frames were
   * missed), `deadline_exceeded`, `cancelled`, `payload_too_large`, `unavailable`, or what the other side refused with.
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
  /** Takes wake-ups from the work queue; `busy` puts one back for somebody else. */
  onWakeUp(handler: (wakeUp: WakeUp) => Promise<'done' | 'busy'>, options?: WakeUpOptions): Subscription;
  /** Hears every wake-up that anybody sends, so that a run's owner learns of its inputs at once. */
  subscribeWakeUps(listener: (wakeUp: WakeUp) => void): Promise<Subscription>;

  /**
   * Hears facts outside runs as they are told, for somebody who looks on; what was missed is not repeated.
   * `about`: only those whose type begins so, in whole words, e.g. `tools.definition`.
   */
  subscribeSystem(listener: (event: SystemEvent) => void, about?: string): Promise<Subscription>;

  follow(options: FollowOptions): Following;
  consume(options: ConsumeOptions): Subscription;

  /** Asks for a lease, and keeps it: of all instances of this app one holds it at a time. */
  lease(options: LeaseOptions): Lease;

  /** Small records that every replica of this app sees, and that end by themselves. */
  records(options: RecordsOptions): Records;

  /** Creates what is missing of the streams and checks what is there. */
  ensureStreams(): Promise<void>;
  /** How far a stream is, and which one: `made` differs where it was made anew. */
  streamPosition(stream: StreamName): Promise<{ made: string; lastSeq: number }>;
  status(): BusStatus;
  /** Called when the connection is lost and when it is back; gives the way to stop that. */
  onStatus(listener: (status: BusStatus) => void): () => void;
  /** Called after each reconnect. */
  onReconnect(listener: () => void): () => void;
  /** Takes no new requests, wake-ups or facts; resolves when those under way have ended (bounded). */
  drain(): Promise<void>;
  /** Drains, then ends what is left and the connection. */
  close(): Promise<void>;
}
