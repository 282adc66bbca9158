import type { Bus, Call, Subscription } from '@switchyard/bus';
import {
  AppError,
  type InputOf,
  MAX_SESSION_PIECE_CHARS,
  mcpSession,
  McpSessionFrame,
  type OutputOf,
  type Principal,
  safeParse,
} from '@switchyard/contracts';

/*
 * Forwards requests of a session to the replica that has it, so that a client of the older protocol may use any
 * replica.
 *
 * - The replica that receives a request authenticates it. The replica that has the session checks that it belongs to
 *   that user.
 * - The sessions of a replica that is gone are unknown, and the client begins anew. A replica that does not answer may
 *   still have them: the client gets an error, and may retry.
 * - A response is complete, or it breaks off: its pieces are numbered and counted. A client gets a broken stream of a
 *   session again with Last-Event-ID.
 * - A stream ends after the time of one request, and its client reconnects. A client that does not read is cut off.
 */

export interface SessionAnswer {
  readonly response: Response;
  /** Call once when the answer is out. */
  readonly done: () => void;
}

type Serve = (request: Request, body: unknown, principal: Principal) => Promise<SessionAnswer>;

/** The headers of the protocol. */
const REQUEST_HEADERS = ['accept', 'content-type', 'last-event-id', 'mcp-protocol-version', 'mcp-session-id'];
const RESPONSE_HEADERS = ['allow', 'cache-control', 'content-type', 'mcp-session-id', 'x-accel-buffering'];
/** Each stream of a session counts as one. */
const MAX_IN_FLIGHT = 4_096;
/** A client with more unread data than this is cut off. */
const MAX_UNREAD_CHARS = 4 * 1024 * 1024;

export class Handover {
  #subscription: Promise<Subscription> | undefined;

  readonly #bus: Pick<Bus, 'request' | 'answer'>;
  /** The id of this replica. */
  readonly #replica: string;
  readonly #serve: Serve;

  constructor(bus: Pick<Bus, 'request' | 'answer'>, replica: string, serve: Serve) {
    this.#bus = bus;
    this.#replica = replica;
    this.#serve = serve;
  }

  /** Starts to accept requests from other replicas. */
  async open(): Promise<void> {
    this.#subscription ??= this.#bus.answer(mcpSession, (input, call) => this.#take(input, call), {
      as: this.#replica,
      maxInFlight: MAX_IN_FLIGHT,
    });
    try {
      await this.#subscription;
    } catch (error) {
      this.#subscription = undefined;
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.#subscription?.then((taking) => taking.stop()).catch(() => undefined);
  }

  /** The response of the replica that has the session; undefined if that replica is gone. */
  async hand(replica: string, request: Request, body: unknown, principal: Principal): Promise<Response | undefined> {
    const given = new GivenBack(request.signal);
    const method = request.method as InputOf<typeof mcpSession>['method'];
    const headers = picked(request.headers, REQUEST_HEADERS);
    const asked = { principal, method, headers, ...(body === undefined ? {} : { body }) };
    const options = { to: replica, signal: given.signal, onProgress: (frame: unknown) => given.take(frame) };
    this.#bus.request(mcpSession, asked, options).then(
      ({ pieces }) => given.end(pieces),
      (error: unknown) => given.fail(error),
    );
    try {
      return await given.response;
    } catch (error) {
      if (error instanceof AppError && error.code === 'no_responders') return undefined;
      throw error;
    }
  }

  /** Serves a request that another replica received. */
  async #take(
    { principal, method, headers, body }: InputOf<typeof mcpSession>,
    call: Call,
  ): Promise<OutputOf<typeof mcpSession>> {
    const request = new Request('http://localhost/mcp', { method, headers, signal: call.signal });
    const { response, done } = await this.#serve(request, body, principal);
    try {
      const head = { status: response.status, headers: picked(response.headers, RESPONSE_HEADERS) };
      call.progress({ frame: 'head', ...head } satisfies McpSessionFrame);
      let pieces = 0;
      for await (const text of textOf(response, call.signal))
        call.progress({ frame: 'body', n: (pieces += 1), text } satisfies McpSessionFrame);
      return { pieces };
    } finally {
      done();
    }
  }
}

/** A response that arrives in frames. */
class GivenBack {
  readonly response: Promise<Response>;
  readonly #abort = new AbortController();
  readonly #encoder = new TextEncoder();
  #resolve!: (response: Response) => void;
  #reject!: (error: unknown) => void;
  #body: ReadableStreamDefaultController<Uint8Array> | undefined;
  #pieces = 0;

  readonly #asker: AbortSignal;

  constructor(asker: AbortSignal) {
    this.#asker = asker;
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    asker.addEventListener('abort', this.#leave);
    if (asker.aborted) this.#leave();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  take(given: unknown): void {
    const { data: frame } = safeParse(McpSessionFrame, given);
    if (frame?.frame === 'head') this.#begin(frame.status, frame.headers);
    else if (frame && this.#body) {
      if (frame.n !== (this.#pieces += 1)) return this.#breakOff(new Error('a piece of the response was lost'));
      this.#body.enqueue(this.#encoder.encode(frame.text));
      if ((this.#body.desiredSize ?? 0) < 0) this.#breakOff(new Error('the client does not read'));
    }
  }

  end(pieces: number): void {
    if (!this.#body) return this.fail(new AppError('internal'));
    if (pieces !== this.#pieces) return this.#breakOff(new Error('a piece of the response was lost'));
    this.#close((body) => body.close());
  }

  fail(error: unknown): void {
    this.#reject(error);
    const timeUp = error instanceof AppError && error.code === 'deadline_exceeded';
    this.#close((body) => (timeUp ? body.close() : body.error(error)));
  }

  #begin(status: number, headers: Record<string, string>): void {
    const size = (chunk: Uint8Array | undefined): number => chunk?.byteLength ?? 0;
    const stream = new ReadableStream<Uint8Array>(
      { start: (body) => void (this.#body = body), cancel: () => this.#leave() },
      { highWaterMark: MAX_UNREAD_CHARS, size },
    );
    const empty = [202, 204, 205, 304].includes(status);
    this.#resolve(new Response(empty ? null : stream, { status, headers }));
  }

  #breakOff(error: Error): void {
    this.#abort.abort();
    this.#close((body) => body.error(error));
  }

  readonly #leave = (): void => {
    this.#abort.abort();
    this.#close(() => undefined);
  };

  #close(how: (body: ReadableStreamDefaultController<Uint8Array>) => void): void {
    this.#asker.removeEventListener('abort', this.#leave);
    const body = this.#body;
    this.#body = undefined;
    if (body) how(body);
  }
}

function picked(headers: Headers, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (headers.has(name) ? [[name, headers.get(name)!]] : [])));
}

/** The body in pieces; none if it is empty. Ends when no reader is left. */
async function* textOf({ body }: Response, signal: AbortSignal): AsyncGenerator<string> {
  if (!body) return;
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const stop = (): void => void reader.cancel().catch(() => undefined);
  signal.addEventListener('abort', stop, { once: true });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const text = decoder.decode(value, { stream: !done });
      yield* piecesOf(text);
      if (done) return;
    }
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Splits text without splitting a character. */
function* piecesOf(text: string): Generator<string> {
  for (let at = 0, end = 0; at < text.length; at = end) {
    end = Math.min(text.length, at + MAX_SESSION_PIECE_CHARS);
    if (end < text.length && /[\ud800-\udbff]/.test(text[end - 1]!)) end -= 1;
    yield text.slice(at, end);
  }
}
