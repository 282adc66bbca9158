import type { Bus } from '@switchyard/bus';
import {
  AppError,
  modelTurn,
  type ModelTurnMessage,
  type StepRequest,
  type StepResult,
  type Usage,
} from '@switchyard/contracts';
import { addUsage } from '@switchyard/run';
import { AgentCalls, type AgentContext } from './calls.ts';
import * as words from './functions.ts';
import { type AgentJournal, type AgentTurn, StepInDoubt } from './journal.ts';
import { failed } from '../tool/index.ts';

/*
 * Performs a task in words with the tools that its user may see: asks the model and makes the calls that it names
 * (calls.ts), until it answers.
 *
 * - The agent asks the model through the orchestrator, whose limits, prices and guardrails apply. However the step
 *   ends, the result carries the usage, and the run is charged for it.
 * - The worker stores the model's decisions before it acts on them (journal.ts). A worker that continues the step of a
 *   lost worker asks the model only for missing decisions.
 * - Turns, text and time have a limit. A cancel stops the work between any two calls, and within each call.
 * - A result that is not a success lists what was done before.
 */

export interface AgentWorkParts {
  readonly bus: Pick<Bus, 'request'>;
  readonly journal: AgentJournal;
  /** With more tools than this, the model searches them instead of getting them all. */
  readonly searchAbove: number;
  readonly maxTurns: number;
}

type Answer = Extract<ModelTurnMessage, { role: 'assistant' }>;

const MAX_CONVERSATION_CHARS = 400_000;
const MAX_ENDING_CHARS = 4_000;
const NO_USAGE: Usage = { input_tokens: 0, output_tokens: 0 };

/** One execution of one step. */
export class AgentWork {
  readonly #calls: AgentCalls;
  /** The messages up to the last stored turn, and since. */
  #said: ModelTurnMessage[] = [];
  #since: ModelTurnMessage[] = [];
  #turn = 0;
  #used = NO_USAGE;
  /** The usage of answers that were not the stored ones. */
  #wasted = NO_USAGE;

  readonly #step: StepRequest;
  readonly #context: AgentContext;
  readonly #parts: AgentWorkParts;

  constructor(step: StepRequest, context: AgentContext, parts: AgentWorkParts) {
    this.#step = step;
    this.#context = context;
    this.#parts = parts;
    this.#calls = new AgentCalls(step, context, parts.searchAbove);
  }

  async run(): Promise<StepResult> {
    let answer = this.#step.attempt > 1 ? await this.#resume() : undefined;
    for (;;) {
      if (answer === undefined && this.#turn >= this.#parts.maxTurns)
        return failed('budget_exceeded', `The task was not done within ${this.#turn} turns of the tool agent.`);
      answer ??= await this.#decide();
      const ending = await this.#act(answer);
      if (ending) return ending;
      if (JSON.stringify(this.#messages()).length > MAX_CONVERSATION_CHARS)
        return failed('budget_exceeded', 'The step has read more than a language model can be given.');
      answer = undefined;
    }
  }

  /**
   * Adds to the result the usage of the step, the untrusted content that it read and, if it failed, what it did before.
   */
  ended(result: StepResult): StepResult {
    const used = addUsage(this.#used, this.#wasted);
    const usage = used.input_tokens + used.output_tokens === 0 ? {} : { usage: used };
    if (result.status === 'in_doubt') return { ...result, message: this.#withDone(result.message), ...usage };
    const { heard } = this.#calls.standing;
    const provenance = heard ? { provenance: heard } : {};
    if (result.status === 'succeeded') return { ...result, ...provenance, ...usage };
    return { ...result, message: this.#withDone(result.message), ...provenance, ...usage };
  }

  #withDone(message: string): string {
    const { done } = this.#calls.standing;
    return (done.length === 0 ? message : `${message} Done before: ${done.join('; ')}.`).slice(0, MAX_ENDING_CHARS);
  }

  /** Continues from the turns that earlier workers stored: returns their last answer, undefined if there is none. */
  async #resume(): Promise<Answer | undefined> {
    const { turns, effects } = await this.#parts.journal.recall(this.#step);
    this.#calls.takeUp(effects);
    let answer: Answer | undefined;
    for (const turn of turns) answer = this.#goOnWith(turn);
    return answer;
  }

  /** Asks the model, and stores its answer before acting on it. */
  async #decide(): Promise<Answer> {
    const { journal } = this.#parts;
    const said = await this.#ask(this.#turn + 1);
    if (said.refused) {
      this.#wasted = addUsage(this.#wasted, said.usage);
      throw new AppError(said.refused.code, said.refused.message);
    }
    const answer: Answer = { role: 'assistant', content: said.text === '' ? null : said.text, calls: said.calls };
    const turn: AgentTurn = {
      messages: [...this.#since, answer],
      used: addUsage(this.#used, said.usage),
      standing: structuredClone(this.#calls.standing),
    };
    let kept: AgentTurn;
    try {
      kept = await journal.keep(this.#step, this.#turn + 1, turn);
    } catch (error) {
      this.#wasted = addUsage(this.#wasted, said.usage);
      throw error;
    }
    if (kept !== turn) {
      // Another worker of this step decided first.
      this.#wasted = addUsage(this.#wasted, said.usage);
      this.#calls.takeUp(await journal.effects(this.#step));
    }
    return this.#goOnWith(kept);
  }

  #goOnWith({ messages, used, standing }: AgentTurn): Answer {
    this.#turn += 1;
    this.#said = [...this.#said, ...messages];
    this.#since = [];
    this.#used = used;
    this.#calls.goOnFrom(standing);
    const last = messages.at(-1);
    if (last?.role !== 'assistant') throw new StepInDoubt('What an earlier worker of this step decided is no answer.');
    return last;
  }

  /** Acts on the model's answer; returns a result if the step ends with it. */
  async #act({ content, calls }: Answer): Promise<StepResult | undefined> {
    if (calls.length === 0) {
      if (content === null || content.trim() === '')
        return failed('model_invalid_answer', 'The language model gave an empty answer.');
      return { status: 'succeeded', output: content };
    }
    for (const call of calls) {
      if (this.#context.signal.aborted) throw new AppError('cancelled');
      const taken = await this.#calls.take(call);
      if ('ending' in taken) return taken.ending;
      this.#since.push({ role: 'tool', callId: call.id, content: words.cut(taken.reply) });
    }
    return undefined;
  }

  #messages(): ModelTurnMessage[] {
    const system = this.#calls.standing.searching ? `${words.SYSTEM} ${words.SEARCHING}` : words.SYSTEM;
    const { task } = this.#step;
    return [{ role: 'system', content: system }, { role: 'user', content: task }, ...this.#said, ...this.#since];
  }

  #ask(turn: number) {
    const { principal, runId, stepId } = this.#step;
    const asked = { principal, runId, stepId, turn, messages: this.#messages(), functions: this.#calls.functions() };
    const used = addUsage(this.#used, this.#wasted);
    return this.#parts.bus.request(modelTurn, { ...asked, used }, { signal: this.#context.signal });
  }
}
