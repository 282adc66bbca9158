import { AppError } from '@switchyard/contracts';
import { linkAbort, type LinkedAbort } from '@switchyard/platform';
import type { ChatCompletionCreateParamsStreaming } from 'openai/resources/chat/completions';
import { AnswerBuilder } from './answer.ts';
import { EndpointError, type Optional } from './errors.ts';
import { ChunkReader, type Piece } from './stream.ts';
import type { ModelAnswer, ModelRequest } from '../index.ts';

/*
 * Sends one request to a chat completions endpoint and reads its answer.
 *
 * - Every wait has a limit: `timeoutMs` until the endpoint begins to answer, `stallMs` between two chunks with content.
 *   Empty pieces (comments, empty chunks) extend the wait only before the answer begins.
 * - After a pause of the process itself, buffered bytes are read before a timer is believed.
 * - The answer ends with `[DONE]`, or shortly after its finish_reason: servers and proxies keep connections open, and
 *   break them, after the last piece.
 */

export interface Endpoint {
  readonly apiKey: string;
  readonly baseUrl: string;
  readonly timeoutMs: number;
  readonly stallMs: number;
  readonly fetch: typeof fetch;
}

/** The stream ended early, stalled, or held something that is not the protocol. */
export class BrokenStream extends Error {
  constructor(
    message: string,
    /** The length of what the model had written and nobody saw. */
    readonly unseen: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** No answer came: the connection failed, or the endpoint was silent for too long. */
export class Unreachable extends Error {}

/** The endpoint is no chat completions server: it answers with a web page. */
export class WebPage extends Error {}

/** How long to wait after the finish_reason: for the usage, and then for `[DONE]`. */
const USAGE_GRACE_MS = 2_000;
const DONE_GRACE_MS = 250;
/** The part of an error body that is read. */
const MAX_ERROR_BYTES = 64 * 1024;
const ERROR_BODY_MS = 5_000;

export async function askOnce(
  endpoint: Endpoint,
  request: ModelRequest,
  leftOut: ReadonlySet<Optional>,
  signal: AbortSignal,
): Promise<ModelAnswer> {
  const stop = linkAbort([signal]);
  const silence = new SilenceLimit(endpoint.timeoutMs, stop);
  const answer = new AnswerBuilder(request);
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  let done = false;
  try {
    const response = await send(endpoint, request, leftOut, stop.signal);
    silence.heard();
    reader = response.body?.getReader();
    stop.signal.addEventListener('abort', () => void reader?.cancel().catch(() => undefined), { once: true });
    silence.waiting(response.ok ? endpoint.stallMs : ERROR_BODY_MS);
    if (!response.ok) throw new EndpointError(response.status, await errorBody(reader), response.headers);
    done = await read(reader, { answer, silence, request, endpoint, headers: response.headers });
  } catch (error) {
    if (signal.aborted) throw new AppError('cancelled', undefined, { cause: error });
    if (!answer.finished || isTooLong(error)) throw told(error, stop, reader ? answer : undefined);
  } finally {
    silence.end();
    if (reader) leave(reader, done);
    stop.release();
  }
  if (signal.aborted) throw new AppError('cancelled');
  const ended = answer.finished || (done && answer.begun);
  if (!ended || answer.broken) throw new BrokenStream('the model stream ended early', answer.unseen);
  const rest = answer.close();
  if (rest !== '') request.onText(rest);
  request.onUnseen?.(answer.unseen);
  return answer.build();
}

function send(
  endpoint: Endpoint,
  request: ModelRequest,
  leftOut: ReadonlySet<Optional>,
  signal: AbortSignal,
): Promise<Response> {
  const { maxOutputTokens: most, functions } = request;
  const limit = leftOut.has('max_completion_tokens') ? { max_tokens: most } : { max_completion_tokens: most };
  const body: ChatCompletionCreateParamsStreaming = {
    model: request.model,
    messages: request.messages,
    stream: true,
    ...(leftOut.has('stream_options') ? {} : { stream_options: { include_usage: true } }),
    ...(most === undefined ? {} : limit),
    ...(functions.length === 0 ? {} : { tools: functions.map((fn) => ({ type: 'function', function: { ...fn } })) }),
  };
  const { apiKey, baseUrl } = endpoint;
  return endpoint.fetch(`${baseUrl.replace(/\/+$/, '')}/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${apiKey}`,
      'content-type': 'application/json',
      accept: 'text/event-stream, application/json',
    },
    body: JSON.stringify(body),
    signal,
  });
}

