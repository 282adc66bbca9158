import { AppError } from '@switchyard/contracts';
import { linkAbort, withSpan } from '@switchyard/platform';
import OpenAI, { APIConnectionError, APIError, APIUserAbortError } from 'openai';
import type { ChatCompletionChunk } from 'openai/resources/chat/completions';
import type { ModelCall } from './functions.ts';
import type { ModelAnswer, ModelRequest, Planner } from './planner.ts';

/*
 * The planner over the OpenAI chat completions protocol, streaming.
 *
 * P1 Every wait has a limit: `timeoutMs` until the first byte, `stallMs` between two pieces. A process that stood still
 *    itself reads first what came meanwhile.
 * P2 A stalled or broken stream is asked again once, and only while no text has been shown to anybody.
 * P3 No text of the endpoint's errors reaches a caller; it goes to the log as the cause.
 */

export interface OpenAiPlannerOptions {
  readonly apiKey: string;
  readonly baseUrl: string;
  readonly timeoutMs: number;
  readonly stallMs: number;
  readonly maxRetries: number;
  readonly fetch: typeof fetch;
}

export function createOpenAiPlanner(options: OpenAiPlannerOptions): Planner {
  const client = new OpenAI({
    apiKey: options.apiKey,
    baseURL: options.baseUrl,
    timeout: options.timeoutMs,
    maxRetries: options.maxRetries,
    fetch: options.fetch,
    // The environment's organisation, project and log settings are not ours to pass on.
    organization: null,
    project: null,
    logLevel: 'off',
  });

  return {
    ask: (request, signal) =>
      withSpan(
        `chat ${request.model}`,
        { 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'openai', 'gen_ai.request.model': request.model },
        async (span) => {
          const answer = await askWithOneRepeat(client, options.stallMs, request, signal);
          span.setAttribute('gen_ai.response.model', answer.model);
          span.setAttribute('gen_ai.usage.input_tokens', answer.usage.input_tokens);
          span.setAttribute('gen_ai.usage.output_tokens', answer.usage.output_tokens);
          return answer;
        },
      ),
  };
}

async function askWithOneRepeat(
  client: OpenAI,
  stallMs: number,
  request: ModelRequest,
  signal: AbortSignal,
): Promise<ModelAnswer> {
  let spoke = false;
  const heard = {
    ...request,
    onText: (piece: string) => {
      spoke = true;
      request.onText(piece);
    },
  };
  try {
    return await askOnce(client, stallMs, heard, signal);
  } catch (error) {
    if (!(error instanceof BrokenStream) || spoke || signal.aborted) throw toAppError(error, signal);
  }
  try {
    return await askOnce(client, stallMs, heard, signal);
  } catch (error) {
    throw toAppError(error, signal);
  }
}

/** The stream ended early, stalled, or held something that is not the protocol. */
class BrokenStream extends Error {}

async function askOnce(
  client: OpenAI,
  stallMs: number,
  request: ModelRequest,
  signal: AbortSignal,
): Promise<ModelAnswer> {
  const stall = linkAbort([signal]);
  const answer = new AnswerBuilder(request.model);
  let timer: NodeJS.Timeout | undefined;
  let pieces = 0;
  try {
    const stream = await client.chat.completions.create(
      {
        model: request.model,
        messages: request.messages,
        stream: true,
        stream_options: { include_usage: true },
        ...(request.maxOutputTokens === undefined ? {} : { max_completion_tokens: request.maxOutputTokens }),
        ...(request.functions.length === 0
          ? {}
          : { tools: request.functions.map((fn) => ({ type: 'function' as const, function: { ...fn } })) }),
      },
      { signal: stall.signal },
    );
    timer = setTimeout(() => {
      const before = pieces;
      setImmediate(() => pieces === before && stall.abort()); // P1: timers come before what is to be read
    }, stallMs);
    for await (const chunk of stream) {
      timer.refresh();
      pieces += 1;
      const piece = answer.take(chunk);
      if (piece !== '') request.onText(piece);
    }
  } catch (error) {
    if (signal.aborted) throw error;
    if (stall.signal.aborted) throw new BrokenStream('the model stream stalled', { cause: error });
    const cutOff = error instanceof AppError && (error.code === 'upstream_failed' || error.code === 'upstream_timeout');
    if (error instanceof APIError || (error instanceof AppError && !cutOff)) throw error;
    throw new BrokenStream('the model stream broke', { cause: error });
  } finally {
    clearTimeout(timer);
    stall.release();
  }
  // The SDK ends the loop quietly where its stream is aborted between two pieces.
  if (signal.aborted) throw new APIUserAbortError();
  if (stall.signal.aborted || !answer.finished) throw new BrokenStream('the model stream ended early');
  return answer.build();
}

