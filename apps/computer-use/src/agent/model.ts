import type { Bus } from '@switchyard/bus';
import {
  AppError,
  modelTurn,
  type ModelTurnMessage,
  type OutputOf,
  type StepRequest,
  type Usage,
} from '@switchyard/contracts';
import type { z } from 'zod';
import { readCall } from './answers.ts';
import type { OfferedFunction } from './functions.ts';
import { repair } from './prompts.ts';

type Turn = OutputOf<typeof modelTurn>;

const MAX_QUESTIONS = 1_000;

/**
 * The language model, for one execution of one step. It asks through the orchestrator, whose key, prices, limits and
 * guardrails apply, and adds up what was used: the run is charged for it however the step ends.
 */
export class StepModel {
  #questions = 0;
  #used: Usage = { input_tokens: 0, output_tokens: 0 };

  readonly #bus: Pick<Bus, 'request'>;
  readonly #step: StepRequest;
  readonly #signal: AbortSignal;

  constructor(bus: Pick<Bus, 'request'>, step: StepRequest, signal: AbortSignal) {
    this.#bus = bus;
    this.#step = step;
    this.#signal = signal;
  }

  get used(): Usage {
    return this.#used;
  }

  /**
   * Asks for one call of one of the functions. An answer that is none is asked for once more, with what is wrong with it;
   * undefined: the second was none either.
   */
  async call<S extends z.ZodType>(
    schema: S,
    messages: readonly ModelTurnMessage[],
    functions: readonly OfferedFunction[],
  ): Promise<{ readonly call: z.output<S>; readonly text: string } | undefined> {
    const first = await this.#ask(messages, functions);
    const read = readCall(schema, first);
    if ('call' in read) return { call: read.call, text: first.text };
    const again = await this.#ask([...messages, repair(read.problem)], functions);
    const second = readCall(schema, again);
    return 'call' in second ? { call: second.call, text: again.text } : undefined;
  }

  async #ask(messages: readonly ModelTurnMessage[], functions: readonly OfferedFunction[]): Promise<Turn> {
    this.#questions += 1;
    if (this.#questions > MAX_QUESTIONS)
      throw new AppError('budget_exceeded', `The step has asked the language model ${MAX_QUESTIONS} times.`);
    const { principal, runId, stepId } = this.#step;
    const question = { principal, runId, stepId, turn: this.#questions, used: this.#used };
    const answer = await this.#bus.request(
      modelTurn,
      { ...question, messages: [...messages], functions: [...functions] },
      { signal: this.#signal },
    );
    this.#used = sum(this.#used, answer.usage);
    if (answer.refused) throw new AppError(answer.refused.code, answer.refused.message);
    return answer;
  }
}

function sum(a: Usage, b: Usage): Usage {
  const usd = (a.usd ?? 0) + (b.usd ?? 0);
  return {
    input_tokens: a.input_tokens + b.input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
    ...(usd > 0 ? { usd } : {}),
    ...(a.estimated || b.estimated ? { estimated: true } : {}),
  };
}
