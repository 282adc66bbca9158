import { AppError, type FinishReason } from '@switchyard/contracts';
import { CallAssembler } from './calls.ts';
import { contentOf, reasoningOf } from './content.ts';
import { fieldsOf, isObject, listOf, textOf } from './json.ts';
import { ThinkingFilter, withoutOrphanedReasoning } from './thinking.ts';
import { ReportedUsage } from './usage.ts';
import type { ModelAnswer, ModelRequest } from '../index.ts';

/*
 * Builds one answer from its chunks, or from the single object of a server that does not stream.
 *
 * - Its size is limited, in whatever form it arrives.
 * - Reasoning is counted, and neither shown nor kept.
 */

/** Text and arguments of one answer together; twice that, in UTF-8, still fits one event on the bus. */
const MAX_ANSWER_CHARS = 120_000;

/** Finish reasons of an incomplete answer. Names of OpenAI, Mistral, Google, Zhipu and others. */
const CUT = new Set(['length', 'max_tokens', 'model_length', 'max_output_tokens', 'repetition_truncation']);
const FILTERED = new Set([
  'content_filter',
  'content-filter',
  'safety',
  'recitation',
  'sensitive',
  'prohibited_content',
  'blocklist',
  'spii',
]);
/** Values that may enter a trace: a name, never free text. */
const NAME = /^[A-Za-z0-9_.:-]{1,128}$/;
/** Finish reasons of a server that gave up in the middle. */
const BROKEN = new Set(['error', 'abort', 'aborted', 'network_error', 'insufficient_system_resource', 'cancelled']);

export interface Taken {
  /** The part that people may see. */
  readonly text: string;
  /** False for an empty chunk: it does not prove that the model goes on. */
  readonly brought: boolean;
}

export class AnswerBuilder {
  /** True once the endpoint has sent a finish reason. */
  finished = false;
  /** True once an answer has begun, even an empty one. */
  begun = false;
  /** True if the server reports that it broke off. */
  broken = false;
  readonly #request: ModelRequest;
  readonly #calls: CallAssembler;
  readonly #thinking = new ThinkingFilter();
  readonly #usage = new ReportedUsage();
  #text = '';
  #chars = 0;
  #hidden = 0;
  #model: string;
  #finishReason: FinishReason | undefined;
  #told: { id?: string; finish?: string } = {};

  constructor(request: ModelRequest) {
    this.#request = request;
    this.#model = request.model;
    this.#calls = new CallAssembler(new Set(request.functions.map(({ name }) => name)));
  }

  /** True if the usage is known, or need not be waited for. */
  get counted(): boolean {
    return this.#usage.input > 0;
  }

  /** The length of what the model wrote and nobody sees as text: reasoning, names and arguments of calls. */
  get unseen(): number {
    return this.#hidden + this.#thinking.hidden + this.#chars - this.#text.length;
  }

  take(chunk: unknown): Taken {
    const { id, model, usage, choices, x_groq } = fieldsOf(chunk);
    if (NAME.test(textOf(id))) this.#told.id = textOf(id);
    if (textOf(model) !== '') this.#model = textOf(model).slice(0, 128);
    this.#usage.take(usage);
    this.#usage.take(fieldsOf(x_groq)['usage']);
    let text = '';
    const before = this.unseen;
    for (const choice of listOf(choices)) {
      // The request asks for one answer; some servers spread it over several choices with the same index.
      if (isObject(choice) && [undefined, null, 0, '0'].includes(choice['index'] as never))
        text += this.#takeChoice(choice);
    }
    return { text, brought: text !== '' || this.finished || this.unseen > before };
  }

  #takeChoice(choice: Readonly<Record<string, unknown>>): string {
    this.begun = true;
    const message = fieldsOf(choice['delta'] ?? choice['message']);
    const legacyCall = message['function_call'];
    for (const call of listOf(message['tool_calls'])) this.#grow(this.#calls.take(call));
    if (isObject(legacyCall)) this.#grow(this.#calls.take({ index: 0, function: legacyCall }));
    const { text, hidden } = contentOf(message['content'] ?? choice['text']);
    this.#hidden += hidden + reasoningOf(message);
    const piece = this.#shown(text === '' ? textOf(message['refusal']) : text);
    const reason = textOf(choice['finish_reason']).toLowerCase();
    if (reason === '') return piece;
    if (NAME.test(reason)) this.#told.finish = reason;
    if (BROKEN.has(reason)) this.broken = true;
    else this.finished = true;
    this.#finishReason = CUT.has(reason) ? 'length' : FILTERED.has(reason) ? 'content_filter' : undefined;
    return piece;
  }

  #shown(piece: string): string {
    const shown = this.#thinking.push(piece);
    this.#grow(shown.length);
    this.#text += shown;
    return shown;
  }

  #grow(chars: number): void {
    this.#chars += chars;
    if (this.#chars > MAX_ANSWER_CHARS) {
      throw new AppError('model_invalid_answer', 'The language model answered with too much text.');
    }
  }

  /** Ends the answer; returns the text that was held back. */
  close(): string {
    const rest = this.#thinking.end();
    this.#grow(rest.length);
    this.#text += rest;
    return rest;
  }

  /** Call after close(). */
  build(): ModelAnswer {
    const usage = this.#usage.usage(this.#request, this.#text.length + this.unseen);
    return {
      text: withoutOrphanedReasoning(this.#text),
      calls: this.#calls.build(),
      usage,
      cachedInputTokens: Math.min(this.#usage.cached, usage.input_tokens),
      model: this.#model,
      told: this.#told,
      ...(this.#finishReason === undefined ? {} : { finishReason: this.#finishReason }),
    };
  }
}