/** Text and arguments of one answer together; twice that, in UTF-8, still fits one event on the bus. */
const MAX_ANSWER_CHARS = 120_000;
const MAX_CALLS = 64;

/** Puts one answer together from its chunks; bounded, whatever the endpoint sends. */
class AnswerBuilder {
  finished = false;
  readonly #calls: { id: string; name: string; arguments: string }[] = [];
  #text = '';
  #chars = 0;
  #model: string;
  #usage = { input_tokens: 0, output_tokens: 0 };
  #cachedInputTokens = 0;

  constructor(model: string) {
    this.#model = model;
  }

  /** Takes a chunk; gives the text in it. */
  take(chunk: ChatCompletionChunk): string {
    if (typeof chunk.model === 'string' && chunk.model !== '') this.#model = chunk.model.slice(0, 128);
    if (chunk.usage) {
      this.#usage = {
        input_tokens: count(chunk.usage.prompt_tokens),
        output_tokens: count(chunk.usage.completion_tokens),
      };
      this.#cachedInputTokens = count(chunk.usage.prompt_tokens_details?.cached_tokens);
    }
    const choice = chunk.choices?.[0];
    if (!choice) return '';
    if (choice.finish_reason) this.finished = true;
    for (const call of choice.delta?.tool_calls ?? []) this.#takeCall(call);
    const piece = choice.delta?.content ?? choice.delta?.refusal ?? '';
    this.#grow(piece.length);
    this.#text += piece;
    return piece;
  }

  #takeCall(delta: ChatCompletionChunk.Choice.Delta.ToolCall): void {
    const index = delta.index ?? this.#calls.length;
    if (!Number.isInteger(index) || index < 0 || index >= MAX_CALLS) return;
    while (this.#calls.length <= index) this.#calls.push({ id: '', name: '', arguments: '' });
    const call = this.#calls[index]!;
    call.id ||= (delta.id ?? '').slice(0, 100);
    const name = delta.function?.name ?? '';
    const text = delta.function?.arguments ?? '';
    this.#grow(name.length + text.length);
    call.name += name;
    call.arguments += text;
  }

  #grow(chars: number): void {
    this.#chars += chars;
    if (this.#chars > MAX_ANSWER_CHARS) {
      throw new AppError('model_invalid_answer', 'The language model answered with too much text.');
    }
  }

  build(): ModelAnswer {
    const seen = new Set<string>();
    const calls: ModelCall[] = [];
    for (const [index, call] of this.#calls.entries()) {
      if (call.name === '' && call.arguments === '') continue;
      // Some endpoints leave the id out or send the same one twice; the conversation needs distinct ones.
      const id = call.id === '' || seen.has(call.id) ? `call_${index + 1}_${seen.size + 1}` : call.id;
      seen.add(id);
      calls.push({ ...call, id });
    }
    return {
      text: this.#text,
      calls,
      usage: this.#usage,
      cachedInputTokens: this.#cachedInputTokens,
      model: this.#model,
    };
  }
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

function toAppError(error: unknown, signal: AbortSignal): AppError {
  if (signal.aborted) return new AppError('cancelled', undefined, { cause: error });
  if (error instanceof AppError) return error;
  if (error instanceof BrokenStream)
    return new AppError('model_unavailable', 'The language model stopped in the middle of its answer.', {
      cause: error,
    });
  if (error instanceof APIConnectionError)
    return new AppError('model_unavailable', 'The language model could not be reached.', { cause: error });
  const status = error instanceof APIError ? (error.status as number | undefined) : undefined;
  if (status === undefined) return new AppError('model_unavailable', undefined, { cause: error });
  if (status === 429)
    return new AppError('model_unavailable', 'The language model refuses more requests for now (HTTP 429).', {
      cause: error,
    });
  if (status >= 500)
    return new AppError('model_unavailable', `The language model failed (HTTP ${status}).`, { cause: error });
  return new AppError(
    'model_rejected',
    `The language model refused the request (HTTP ${status}). Check its key, name and address.`,
    { cause: error },
  );
}
