import {
  abortSubject,
  AppError,
  type InputOf,
  type OutputOf,
  parseOrThrow,
  type RequestContract,
} from '@switchyard/contracts';
import { type Logger, telemetryEnabled, withRemoteTrace, withSpan } from '@switchyard/platform';
import type { Call, Handler, Subscription } from './bus.ts';
import { decode, encode, encodeRefusal, FRAME_INTERVAL_MS, HEADER } from './protocol.ts';
import type { Wire, WireMessage, WireSubscription } from './wire.ts';

/*
 * The answering side.
 *
 * N1 Every request gets one answer: the output, or a refusal with a stable code. Nothing that arrives ends
 *    the process, and no text of an unexpected error leaves it.
 * N2 While a request is worked on, its caller hears of it every two seconds.
 * N3 The work is aborted when the caller says so, when nobody listens for the answer any more, or when the
 *    deadline passes.
 * N4 Requests under way are bounded per contract; what is over is refused as `overloaded`, at once.
 */

const MAX_IN_FLIGHT = 256;
const STOP_LIMIT_MS = 10_000;

interface Work {
  readonly abort: AbortController;
  readonly reply: string;
  readonly understandsFrames: boolean;
  readonly deadline: number;
  lastSaid: number;
}

export class Answerer {
  /** By reply subject: a caller uses each only once. */
  readonly #work = new Map<string, Work>();
  readonly #abortSubscriptions = new Map<string, WireSubscription>();
  #beatSubscription: WireSubscription | undefined;
  #timer: NodeJS.Timeout | undefined;
  #beats = 0;
  /** Frames whose delivery is watched: the server answers 503 where the caller has gone. */
  readonly #watched = new Map<string, string>();

  constructor(
    private readonly wire: Wire,
    private readonly log: Logger,
  ) {}

  async answer<C extends RequestContract>(
    contract: C,
    handler: Handler<C>,
    options: { maxInFlight?: number } = {},
  ): Promise<Subscription> {
    this.#open(contract.answeredBy);
    const limit = options.maxInFlight ?? MAX_IN_FLIGHT;
    const underWay = new Set<Promise<void>>();
    const subscription = this.wire.subscribe(
      contract.subject,
      (message) => {
        if (message.reply === undefined) return; // nobody to answer to
        if (underWay.size >= limit) {
          this.#refuse(message.reply, new AppError('overloaded', undefined, { retryAfterMs: 1_000 }));
          return;
        }
        const done = this.#handle(contract, handler, message, message.reply);
        underWay.add(done);
        void done.finally(() => underWay.delete(done));
      },
      contract.answeredBy,
    );
    await this.wire.flush();
    return {
      stop: async () => {
        subscription.unsubscribe();
        let timer: NodeJS.Timeout | undefined;
        const limitReached = new Promise<void>((resolve) => (timer = setTimeout(resolve, STOP_LIMIT_MS)));
        await Promise.race([Promise.allSettled(underWay), limitReached]);
        clearTimeout(timer);
      },
    };
  }

  close(): void {
    clearInterval(this.#timer);
    for (const subscription of this.#abortSubscriptions.values()) subscription.unsubscribe();
    this.#beatSubscription?.unsubscribe();
    for (const work of this.#work.values()) work.abort.abort(new AppError('unavailable'));
  }

  get workCount(): number {
    return this.#work.size;
  }

  async #handle<C extends RequestContract>(
    contract: C,
    handler: Handler<C>,
    message: WireMessage,
    reply: string,
  ): Promise<void> {
    const now = Date.now();
    const work: Work = {
      abort: new AbortController(),
      reply,
      understandsFrames: message.header(HEADER.progress) === '1',
      deadline: Math.min(readDeadline(message) ?? Infinity, now + contract.timeoutMs * 10),
      lastSaid: now,
    };
    this.#work.set(reply, work);
    try {
      const input = parseOrThrow(contract.input, decode(message.body), 'The request') as InputOf<C>;
      const output = await this.#inTrace(contract, message, () => handler(input, this.#call(work, message)));
      this.#send(reply, encode(this.#checked(contract, output)));
    } catch (error) {
      this.#refuse(reply, this.#asRefusal(error, work, contract.subject));
    } finally {
      this.#work.delete(reply);
    }
  }

  #inTrace<T>(contract: RequestContract, message: WireMessage, fn: () => Promise<T>): Promise<T> {
    if (!telemetryEnabled()) return fn();
    const attributes = {
      'messaging.system': 'nats',
      'messaging.operation.type': 'process',
      'messaging.destination.name': contract.subject,
    };
    return withRemoteTrace(message.header(HEADER.traceparent), () =>
      withSpan(`${contract.subject} process`, attributes, fn, { kind: 'server' }),
    );
  }

  /** An output that breaks the contract is our own defect: it is not sent. */
  #checked<C extends RequestContract>(contract: C, output: OutputOf<C>): unknown {
    const parsed = contract.output.safeParse(output);
    if (parsed.success) return parsed.data;
    throw new AppError('internal', undefined, { cause: parsed.error });
  }

