import type { ServerResponse } from 'node:http';

/*
 * A server-sent-events socket.
 *
 * - Available text goes out in one socket write. The headers go with the first write, or alone after a moment.
 * - The stream waits for a client that does not read. It closes if the client does not catch up in time or too much
 *   piles up; the client continues by its cursor. No frame is ever dropped from the middle.
 * - A silent stream sends keep-alives, except while the client is behind.
 * - Closing, from either side, releases every timer and listener, once.
 */
export interface SseOptions {
  readonly heartbeatMs: number;
  readonly maxBufferedBytes: number;
  /** The keep-alive text. */
  readonly keepAlive: () => string;
  /** The longest wait for a client that does not read. */
  readonly stallMs?: number;
}

const SSE_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
} as const;

const DEFAULT_STALL_MS = 30_000;
/** How long headers wait for the first frames, so that both leave in one write. */
const FLUSH_AFTER_MS = 25;
/** Tells a client when to resume after we ended the stream. */
export const RETRY_HINT = 'retry: 1000\n\n';

/** The reason of every end; shared, since creating an error captures a stack trace. */
export const OVER = Object.freeze(new Error('the stream is over'));

export class SseSocket {
  readonly #response: ServerResponse;
  readonly #options: SseOptions;
  readonly #closed = new AbortController();
  #heartbeat: NodeJS.Timeout;
  #flush: NodeJS.Timeout | undefined;
  #wrote = false;
  #tooSlow = false;

  /** `response`: hijacked, headers not sent. `headers`: those of the framework's reply (CORS and the like). */
  constructor(
    response: ServerResponse,
    headers: Readonly<Record<string, number | string | string[] | undefined>>,
    options: SseOptions,
  ) {
    this.#response = response;
    this.#options = options;
    const all: Record<string, number | string | string[]> = {};
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) all[name] = value;
    response.writeHead(200, { ...all, ...SSE_HEADERS });
    response.on('error', () => this.#close());
    response.once('close', () => this.#close());
    this.#flush = setTimeout(() => {
      if (!this.#wrote && !this.closed) response.flushHeaders();
    }, FLUSH_AFTER_MS);
    this.#heartbeat = setInterval(() => this.#beat(), options.heartbeatMs);
    // The client may have gone before the answer began.
    if (response.destroyed || response.socket?.destroyed === true) this.#close();
  }

  /** Aborted once the stream is over, from either side. */
  get signal(): AbortSignal {
    return this.#closed.signal;
  }

  get closed(): boolean {
    return this.#closed.signal.aborted;
  }

  /** True where the stream was cut because the client did not read. */
  get tooSlow(): boolean {
    return this.#tooSlow;
  }

  /** True while the client has not read everything that was written. */
  get behind(): boolean {
    return this.#response.writableNeedDrain;
  }

  /** Writes the text at once, and waits until a client that is behind has caught up. */
  async write(text: string): Promise<void> {
    if (text === '' || this.closed) return;
    this.#put(text);
    if (this.#response.writableNeedDrain) await this.#drained();
  }

  /** Ends the stream after `text`. Idempotent. */
  end(text = ''): void {
    if (this.closed) return;
    this.#response.end(text);
    this.#close();
  }

  /** Cuts the connection to a client that does not read: it sees a broken stream, not an ended one. */
  destroy(): void {
    this.#tooSlow ||= !this.closed;
    this.#response.destroy();
    this.#close();
  }

  #put(text: string): void {
    this.#wrote = true;
    clearTimeout(this.#flush);
    this.#heartbeat.refresh();
    const behind = this.#response.writableLength;
    this.#response.write(text);
    if (behind > 0 && this.#response.writableLength > this.#options.maxBufferedBytes) this.destroy();
  }

  #beat(): void {
    if (this.closed || this.#response.writableNeedDrain) return;
    this.#put(this.#options.keepAlive());
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#response.off('drain', done);
        this.signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(() => {
        this.destroy();
        done();
      }, this.#options.stallMs ?? DEFAULT_STALL_MS);
      this.#response.once('drain', done);
      this.signal.addEventListener('abort', done);
      if (this.closed) done();
    });
  }

  #close(): void {
    if (this.closed) return;
    clearTimeout(this.#flush);
    clearInterval(this.#heartbeat);
    this.#closed.abort(OVER);
  }
}
