import { AppError, type InputOf, parseOrThrow, type RequestContract } from '@switchyard/contracts';
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
  type Handler,
  HEADER,
  type Instruments,
  settledWithin,
  type Subscription,
  type Wire,
  type WireMessage,
} from '../protocol/index.ts';
import { type OpenRequest, OpenRequests } from './open-requests.ts';
import { encodeAnswer } from './prepared.ts';
import { Replies } from './replies.ts';

/*
 * The server side of requests.
 *
 * - The server gives every request one answer: the output, or a refusal with a stable code. Nothing that arrives ends
 *   the process, and the text of an unexpected error stays in the log.
 * - The handler is aborted when its caller gives up or goes away, and at the deadline (open-requests.ts).
 * - The server bounds the requests under way per contract and refuses further ones at once as `overloaded`. A handler
 *   that ignores its signal keeps its place until it returns, though its caller was answered.
 * - A subscription that stops takes the requests that were already sent to it, and finishes what it can in
 *   `stopLimitMs`. It tells the callers of the rest at once that this worker is lost, so that they ask another.
 * - The server drops a message whose reply subject is no inbox of a caller that may ask, and refuses a message that such
 *   a caller did not sign.
 * - The server puts the question of an operator on record before it handles it, and refuses it if that fails.
 */

const MAX_IN_FLIGHT = 256;
const STOP_LIMIT_MS = 5_000;
/** Dropped messages are logged once in this time: whoever sends them chooses how many. */
const DROPPED_LOG_MS = 10_000;
/** A server that takes messages at all takes the last ones in this time. */
const FLUSH_LIMIT_MS = 500;

/** Resolves when it is on record that this person asked this. */
export type OperatorListener = (person: string, subject: string, input: unknown) => Promise<void>;

export class RpcServer {
  readonly #subscriptions = new Set<Subscription>();
  readonly #replies: Replies;
  readonly #open: OpenRequests;
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
    this.#replies = new Replies(wire, log);
    this.#open = new OpenRequests(wire, this.#replies);
  }

  async answer<C extends RequestContract>(
    contract: C,
    handler: Handler<C>,
    options: { maxInFlight?: number; as?: string } = {},
  ): Promise<Subscription> {
    this.#open.listen(contract.answeredBy);
    const limit = options.maxInFlight ?? MAX_IN_FLIGHT;
    let taken = 0;
    const unanswered = new Set<Promise<void>>();
    const mine = new Set<OpenRequest>();
    const subscription = this.#wire.subscribe(
      addressed(contract.subject, options.as),
      (message) => {
        if (message.reply === undefined) return; // nobody to answer to
        if (!this.#callers.mayAnswer(contract, message.reply)) return this.#drop(contract.subject);
        if (taken >= limit) {
          this.#replies.refuse(message.reply, new AppError('overloaded', undefined, { retryAfterMs: 1_000 }));
          return;
        }
        taken += 1;
        const answered = new Promise<void>((resolve) => {
          void this.#handle(contract, handler, message, message.reply!, resolve, mine).finally(() => (taken -= 1));
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
        for (const request of mine)
          this.#open.stop(request, new AppError('worker_lost', 'This worker is shutting down.'));
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

  /** Refuses every request under way and aborts its handler. */
  close(): void {
    this.#open.close();
  }

  get workCount(): number {
    return this.#open.count;
  }

  async #handle<C extends RequestContract>(
    contract: C,
    handler: Handler<C>,
    message: WireMessage,
    reply: string,
    onAnswered: () => void,
    mine: Set<OpenRequest>,
  ): Promise<void> {
    const start = performance.now();
    const request = this.#open.begin(message, reply, contract.timeoutMs, onAnswered);
    mine.add(request);
    try {
      const catchUpMs = this.#open.catchUpMs();
      if (catchUpMs > 0) await sleep(catchUpMs, request.abort.signal);
      const caller = this.#callers.check(contract, message); // refuses an unsigned message
      const input = parseOrThrow(contract.input, decode(message.body), 'The request') as InputOf<C>;
      this.#callers.checkPrincipal(caller, input);
      // Throws if the question of an operator cannot be put on record.
      if (caller?.person !== undefined) await this.#onOperator(caller.person, message.subject, input);
      const read = (header: string) => message.header(header);
      const handle = () => handler(input, this.#call(request, message, caller));
      const behalf = behalfOf(input);
      const output = await answered(contract, input, read, () => (behalf ? onBehalfOf(behalf, handle) : handle()));
      this.#open.answer(request, encodeAnswer(contract, output));
      this.#instruments.done('answered', contract.subject, start);
    } catch (error) {
      const refusal = this.#asRefusal(error, request, contract.subject);
      this.#open.refuse(request, refusal);
      this.#instruments.done('answered', contract.subject, start, refusal);
    } finally {
      this.#open.end(request);
      mine.delete(request);
    }
  }

  #asRefusal(error: unknown, request: OpenRequest, subject: string): unknown {
    if (error instanceof AppError && error.code !== 'internal') return error;
    const { reason } = request.abort.signal as { reason?: unknown };
    if (request.abort.signal.aborted) return reason instanceof AppError ? reason : new AppError('cancelled');
    logEvent(this.#log, 'rpc_request_failed', { err: error, subject });
    return error;
  }

  #call(request: OpenRequest, message: WireMessage, caller: Caller | undefined): Call {
    const idempotencyKey = message.header(HEADER.idempotencyKey);
    return {
      signal: request.abort.signal,
      deadline: request.deadline,
      subject: message.subject,
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(caller === undefined ? {} : { caller }),
      progress: (frame) => this.#open.progress(request, () => encode(frame)),
    };
  }

  #drop(subject: string): void {
    this.#instruments.dropped(subject);
    const now = Date.now();
    if (now - this.#droppedLoggedAt < DROPPED_LOG_MS) return;
    this.#droppedLoggedAt = now;
    logEvent(this.#log, 'rpc_request_dropped', { subject });
  }
}

/** The person for whom a request is made, if it names one; its principal was checked. */
function behalfOf(input: unknown): Behalf | undefined {
  const { principal, runId } = (input ?? {}) as { principal?: Partial<Behalf>; runId?: unknown };
  if (principal?.tenantId === undefined || principal.userId === undefined) return undefined;
  const run = typeof runId === 'string' ? { runId } : {};
  return { tenantId: principal.tenantId, userId: principal.userId, ...run };
}
