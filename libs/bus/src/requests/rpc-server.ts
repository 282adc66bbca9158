import { randomBytes } from 'node:crypto';
import { abortSubject, AppError, type InputOf, parseOrThrow, type RequestContract } from '@switchyard/contracts';
import { type Behalf, type Logger, onBehalfOf, sleep } from '@switchyard/platform';
import { logEvent } from '../log-events.ts';
import {
  addressed,
  answered,
  type Call,
  type Caller,
  type Callers,
  decode,
  encode,
  encodeRefusal,
  FRAME_INTERVAL_MS,
  type Handler,
  HEADER,
  type Instruments,
  settledWithin,
  type Subscription,
  type Wire,
  type WireMessage,
  type WireSubscription,
} from '../protocol/index.ts';
import { CallerLost } from './abort-reasons.ts';
import { encodeAnswer } from './prepared.ts';

/*
 * The answering side.
 *
 * - Every request gets one answer: the output, or a refusal with a stable code. Nothing that arrives ends the process,
 *   and no text of an unexpected error leaves it.
 * - While the worker works on a request, the caller hears of it every two seconds.
 * - The work is aborted when the caller says so, when nobody listens for the answer any more, or when the deadline
 *   passes.
 * - The number of requests under way is bounded per contract; further requests are refused as `overloaded`, at once. A
 *   handler that does not listen to its signal keeps its place until it returns, though its caller was answered.
 * - A subscription that stops takes the requests that were already sent to it, and finishes what it can in
 *   `stopLimitMs`. The callers of the rest hear at once that this worker is lost, so that they can ask another.
 * - A process that stood still first hears what was said meanwhile: it does not begin a request whose caller gave up.
 * - A message is dropped where its reply subject is no inbox of a caller that may ask. A message that such a caller did
 *   not sign is refused.
 * - The question of an operator is told before it is handled; where it cannot be told, it is refused.
 */

const MAX_IN_FLIGHT = 256;
const STOP_LIMIT_MS = 5_000;
const TICK_MS = FRAME_INTERVAL_MS / 4;
/** A tick that comes this late was held up by this process itself. */
const STOOD_STILL_MS = 2_000;
/** What waits in the socket is read in this time. */
const HEAR_FIRST_MS = 250;
const TOKEN_BYTES = 9;
/** What is dropped is logged once in so long: whoever sends it chooses how much. */
const DROPPED_LOG_MS = 10_000;
/** What is said last gets out in this time where the server takes it at all. */
const FLUSH_LIMIT_MS = 500;
/** A frame that is due soon is sent with this tick, so that none is later than its interval. */
const BEAT_DUE_MS = FRAME_INTERVAL_MS * 0.7;

/** Resolves when it is on record that this person asked this. */
export type OperatorListener = (person: string, subject: string, input: unknown) => Promise<void>;

interface Work {
  /** Last token of the subject on which the server says that nobody listens for the answer any more. */
  readonly token: string;
  readonly abort: AbortController;
  readonly reply: string;
  readonly understandsFrames: boolean;
  readonly deadline: number;
  /** When the caller last heard of it, in a frame whose delivery is watched. */
  lastWatched: number;
  answered: boolean;
  /** Called once, when the caller has its answer. */
  readonly onAnswered: () => void;
}

export class RpcServer {
  readonly #work = new Map<string, Work>();
  /** Token by reply subject: an abort names the request by where its answer goes. */
  readonly #tokens = new Map<string, string>();
  readonly #subscriptions = new Set<Subscription>();
  readonly #abortSubscriptions = new Map<string, WireSubscription>();
  #beatSubscription: WireSubscription | undefined;
  #timer: NodeJS.Timeout | undefined;
  #tickedAt = Date.now();
  #hearUntil = 0;
  #droppedLoggedAt = 0;

  readonly #wire: Wire;
  readonly #log: Logger;
  readonly #instruments: Instruments;
  readonly #callers: Callers;
  readonly #onOperator: OperatorListener;
  readonly #stopLimitMs: number;

  constructor(
    wire: Wire,
    log: Logger,
    instruments: Instruments,
    callers: Callers,
    onOperator: OperatorListener,
    stopLimitMs = STOP_LIMIT_MS,
  ) {
    this.#wire = wire;
    this.#log = log;
    this.#instruments = instruments;
    this.#callers = callers;
    this.#onOperator = onOperator;
    this.#stopLimitMs = stopLimitMs;
  }

