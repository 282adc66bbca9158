import {
  AppError,
  CarriedFrame,
  type CarriedResponse,
  type OutputOf,
  type RequestContract,
  type RequestOf,
  safeParse,
  xmppBody,
  xmppRequest,
} from '@switchyard/contracts';
import { currentBehalf, linkAbort } from '@switchyard/platform';
import { hostAndPort } from './address-guard.ts';
import { bodyOnTheBus } from './carried-body.ts';
import type { ExchangeLimits } from './exchange.ts';
import type { Outgoing } from './outgoing.ts';

/*
 * A request to a mapped host, handed to the bridge over the bus.
 *
 * - The answer is the bridge's, or an error: there is no other way to the host.
 * - A body that does not fit into one message goes in pieces, once the bridge has taken its length. A body that is too
 *   long is refused before any of it is sent.
 * - Silence has the same limit as over the network: until the head, and within a body that comes in pieces.
 */

/** Carries one request; gives what `fetch` would. */
export type Carrier = (
  request: Outgoing,
  limits: ExchangeLimits,
  onOver?: (error?: unknown) => void,
) => Promise<Response>;

/** The part of the bus that is needed here. */
export interface XmppRequester {
  request<C extends RequestContract>(
    contract: C,
    input: RequestOf<C>,
    options: {
      signal?: AbortSignal;
      timeoutMs?: number;
      idempotencyKey?: string;
      to?: string;
      onProgress?: (frame: unknown) => void;
    },
  ): Promise<OutputOf<C>>;
}

export function carryOverXmpp(bus: XmppRequester): Carrier {
  return async (request, limits, onOver = () => undefined) => {
    const { url, method, headers, signal } = request;
    const behalf = currentBehalf();
    const body = await bytesOf(request.body);
    const key = headers.get('idempotency-key');
    const limited = linkAbort(signal ? [signal] : []);
    let left = false;
    const leave = (): void => {
      left ||= !limited.signal.aborted;
      limited.abort();
    };
    const told = (error: unknown): unknown =>
      left && !signal?.aborted ? new AppError('upstream_timeout', undefined, { cause: error }) : error;
    const silence = setTimeout(leave, limits.timeoutMs); // silence until the head
    const sending = bodyOnTheBus(bus, xmppBody, body, limited.signal, leave);
    const pieces = new Pieces(method, limits.maxResponseBytes, leave);
    const whole = bus
      .request(
        xmppRequest,
        {
          host: hostAndPort(url),
          method,
          resource: `${url.pathname}${url.search}`,
          headers: [...headers].map(([name, value]): [string, string] => [name, value]),
          ...(behalf === undefined ? {} : { onBehalfOf: behalf }),
          ...sending.fields,
        },
        {
          timeoutMs: limits.totalTimeoutMs,
          signal: limited.signal,
          ...(key === null ? {} : { idempotencyKey: key.slice(0, 160) }),
          onProgress: (frame) => {
            sending.onFrame(frame);
            pieces.take(frame);
            if (pieces.begun) silence.refresh();
          },
        },
      )
      .finally(() => {
        clearTimeout(silence);
        limited.release();
      });
    whole.then(
      () => {
        onOver();
        pieces.end();
      },
      (error: unknown) => {
        onOver(pieces.readerLeft ? undefined : told(error));
        pieces.fail(told(error));
      },
    );
    try {
      const first = await Promise.race([whole, pieces.response]);
      return first instanceof Response
        ? first
        : pieces.begun
          ? await pieces.response
          : responseOf(first, method, limits.maxResponseBytes);
    } catch (error) {
      throw told(error);
    }
  };
}

/** A response that comes in pieces. */
class Pieces {
  readonly response: Promise<Response>;
  begun = false;
  readerLeft = false;
  #resolve!: (response: Response) => void;
  #body: ReadableStreamDefaultController<Uint8Array> | undefined;
  #seen = 0;

  readonly #method: string;
  readonly #maxBytes: number;
  readonly #leave: () => void;

  constructor(method: string, maxBytes: number, leave: () => void) {
    this.#method = method;
    this.#maxBytes = maxBytes;
    this.#leave = leave;
    this.response = new Promise((resolve) => (this.#resolve = resolve));
  }

  take(frame: unknown): void {
    const parsed = safeParse(CarriedFrame, frame);
    if (!parsed.success) return;
    if ('head' in parsed.data) return this.#begin(parsed.data.head);
    if ('send' in parsed.data) return;
    const bytes = Buffer.from(parsed.data.chunk, 'base64');
    this.#seen += bytes.length;
    if (this.#seen > this.#maxBytes) {
      this.fail(new AppError('response_too_large'));
      return this.#leave();
    }
    this.#body?.enqueue(new Uint8Array(bytes));
  }

  end(): void {
    const body = this.#body;
    this.#body = undefined;
    body?.close();
  }

  fail(error: unknown): void {
    const body = this.#body;
    this.#body = undefined;
    body?.error(error);
  }

  #begin({ status, headers }: Pick<CarriedResponse, 'status' | 'headers'>): void {
    if (this.begun) return;
    this.begun = true;
    const stream = new ReadableStream<Uint8Array>({
      start: (body) => void (this.#body = body),
      cancel: () => {
        this.#body = undefined;
        this.readerLeft = true;
        this.#leave();
      },
    });
    this.#resolve(new Response(this.#method === 'HEAD' ? null : stream, { status, headers: keptHeaders(headers) }));
  }
}

function responseOf({ status, headers, body }: CarriedResponse, method: string, maxBytes: number): Response {
  const bytes = Buffer.from(body, 'base64');
  if (bytes.length > maxBytes) throw new AppError('response_too_large');
  const bodiless = method === 'HEAD' || status === 204 || status === 205 || status === 304;
  return new Response(bodiless ? null : new Uint8Array(bytes), { status, headers: keptHeaders(headers) });
}

function keptHeaders(headers: CarriedResponse['headers']): [string, string][] {
  return headers.filter(([name]) => !/^(content-length|content-encoding|transfer-encoding)$/i.test(name));
}

async function bytesOf(body: Outgoing['body']): Promise<Buffer> {
  if (body === null) return Buffer.alloc(0);
  if (typeof body === 'string') return bounded(Buffer.from(body, 'utf8'));
  if (body instanceof Uint8Array) return bounded(Buffer.from(body));
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of body as unknown as AsyncIterable<Uint8Array>) {
    pieces.push(piece);
    length += piece.length;
    if (length > MAX_BODY_BYTES) break;
  }
  return bounded(Buffer.concat(pieces));
}

function bounded(bytes: Buffer): Buffer {
  if (bytes.length > MAX_BODY_BYTES)
    throw new AppError('payload_too_large', `Over XMPP a body has at most ${MAX_BODY_BYTES} bytes.`);
  return bytes;
}

/** The most that AZTM_STREAM_LIMIT_MB can be set to; the bridge knows what it is set to. */
const MAX_BODY_BYTES = 104_857_600;