  #asRefusal(error: unknown, work: Work, subject: string): unknown {
    if (error instanceof AppError && error.code !== 'internal') return error;
    const { reason } = work.abort.signal as { reason?: unknown };
    if (work.abort.signal.aborted) return reason instanceof AppError ? reason : new AppError('cancelled');
    this.log.error({ err: error, subject }, 'a request failed by a defect');
    return error;
  }

  #call(work: Work, message: WireMessage): Call {
    const idempotencyKey = message.header(HEADER.idempotencyKey);
    const traceparent = message.header(HEADER.traceparent);
    return {
      signal: work.abort.signal,
      deadline: work.deadline,
      subject: message.subject,
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(traceparent === undefined ? {} : { traceparent }),
      progress: (frame) => {
        if (!work.understandsFrames || !this.#work.has(work.reply)) return;
        work.lastSaid = Date.now();
        this.#send(work.reply, encode(frame), { [HEADER.frame]: 'progress' });
      },
    };
  }

  #open(app: string): void {
    if (!this.#abortSubscriptions.has(app)) {
      this.#abortSubscriptions.set(
        app,
        this.wire.subscribe(abortSubject(app), (message) => this.#takeAbort(message)),
      );
    }
    this.#beatSubscription ??= this.wire.subscribe(`${this.wire.inbox}.beat.*`, (message) => this.#takeBeat(message));
    if (this.#timer) return;
    this.#timer = setInterval(() => this.#tick(), FRAME_INTERVAL_MS / 4);
    this.#timer.unref();
  }

  #tick(): void {
    const now = Date.now();
    if (this.#work.size === 0) this.#watched.clear();
    for (const work of this.#work.values()) {
      if (now >= work.deadline) work.abort.abort(new AppError('deadline_exceeded'));
      if (!work.understandsFrames || now - work.lastSaid < FRAME_INTERVAL_MS * 0.7) continue;
      work.lastSaid = now;
      const token = (this.#beats += 1).toString(36);
      this.#watched.set(token, work.reply);
      this.#send(work.reply, new Uint8Array(), { [HEADER.frame]: 'progress' }, `${this.wire.inbox}.beat.${token}`);
    }
  }

  #takeBeat(message: WireMessage): void {
    const token = message.subject.slice(message.subject.lastIndexOf('.') + 1);
    const reply = this.#watched.get(token);
    this.#watched.delete(token);
    if (reply !== undefined && message.noResponders)
      this.#work.get(reply)?.abort.abort(new AppError('cancelled', 'The caller has gone.'));
  }

  #takeAbort(message: WireMessage): void {
    try {
      const reply = decode(message.body);
      if (typeof reply === 'string') this.#work.get(reply)?.abort.abort(new AppError('cancelled'));
    } catch {
      // Not one of ours.
    }
  }

  #refuse(reply: string, error: unknown): void {
    const { headers, body } = encodeRefusal(error);
    this.#send(reply, body, headers);
  }

  #send(subject: string, body: Uint8Array, headers?: Record<string, string>, reply?: string): void {
    try {
      this.wire.publish(subject, body, { ...(headers ? { headers } : {}), ...(reply === undefined ? {} : { reply }) });
    } catch (error) {
      this.log.warn({ err: error }, 'an answer could not be sent');
    }
  }
}

function readDeadline(message: WireMessage): number | undefined {
  const value = Number(message.header(HEADER.deadline));
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}
