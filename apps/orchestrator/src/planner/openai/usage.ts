import type { Usage } from '@switchyard/contracts';
import { estimateTokens } from '@switchyard/run';
import { fieldsOf } from './json.ts';
import type { ModelRequest } from '../index.ts';

/*
 * What a call of the model used: as its server says, and where it says nothing that can be true, an estimate. Pure.
 * Limits of tokens and money hold with any server, because no answer counts as nothing.
 */

/** More than any model takes; what is above is no count. */
const MAX_TOKENS = 100_000_000;

/** The counts that a server gave so far. They only grow: some servers send them with each chunk. */
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

  /** `chars`: how much the model wrote in all, hidden reasoning and arguments with it. */
  usage(request: ModelRequest, chars: number): Usage {
    const estimated = this.input === 0 || (this.output === 0 && chars > 0);
    return {
      input_tokens: this.input || promptTokens(request),
      output_tokens: this.output || Math.ceil(chars / 4),
      ...(estimated ? { estimated: true } : {}),
    };
  }
}

/** About how many tokens the prompt has. */
export function promptTokens({ messages, functions }: Pick<ModelRequest, 'messages' | 'functions'>): number {
  return (
    estimateTokens(JSON.stringify(messages, withoutImages)) +
    (functions.length === 0 ? 0 : estimateTokens(JSON.stringify(functions)))
  );
}

/** What an image costs has little to do with its bytes: it counts as so many characters. */
const IMAGE_CHARS = 6_000;

function withoutImages(key: string, value: unknown): unknown {
  return key === 'image_url' ? ' '.repeat(IMAGE_CHARS) : value;
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 && value <= MAX_TOKENS ? value : 0;
}
