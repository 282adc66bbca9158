import type { Usage } from '@switchyard/contracts';
import { estimateTokens } from '@switchyard/run';
import { fieldsOf } from './json.ts';
import type { ModelRequest } from '../index.ts';

/*
 * The tokens that a model call used: the server's count if it is plausible, otherwise an estimate. Pure. So limits of
 * tokens and money hold with any server, because no answer counts as nothing.
 */

/** More than any model takes; a larger count is not believed. */
const MAX_TOKENS = 100_000_000;

/** The counts that a server has sent so far. They only grow: some servers send them with each chunk. */
export class ReportedUsage {
  input = 0;
  output = 0;
  cached = 0;

  take(usage: unknown): void {
    const { prompt_tokens, input_tokens, completion_tokens, output_tokens, prompt_tokens_details } = fieldsOf(usage);
    this.input = Math.max(this.input, count(prompt_tokens ?? input_tokens));
    this.output = Math.max(this.output, count(completion_tokens ?? output_tokens));
    this.cached = Math.max(this.cached, count(fieldsOf(prompt_tokens_details)['cached_tokens']));
  }

  /** `chars`: how much the model wrote in all, including hidden reasoning and arguments. */
  usage(request: ModelRequest, chars: number): Usage {
    const estimated = this.input === 0 || (this.output === 0 && chars > 0);
    return {
      input_tokens: this.input || promptTokens(request),
      output_tokens: this.output || Math.ceil(chars / 4),
      ...(estimated ? { estimated: true } : {}),
    };
  }
}

/** The approximate number of tokens in the prompt. */
export function promptTokens({ messages, functions }: Pick<ModelRequest, 'messages' | 'functions'>): number {
  return (
    estimateTokens(JSON.stringify(messages, withoutImages)) +
    (functions.length === 0 ? 0 : estimateTokens(JSON.stringify(functions)))
  );
}

/** An image's cost hardly depends on its bytes: it counts as this many characters. */
const IMAGE_CHARS = 6_000;

function withoutImages(key: string, value: unknown): unknown {
  return key === 'image_url' ? ' '.repeat(IMAGE_CHARS) : value;
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 && value <= MAX_TOKENS ? value : 0;
}