interface Reading {
  readonly answer: AnswerBuilder;
  readonly silence: SilenceLimit;
  readonly request: ModelRequest;
  readonly endpoint: Endpoint;
  readonly headers: Headers;
}

/** Reads until the answer is complete; returns true if the endpoint ended it itself. */
async function read(reader: ReadableStreamDefaultReader<Uint8Array> | undefined, reading: Reading): Promise<boolean> {
  const chunks = new ChunkReader();
  for (;;) {
    const next = await reader?.read();
    reading.silence.heard();
    const pieces = next?.value ? chunks.push(next.value) : chunks.end();
    for (const piece of pieces) {
      if (piece.kind === 'done') return true;
      take(piece, reading);
    }
    if (!next || next.done) return false;
  }
}

function take(piece: Piece, { answer, silence, request, endpoint, headers }: Reading): void {
  if (piece.kind === 'page') throw new WebPage('a page in place of an answer');
  if (piece.kind === 'garbage') throw new BrokenStream('a chunk is no JSON', answer.unseen);
  if (piece.kind === 'error') throw new EndpointError(200, piece.body, headers);
  const { text, brought } = piece.kind === 'chunk' ? answer.take(piece.value) : { text: '', brought: false };
  if (answer.finished) silence.brought(answer.counted ? DONE_GRACE_MS : Math.min(USAGE_GRACE_MS, endpoint.stallMs));
  else if (brought) silence.brought(endpoint.stallMs);
  else silence.waiting(endpoint.stallMs);
  if (text !== '') request.onText(text);
}

/** The error to report for a missing answer. `answer`: undefined if the endpoint never answered. */
function told(error: unknown, stop: LinkedAbort, answer: AnswerBuilder | undefined): unknown {
  if (isTooLong(error) || error instanceof EndpointError || error instanceof WebPage || error instanceof BrokenStream)
    return error;
  if (!answer)
    return error instanceof AppError && !PASSING.has(error.code) ? error : new Unreachable('', { cause: error });
  const what = stop.signal.aborted ? 'stalled' : 'broke';
  return new BrokenStream(`the model stream ${what}`, answer.unseen, { cause: error });
}

/** Connection faults that another try may avoid. */
const PASSING = new Set<string>([
  'upstream_failed',
  'upstream_timeout',
  'unavailable',
  'no_responders',
  'agent_unreachable',
]);

function isTooLong(error: unknown): boolean {
  return error instanceof AppError && (error.code === 'model_invalid_answer' || error.code === 'response_too_large');
}

async function errorBody(reader: ReadableStreamDefaultReader<Uint8Array> | undefined): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  try {
    while (reader && text.length < MAX_ERROR_BYTES) {
      const { value, done } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    // The status is enough.
  }
  return text.slice(0, MAX_ERROR_BYTES);
}

const LAST_BYTES = 64 * 1024;
const LAST_MS = 100;

/** After `[DONE]` the rest is read, so that the connection can be reused; otherwise the connection is closed. */
function leave(reader: ReadableStreamDefaultReader<Uint8Array>, done: boolean): void {
  const giveUp = () => void reader.cancel().catch(() => undefined);
  if (!done) return giveUp();
  const timer = setTimeout(giveUp, LAST_MS);
  const drain = async () => {
    for (let size = 0; size < LAST_BYTES;) {
      const next = await reader.read();
      if (next.done) return;
      size += next.value.length;
    }
    giveUp();
  };
  drain()
    .catch(() => undefined)
    .finally(() => clearTimeout(timer));
}

/** Aborts the request after a silence; the limit depends on what arrived last. */
class SilenceLimit {
  #timer: NodeJS.Timeout | undefined;
  #heard = 0;
  #brought = false;
  readonly #began = performance.now();

  readonly #timeoutMs: number;
  readonly #stop: LinkedAbort;

  constructor(timeoutMs: number, stop: LinkedAbort) {
    this.#timeoutMs = timeoutMs;
    this.#stop = stop;
    this.#arm(timeoutMs);
  }

  /** Bytes arrived: if a timer is due at the same moment, the bytes count first. */
  heard(): void {
    this.#heard += 1;
  }

  /** Content arrived; the next piece may take `ms`. */
  brought(ms: number): void {
    this.#brought = true;
    this.#arm(ms);
  }

  /** The endpoint is alive but has sent no content yet. */
  waiting(ms: number): void {
    const left = this.#timeoutMs - (performance.now() - this.#began);
    if (!this.#brought && left > 0) this.#arm(Math.min(ms, left));
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #arm(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const before = this.#heard;
      setImmediate(() => {
        if (this.#heard === before) this.#stop.abort();
        else this.#arm(ms);
      });
    }, ms);
  }
}