  async answer<C extends RequestContract>(
    contract: C,
    handler: Handler<C>,
    options: { maxInFlight?: number; as?: string } = {},
  ): Promise<Subscription> {
    this.#open(contract.answeredBy);
    const limit = options.maxInFlight ?? MAX_IN_FLIGHT;
    let taken = 0;
    const unanswered = new Set<Promise<void>>();
    const works = new Set<Work>();
    const subscription = this.#wire.subscribe(
      addressed(contract.subject, options.as),
      (message) => {
        if (message.reply === undefined) return; // nobody to answer to
        if (!this.#callers.mayAnswer(contract, message.reply)) return this.#drop(contract.subject);
        if (taken >= limit) {
          this.#refuse(message.reply, new AppError('overloaded', undefined, { retryAfterMs: 1_000 }));
          return;
        }
        taken += 1;
        const answered = new Promise<void>((resolve) => {
          void this.#handle(contract, handler, message, message.reply!, resolve, works).finally(() => (taken -= 1));
        });
        unanswered.add(answered);
        void answered.finally(() => unanswered.delete(answered));
      },
      contract.answeredBy,
    );
    await this.#wire.flush();
    const answering: Subscription = {
      stop: async () => {
        this.#subscriptions.delete(answering);
        await settledWithin([subscription.drain()], FLUSH_LIMIT_MS);
        await settledWithin(unanswered, this.#stopLimitMs);
        // The callers of the rest can ask another worker.
        for (const work of works) this.#stop(work, new AppError('worker_lost', 'This worker is shutting down.'));
        await settledWithin([this.#wire.flush()], FLUSH_LIMIT_MS);
      },
    };
    this.#subscriptions.add(answering);
    return answering;
  }

  /** Takes nothing new; resolves when every request under way is answered, at the latest after `limitMs`. */
  async drain(limitMs: number): Promise<void> {
    await settledWithin(
      [...this.#subscriptions].map((subscription) => subscription.stop()),
      limitMs,
    );
  }

  /** What is still under way is refused and told to stop. */
  close(): void {
    clearInterval(this.#timer);
    for (const subscription of this.#abortSubscriptions.values()) subscription.unsubscribe();
    this.#beatSubscription?.unsubscribe();
    for (const work of this.#work.values()) this.#stop(work, new AppError('worker_lost'));
  }

  get workCount(): number {
    return this.#work.size;
  }

  async #handle<C extends RequestContract>(
    contract: C,
    handler: Handler<C>,
    message: WireMessage,
    reply: string,
    onAnswered: () => void,
    works: Set<Work>,
  ): Promise<void> {
    const now = Date.now();
    const start = performance.now();
    const asked = readDeadline(message);
    const work: Work = {
      token: randomBytes(TOKEN_BYTES).toString('base64url'),
      abort: new AbortController(),
      reply,
      understandsFrames: message.header(HEADER.progress) === '1',
      deadline: asked === undefined ? now + contract.timeoutMs : Math.min(asked, now + contract.timeoutMs * 10),
      lastWatched: now,
      answered: false,
      onAnswered,
    };
    this.#work.set(work.token, work);
    works.add(work);
    this.#tokens.set(reply, work.token);
    try {
      const hearMs = this.#hearFirstMs(now);
      if (hearMs > 0) await sleep(hearMs, work.abort.signal);
      const caller = this.#callers.check(contract, message); // refuses what is not signed
      const input = parseOrThrow(contract.input, decode(message.body), 'The request') as InputOf<C>;
      this.#callers.checkPrincipal(caller, input);
      // Throws where the question of an operator cannot be told: it is refused then.
      if (caller?.person !== undefined) await this.#onOperator(caller.person, message.subject, input);
      const read = (header: string) => message.header(header);
      const handle = () => handler(input, this.#call(work, message, caller));
      const behalf = behalfOf(input);
      const output = await answered(contract, input, read, () => (behalf ? onBehalfOf(behalf, handle) : handle()));
      const body = encodeAnswer(contract, output);
      if (!work.answered) this.#send(reply, body);
      this.#instruments.done('answered', contract.subject, start);
    } catch (error) {
      const refusal = this.#asRefusal(error, work, contract.subject);
      if (!work.answered) this.#refuse(reply, refusal);
      this.#instruments.done('answered', contract.subject, start, refusal);
    } finally {
      work.answered = true;
      onAnswered();
      this.#work.delete(work.token);
      works.delete(work);
      if (this.#tokens.get(reply) === work.token) this.#tokens.delete(reply);
    }
  }

  #asRefusal(error: unknown, work: Work, subject: string): unknown {
    if (error instanceof AppError && error.code !== 'internal') return error;
    const { reason } = work.abort.signal as { reason?: unknown };
    if (work.abort.signal.aborted) return reason instanceof AppError ? reason : new AppError('cancelled');
    logEvent(this.#log, 'rpc_request_failed', { err: error, subject });
    return error;
  }

  #call(work: Work, message: WireMessage, caller: Caller | undefined): Call {
    const idempotencyKey = message.header(HEADER.idempotencyKey);
    return {
      signal: work.abort.signal,
      deadline: work.deadline,
      subject: message.subject,
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(caller === undefined ? {} : { caller }),
      progress: (frame) => {
        if (work.understandsFrames && !work.answered) this.#frame(work, encode(frame), Date.now());
      },
    };
  }

  #open(app: string): void {
    if (!this.#abortSubscriptions.has(app)) {
      this.#abortSubscriptions.set(
        app,
        this.#wire.subscribe(abortSubject(app), (message) => this.#takeAbort(message)),
      );
    }
    this.#beatSubscription ??= this.#wire.subscribe(`${this.#wire.inbox}.beat.*`, (message) => this.#takeBeat(message));
    if (this.#timer) return;
    this.#tickedAt = Date.now();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  /** How long a process that stood still listens for aborts before it begins a request. */
  #hearFirstMs(now: number): number {
    if (now - this.#tickedAt > STOOD_STILL_MS) this.#hearUntil = now + HEAR_FIRST_MS;
    return Math.max(0, this.#hearUntil - now);
  }

  #tick(): void {
    const now = Date.now();
    this.#hearFirstMs(now);
    this.#tickedAt = now;
    for (const work of this.#work.values()) {
      if (work.answered) continue;
      if (now >= work.deadline) this.#stop(work, new AppError('deadline_exceeded'));
      else if (work.understandsFrames && now - work.lastWatched >= BEAT_DUE_MS) {
        this.#frame(work, new Uint8Array(), now);
      }
    }
  }

  /** Sends a frame; now and then one that asks the server whether anybody still listens. */
  #frame(work: Work, body: Uint8Array, now: number): void {
    const watched = now - work.lastWatched >= BEAT_DUE_MS;
    if (watched) work.lastWatched = now;
    const reply = watched ? `${this.#wire.inbox}.beat.${work.token}` : undefined;
    this.#send(work.reply, body, { [HEADER.frame]: 'progress' }, reply);
  }

  #takeBeat(message: WireMessage): void {
    if (!message.noResponders) return;
    const work = this.#work.get(message.subject.slice(message.subject.lastIndexOf('.') + 1));
    if (work) this.#stop(work, new CallerLost());
  }

  #takeAbort(message: WireMessage): void {
    try {
      const reply = decode(message.body);
      const token = typeof reply === 'string' ? this.#tokens.get(reply) : undefined;
      const work = token === undefined ? undefined : this.#work.get(token);
      if (work) this.#stop(work, new AppError('cancelled'));
    } catch {
      // Not one of ours.
    }
  }

  /** Answers for a handler that may take its time to stop, and tells it to. */
  #stop(work: Work, reason: AppError): void {
    if (work.answered) return;
    work.answered = true;
    this.#refuse(work.reply, reason);
    work.onAnswered();
    work.abort.abort(reason);
  }

  #drop(subject: string): void {
    this.#instruments.dropped(subject);
    const now = Date.now();
    if (now - this.#droppedLoggedAt < DROPPED_LOG_MS) return;
    this.#droppedLoggedAt = now;
    logEvent(this.#log, 'rpc_request_dropped', { subject });
  }

  #refuse(reply: string, error: unknown): void {
    const { headers, body } = encodeRefusal(error);
    this.#send(reply, body, headers);
  }

  #send(subject: string, body: Uint8Array, headers?: Record<string, string>, reply?: string): void {
    try {
      this.#wire.publish(subject, body, { ...(headers ? { headers } : {}), ...(reply === undefined ? {} : { reply }) });
    } catch (error) {
      logEvent(this.#log, 'rpc_answer_not_sent', { err: error });
    }
  }
}

function readDeadline(message: WireMessage): number | undefined {
  const value = Number(message.header(HEADER.deadline));
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

/** On whose behalf a request is, where it says so; its principal was checked. */
function behalfOf(input: unknown): Behalf | undefined {
  const { principal, runId } = (input ?? {}) as { principal?: Partial<Behalf>; runId?: unknown };
  if (principal?.tenantId === undefined || principal.userId === undefined) return undefined;
  const run = typeof runId === 'string' ? { runId } : {};
  return { tenantId: principal.tenantId, userId: principal.userId, ...run };
}
