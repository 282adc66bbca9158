import { abortSubject, AppError, type OutputOf, type RequestContract, type RequestOf } from '@switchyard/contracts';
import { randomBytes } from 'node:crypto';
import {
  addressed,
  asked,
  type Callers,
  decode,
  decodeRefusal,
  encode,
  HEADER,
  type Instruments,
  LOST_AFTER_MS,
  type RequestOptions,
  traceHeaders,
  type Wire,
  type WireMessage,
  type WireSubscription,
} from '../protocol/index.ts';
import { Detached, NoResponders } from './abort-reasons.ts';

/*
 * The client side of requests.
 *
 * - Every request ends: by its answer, a refusal, its deadline, a lost worker, an abort, or `no_responders`.
 * - One subscription and one timer serve all requests of a connection; the number of requests is limited.
 * - A caller that leaves or gives up tells the worker, which stops. A caller that leaves the request to another process
 *   (Detached) does not.
 * - After a pause of its own process the client does not blame the workers: it first reads the messages that came
 *   meanwhile.
 * - A request that the server does not permit fails at once; it reached no service.
 * - A request that may be repeated is sent again if no worker has answered; the first answer counts.
 */

const SWEEP_MS = 100;
/** A sweep that comes this late was delayed by this process itself. */
const PAUSED_AFTER_MS = 1_000;
const MAX_PENDING = 20_000;
const CONNECT_WAIT_MS = 3_000;
const TOKEN_BYTES = 12;
/** The most times that one request is sent. */
const MAX_ASKED = 4;

interface Pending {
  readonly subject: string;
  readonly resolve: (message: WireMessage) => void;
  readonly reject: (error: AppError) => void;
  readonly onProgress: ((frame: unknown) => void) | undefined;
  readonly deadline: number;
  /** Null: no frames are expected for this request (an acknowledgement of the server). */
  lastHeard: number | null;
  /** The subject on which to tell the worker to stop. */
  readonly abortTo: string | undefined;
  readonly dispose: () => void;
  /** Set while the request may be sent again, because no worker has answered. */
  again: { dueAt: number; readonly everyMs: number; left: number; readonly send: () => void } | undefined;
}

export class RpcClient {
  readonly #pending = new Map<string, Pending>();
  #subscription: WireSubscription | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastSweep = 0;
  #closed = false;

  readonly #wire: Wire;
  readonly #instruments: Instruments;
  readonly #callers: Callers;

