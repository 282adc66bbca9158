import { randomBytes } from 'node:crypto';
import { abortSubject, AppError } from '@switchyard/contracts';
import {
  decode,
  FRAME_INTERVAL_MS,
  HEADER,
  type Wire,
  type WireMessage,
  type WireSubscription,
} from '../protocol/index.ts';
import { CallerLost } from './abort-reasons.ts';
import type { Replies } from './replies.ts';

/*
 * The requests that the handlers of this process work on.
 *
 * - While a handler works, its caller gets a frame every two seconds.
 * - The table aborts the work if the caller says so, if nobody listens for the answer any more, or when the deadline
 *   passes. The caller gets its refusal at once, even if the handler takes its time to stop.
 * - Each request gets at most one answer or refusal.
 * - After a pause of this process the table first reads the aborts that came meanwhile (`catchUpMs`).
 */

const TICK_MS = FRAME_INTERVAL_MS / 4;
/** A tick that comes this late was delayed by this process itself. */
const PAUSED_AFTER_MS = 2_000;
/** Reading what waits in the socket takes at most this long. */
const CATCH_UP_MS = 250;
const TOKEN_BYTES = 9;
/** A frame that is due soon is sent with this tick, so that none is later than its interval. */
const FRAME_DUE_MS = FRAME_INTERVAL_MS * 0.7;
/** A caller may ask for a deadline of at most this many times the timeout of the contract. */
const MAX_TIMEOUTS = 10;

export interface OpenRequest {
  /** Last token of the subject on which the server says that nobody listens for the answer any more. */
  readonly token: string;
  readonly abort: AbortController;
  readonly reply: string;
  readonly understandsFrames: boolean;
  readonly deadline: number;
  /** When the caller last got a frame whose delivery the server watched. */
  lastWatched: number;
  answered: boolean;
  /** Called when the caller has its answer. */
  readonly onAnswered: () => void;
}

export class OpenRequests {
  readonly #requests = new Map<string, OpenRequest>();
  /** Token by reply subject: an abort names the request by where its answer goes. */
  readonly #tokens = new Map<string, string>();
  readonly #abortSubscriptions = new Map<string, WireSubscription>();
  #watchSubscription: WireSubscription | undefined;
  #timer: NodeJS.Timeout | undefined;
  #tickedAt = Date.now();
  #catchUpUntil = 0;

  readonly #wire: Wire;
  readonly #replies: Replies;

  constructor(wire: Wire, replies: Replies) {
    this.#wire = wire;
    this.#replies = replies;
  }

  get count(): number {
    return this.#requests.size;
  }

  /** Listens for aborts of requests to this app, and starts the timer of frames and deadlines. */
  listen(app: string): void {
    if (!this.#abortSubscriptions.has(app)) {
      this.#abortSubscriptions.set(
        app,
        this.#wire.subscribe(abortSubject(app), (message) => this.#takeAbort(message)),
      );
    }
    this.#watchSubscription ??= this.#wire.subscribe(this.#watchSubject('*'), (message) => this.#takeUnheard(message));
    if (this.#timer) return;
    this.#tickedAt = Date.now();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  /** Takes a request up. `onAnswered` is called when its caller has an answer, or when `end` is called. */
  begin(message: WireMessage, reply: string, timeoutMs: number, onAnswered: () => void): OpenRequest {
    const now = Date.now();
    const asked = readDeadline(message);
    const request: OpenRequest = {
      token: randomBytes(TOKEN_BYTES).toString('base64url'),
      abort: new AbortController(),
      reply,
      understandsFrames: message.header(HEADER.progress) === '1',
      deadline: asked === undefined ? now + timeoutMs : Math.min(asked, now + timeoutMs * MAX_TIMEOUTS),
      lastWatched: now,
      answered: false,
      onAnswered,
    };
    this.#requests.set(request.token, request);
    this.#tokens.set(reply, request.token);
    return request;
  }

  end(request: OpenRequest): void {
    request.answered = true;
    request.onAnswered();
    this.#requests.delete(request.token);
    if (this.#tokens.get(request.reply) === request.token) this.#tokens.delete(request.reply);
  }

  /** How long a handler waits before it begins, because this process stood still and reads the aborts first. */
  catchUpMs(now = Date.now()): number {
    if (now - this.#tickedAt > PAUSED_AFTER_MS) this.#catchUpUntil = now + CATCH_UP_MS;
    return Math.max(0, this.#catchUpUntil - now);
  }

  answer(request: OpenRequest, body: Uint8Array): void {
    if (!request.answered) this.#replies.answer(request.reply, body);
  }

  refuse(request: OpenRequest, error: unknown): void {
    if (!request.answered) this.#replies.refuse(request.reply, error);
  }

  /** Sends the caller a frame, if it reads frames and has no answer yet. */
  progress(request: OpenRequest, body: () => Uint8Array): void {
    if (request.understandsFrames && !request.answered) this.#frame(request, body(), Date.now());
  }

  /** Refuses the request for a handler that may take its time to stop, and aborts the handler. */
  stop(request: OpenRequest, reason: AppError): void {
    if (request.answered) return;
    request.answered = true;
    this.#replies.refuse(request.reply, reason);
    request.onAnswered();
    request.abort.abort(reason);
  }

  /** Stops every open request; their callers can ask another worker. */
  close(): void {
    clearInterval(this.#timer);
    for (const subscription of this.#abortSubscriptions.values()) subscription.unsubscribe();
    this.#watchSubscription?.unsubscribe();
    for (const request of this.#requests.values()) this.stop(request, new AppError('worker_lost'));
  }

  #tick(): void {
    const now = Date.now();
    this.catchUpMs(now);
    this.#tickedAt = now;
    for (const request of this.#requests.values()) {
      if (request.answered) continue;
      if (now >= request.deadline) this.stop(request, new AppError('deadline_exceeded'));
      else if (request.understandsFrames && now - request.lastWatched >= FRAME_DUE_MS) {
        this.#frame(request, new Uint8Array(), now);
      }
    }
  }

  /** Sends a frame. If the last watched frame is long ago, the server watches whether anybody listens for this one. */
  #frame(request: OpenRequest, body: Uint8Array, now: number): void {
    const watched = now - request.lastWatched >= FRAME_DUE_MS;
    if (watched) request.lastWatched = now;
    this.#replies.frame(request.reply, body, watched ? this.#watchSubject(request.token) : undefined);
  }

  #watchSubject(token: string): string {
    return `${this.#wire.inbox}.beat.${token}`;
  }

  /** The server says that nobody listens for the frames of a request. */
  #takeUnheard(message: WireMessage): void {
    if (!message.noResponders) return;
    const request = this.#requests.get(message.subject.slice(message.subject.lastIndexOf('.') + 1));
    if (request) this.stop(request, new CallerLost());
  }

  #takeAbort(message: WireMessage): void {
    try {
      const reply = decode(message.body);
      const token = typeof reply === 'string' ? this.#tokens.get(reply) : undefined;
      const request = token === undefined ? undefined : this.#requests.get(token);
      if (request) this.stop(request, new AppError('cancelled'));
    } catch {
      // Another worker's request, or not JSON.
    }
  }
}

function readDeadline(message: WireMessage): number | undefined {
  const value = Number(message.header(HEADER.deadline));
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}
