import { createBrotliDecompress, createGunzip, constants } from 'node:zlib';
import type { Transform } from 'node:stream';
import { AppError } from '@switchyard/contracts';
import type { Dispatcher } from 'undici';
import { asAppError } from './failure.ts';
import type { Outgoing } from './outgoing.ts';

/*
 * One HTTP exchange, from the dispatcher to a Response.
 *
 * - The promise settles once. An error after the headers becomes the error of the body.
 * - The reader never gets more than maxResponseBytes, counted after decompression. At most a few chunks wait unread,
 *   and the socket is paused behind them.
 * - Headers, silence in the body, and the whole exchange have limits. A reader that is slow does not count as silence,
 *   but as part of the whole. No timer and no listener outlives the exchange.
 * - The caller's abort ends the exchange at once, with the caller's own reason.
 */

export interface ExchangeLimits {
  readonly timeoutMs: number;
  readonly totalTimeoutMs: number;
  readonly maxResponseBytes: number;
}

/** Chunks (of at most 64 KiB) that wait for a slow reader. */
const MAX_WAITING_CHUNKS = 8;
/** The reader stopped reading; the answer is fine. */
const READER_LEFT = new Error('the reader has left');

/** `onOver` is told once, when nothing more comes; with the error where the answer broke off. */
export function exchange(
  dispatcher: Dispatcher,
  request: Outgoing,
  limits: ExchangeLimits,
  onOver: (error?: unknown) => void = () => undefined,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    if (request.signal?.aborted) return reject(request.signal.reason as Error);
    const handler = new Exchange(request, limits, resolve, reject, onOver);
    dispatcher.dispatch(
      {
        origin: request.url.origin,
        path: `${request.url.pathname}${request.url.search}`,
        method: request.method as Dispatcher.HttpMethod,
        headers: Object.fromEntries(request.headers),
        // undici takes any async iterable, which its types do not say.
        body: request.body as Dispatcher.DispatchOptions['body'],
        headersTimeout: 0, // our own, which counts connecting too
        bodyTimeout: limits.timeoutMs,
      },
      handler,
    );
  });
}

class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: Outgoing;
  readonly #limits: ExchangeLimits;
  readonly #resolve: (response: Response) => void;
  readonly #reject: (error: unknown) => void;
  readonly #onOver: (error?: unknown) => void;
  #timer: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | undefined;
  #decoder: Transform | undefined;
  #body: ReadableStreamDefaultController<Uint8Array> | undefined;
  #answered = false;
  #over = false;
  #waiting = false;
  #seen = 0;

  constructor(
    request: Outgoing,
    limits: ExchangeLimits,
    resolve: (response: Response) => void,
    reject: (error: unknown) => void,
    onOver: (error?: unknown) => void,
  ) {
    this.#request = request;
    this.#limits = limits;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#onOver = onOver;
    this.#timer = setTimeout(this.#onTimeout, Math.min(limits.timeoutMs, limits.totalTimeoutMs));
    request.signal?.addEventListener('abort', this.#onAbort);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(new Error('no longer wanted'));
  }

  onResponseStart(
    _: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
    statusText = '',
  ): void {
    if (status < 200 || this.#over) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onTimeout, this.#limits.totalTimeoutMs);
    try {
      const bodiless = this.#request.method === 'HEAD' || status === 204 || status === 205 || status === 304;
      if (!bodiless && Number(headers['content-length'] ?? 0) > this.#limits.maxResponseBytes)
        throw new AppError('response_too_large');
      if (!bodiless) this.#decoder = this.#decoderFor(String(headers['content-encoding'] ?? ''));
      const response = new Response(bodiless ? null : this.#stream(), {
        status,
        statusText: /^[\t\x20-\x7e]*$/.test(statusText) ? statusText : '',
        headers: headerPairs(headers),
      });
      Object.defineProperty(response, 'url', { value: this.#request.url.href });
      this.#answered = true;
      this.#resolve(response);
    } catch (error) {
      this.#fail(asAppError(error));
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over || !this.#body) return;
    if (!this.#decoder) this.#deliver(chunk, () => controller.pause());
    else if (!this.#decoder.write(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    if (this.#decoder && !this.#over) this.#decoder.end();
    else this.#finish();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#fail(asAppError(error));
  }

  #stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (body) => void (this.#body = body),
        pull: () => {
          if (!this.#waiting) return;
          this.#waiting = false;
          if (this.#decoder) this.#decoder.resume();
          else this.#controller?.resume();
        },
        cancel: () => {
          this.#body = undefined;
          this.#fail(READER_LEFT);
        },
      },
      { highWaterMark: MAX_WAITING_CHUNKS },
    );
  }

  #decoderFor(coding: string): Transform | undefined {
    let decoder: Transform;
    switch (coding.trim().toLowerCase()) {
      case '':
      case 'identity':
        return undefined;
      case 'gzip':
      case 'x-gzip':
        decoder = createGunzip({ flush: constants.Z_SYNC_FLUSH });
        break;
      case 'br':
        decoder = createBrotliDecompress({ flush: constants.BROTLI_OPERATION_FLUSH });
        break;
      default:
        throw new AppError('upstream_failed', 'The other server answered in a coding that was not asked for.');
    }
    decoder.on('data', (chunk: Buffer) => this.#deliver(chunk, () => decoder.pause()));
    decoder.on('drain', () => this.#controller?.resume());
    decoder.on('end', () => this.#finish());
    decoder.on('error', (cause: Error) =>
      this.#fail(new AppError('upstream_failed', 'The answer cannot be decompressed.', { cause })),
    );
    return decoder;
  }

  #deliver(chunk: Buffer, pause: () => void): void {
    // undici's parser says "nothing" each time it goes on after a pause: queued, it would pause it again, for ever.
    if (this.#over || !this.#body || chunk.length === 0) return;
    this.#seen += chunk.length;
    if (this.#seen > this.#limits.maxResponseBytes) return this.#fail(new AppError('response_too_large'));
    this.#body.enqueue(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    if ((this.#body.desiredSize ?? 0) > 0) return;
    this.#waiting = true;
    pause();
  }

  readonly #onTimeout = (): void => this.#fail(new AppError('upstream_timeout'));
  readonly #onAbort = (): void => this.#fail(this.#request.signal?.reason);

  #finish(): void {
    if (!this.#release()) return;
    this.#onOver();
    this.#body?.close();
  }

  #fail(reason: unknown): void {
    if (!this.#release()) return;
    if (this.#answered) {
      this.#onOver(reason === READER_LEFT ? undefined : reason);
      this.#body?.error(reason);
    } else this.#reject(reason);
    this.#decoder?.destroy();
    this.#controller?.abort(reason instanceof Error ? reason : new Error('aborted'));
  }

  /** False where this exchange was over already. */
  #release(): boolean {
    if (this.#over) return false;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#request.signal?.removeEventListener('abort', this.#onAbort);
    return true;
  }
}

function headerPairs(headers: Record<string, string | string[] | undefined>): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    Array.isArray(value)
      ? value.map((each) => [name, latin1(each)])
      : value === undefined
        ? []
        : [[name, latin1(value)]],
  );
}

/** Headers are bytes; undici reads them as UTF-8, the Headers class takes them as Latin-1 only. */
function latin1(value: string): string {
  return /[\u0100-\uffff]/.test(value) ? Buffer.from(value, 'utf8').toString('latin1') : value;
}