  constructor(wire: Wire, instruments: Instruments, callers: Callers) {
    this.#wire = wire;
    this.#instruments = instruments;
    this.#callers = callers;
    wire.onRefused?.((subject) => this.#refused(subject));
  }

  async request<C extends RequestContract>(
    contract: C,
    input: RequestOf<C>,
    options: RequestOptions = {},
  ): Promise<OutputOf<C>> {
    const start = performance.now();
    try {
      const answer = await asked(contract, input, () => this.#ask(contract, input, options));
      this.#instruments.done('asked', contract.subject, start);
      return answer;
    } catch (error) {
      this.#instruments.done('asked', contract.subject, start, error);
      throw error;
    }
  }

  async #ask<C extends RequestContract>(
    contract: C,
    input: RequestOf<C>,
    options: RequestOptions,
  ): Promise<OutputOf<C>> {
    const deadline = Math.min(options.deadline ?? Infinity, Date.now() + (options.timeoutMs ?? contract.timeoutMs));
    const headers: Record<string, string> = { [HEADER.deadline]: String(Math.ceil(deadline)), [HEADER.progress]: '1' };
    if (options.idempotencyKey !== undefined) headers[HEADER.idempotencyKey] = options.idempotencyKey;
    Object.assign(headers, traceHeaders());
    const subject = addressed(contract.subject, options.to);
    const body = encode(input);
    const caller = this.#callers.sign(contract, subject, headers, body);
    if (caller !== undefined) headers[HEADER.caller] = caller;
    const answer = await this.exchange(subject, body, {
      headers,
      deadline,
      watched: true,
      ...(options.signal ? { signal: options.signal } : {}),
      ...(options.onProgress ? { onProgress: options.onProgress } : {}),
      abortTo: abortSubject(contract.answeredBy),
      ...(contract.askAgainMs === undefined ? {} : { askAgainMs: contract.askAgainMs }),
    });
    const refused = answer.header(HEADER.errorCode);
    if (refused !== undefined) throw decodeRefusal(refused, answer.body);
    // The answering side validated its output against the contract before it sent it.
    return decode(answer.body) as OutputOf<C>;
  }

  /** Sends a message and waits for its one answer. Also used for acknowledgements of the stream server. */
  async exchange(
    subject: string,
    body: Uint8Array,
    options: {
      headers: Record<string, string>;
      deadline: number;
      watched: boolean;
      signal?: AbortSignal;
      onProgress?: (frame: unknown) => void;
      abortTo?: string;
      askAgainMs?: number;
    },
  ): Promise<WireMessage> {
    const { signal, deadline } = options;
    if (!this.#isReady(signal)) await this.ready(deadline, signal);
    this.#open();
    // Unpredictable: other services that answer this one may publish to its inbox.
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    const reply = `${this.#wire.inbox}.${token}`;
    return new Promise<WireMessage>((resolve, reject) => {
      const onAbort = () => {
        const reason = new AppError('cancelled', undefined, { cause: signal?.reason });
        if (signal?.reason instanceof Detached) this.#settle(token)?.reject(reason);
        else this.#giveUp(token, reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const send = (): void => this.#wire.publish(subject, body, { headers: options.headers, reply });
      const everyMs = options.askAgainMs;
      this.#pending.set(token, {
        subject,
        resolve,
        reject,
        onProgress: options.onProgress,
        deadline,
        lastHeard: options.watched ? Date.now() : null,
        abortTo: options.abortTo,
        dispose: () => signal?.removeEventListener('abort', onAbort),
        again: everyMs === undefined ? undefined : { dueAt: Date.now() + everyMs, everyMs, left: MAX_ASKED - 1, send },
      });
      try {
        send();
      } catch (error) {
        this.#settle(token);
        reject(error instanceof AppError ? error : new AppError('unavailable', undefined, { cause: error }));
      }
    });
  }

  /** Sends a message that nobody answers. Throws where there is no connection; see `ready`. */
  tell(subject: string, body: Uint8Array, headers: Record<string, string>): void {
    this.#wire.publish(subject, body, { headers });
  }

  /** Resolves where something can be sent, waiting a moment for the connection; throws where nothing can. */
  async ready(deadline: number, signal?: AbortSignal): Promise<void> {
    if (this.#isReady(signal)) return;
    const there = await this.#wire.whenConnected(Math.min(CONNECT_WAIT_MS, deadline - Date.now()), signal);
    if (!this.#isReady(signal) && !there) {
      throw new AppError('unavailable', 'The message bus does not answer at the moment.');
    }
  }

  /** False where there is no connection; throws where nothing more is to be sent. */
  #isReady(signal?: AbortSignal): boolean {
    if (signal?.aborted) throw new AppError('cancelled', undefined, { cause: signal.reason });
    if (this.#closed) throw new AppError('unavailable', 'This process is shutting down.');
    if (this.#pending.size >= MAX_PENDING) throw new AppError('overloaded', undefined, { retryAfterMs: 1_000 });
    return this.#wire.connected();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#subscription?.unsubscribe();
    for (const token of [...this.#pending.keys()])
      this.#settle(token)?.reject(new AppError('unavailable', 'This process is shutting down.'));
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  #open(): void {
    this.#subscription ??= this.#wire.subscribe(`${this.#wire.inbox}.*`, (message) => this.#take(message));
    if (this.#timer) return;
    this.#lastSweep = Date.now();
    this.#timer = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#timer.unref();
  }

  #take(message: WireMessage): void {
    const token = message.subject.slice(message.subject.lastIndexOf('.') + 1);
    const pending = this.#pending.get(token);
    if (!pending) return; // late, or a duplicate
    if (message.noResponders) {
      this.#settle(token)?.reject(new NoResponders());
      return;
    }
    if (message.header(HEADER.frame) !== 'progress') {
      this.#settle(token)?.resolve(message);
      return;
    }
    pending.lastHeard = Date.now();
    pending.again = undefined;
    if (message.body.byteLength === 0 || !pending.onProgress) return;
    try {
      pending.onProgress(decode(message.body));
    } catch {
      // A malformed frame has no content, but counts as a sign of life.
    }
  }

  /** Fails every request to a subject that the server does not permit. */
  #refused(subject: string): void {
    const cause = new Error(`this service has no permission to publish to ${subject}`);
    for (const [token, pending] of this.#pending) {
      if (pending.subject === subject) this.#settle(token)?.reject(new AppError('internal', undefined, { cause }));
    }
  }

  #sweep(): void {
    const now = Date.now();
    const paused = now - this.#lastSweep > PAUSED_AFTER_MS ? now - this.#lastSweep : 0;
    this.#lastSweep = now;
    for (const [token, pending] of this.#pending) {
      if (pending.lastHeard !== null) pending.lastHeard += paused; // a pause of this process is not the worker's silence
      if (now >= pending.deadline) this.#giveUp(token, new AppError('deadline_exceeded'));
      else if (pending.lastHeard !== null && now - pending.lastHeard > LOST_AFTER_MS) {
        this.#giveUp(token, new AppError('worker_lost'));
      } else if (pending.again && now >= (pending.again.dueAt += paused)) askAgain(pending, now);
    }
  }

  /** Ends a request from this side and tells the worker to stop. */
  #giveUp(token: string, reason: AppError): void {
    const pending = this.#settle(token);
    if (!pending) return;
    pending.reject(reason);
    if (pending.abortTo !== undefined) this.#say(pending.abortTo, `${this.#wire.inbox}.${token}`);
  }

  #settle(token: string): Pending | undefined {
    const pending = this.#pending.get(token);
    this.#pending.delete(token);
    pending?.dispose();
    return pending;
  }

  #say(subject: string, text: string): void {
    try {
      this.#wire.publish(subject, encode(text));
    } catch {
      // Without a connection the other side detects by itself that the caller is gone.
    }
  }
}

/** Sends the request once more; the first answer counts. */
function askAgain(pending: Pending, now: number): void {
  const { again } = pending;
  if (!again) return;
  again.left -= 1;
  again.dueAt = now + again.everyMs;
  if (again.left === 0) pending.again = undefined;
  try {
    again.send();
  } catch {
    // Without a connection it cannot be sent; the limits of the request hold.
  }
}
