import { AppError } from '@switchyard/contracts';
import { backoffMs, sleep } from '@switchyard/platform';
import { addUsage } from '@switchyard/run';
import { inChatSpan } from './chat-span.ts';
import { askOnce, BrokenStream, type Endpoint, Unreachable, WebPage } from './attempt.ts';
import { askedPauseMs, EndpointError, judge, type Optional, toAppError } from './errors.ts';
import { promptTokens } from './usage.ts';
import type { ModelAnswer, ModelRequest, Planner } from '../index.ts';

/*
 * The planner over the OpenAI chat completions protocol, streaming.
 *
 * - A transient refusal (rate limit, overload, connection) is retried `maxRetries` times. The planner reports and keeps
 *   a pause that the endpoint asks for, while all pauses of a call together stay within `timeoutMs`; a longer one ends
 *   the call.
 * - A stalled or broken stream is retried once. Nothing is retried once text has been shown to anybody.
 * - A parameter that a model's server does not know is left out of all later requests.
 * - No text of the endpoint's errors reaches a caller; it goes to the log as the cause.
 */

export interface OpenAiPlannerOptions extends Endpoint {
  readonly maxRetries: number;
}

export function createOpenAiPlanner(options: OpenAiPlannerOptions): Planner {
  const habits = new Habits();
  return {
    ask: (request, signal) =>
      inChatSpan(options.baseUrl, request, () =>
        new PatientCall(options, habits.of(request.model), request, signal).answer(),
      ),
  };
}

const MAX_MODELS = 200;

/** The parameters that each model's server does not know, remembered until the process ends. */
class Habits {
  readonly #leftOut = new Map<string, Set<Optional>>();

  of(model: string): Set<Optional> {
    const known = this.#leftOut.get(model) ?? new Set<Optional>();
    if (this.#leftOut.size >= MAX_MODELS) this.#leftOut.clear();
    this.#leftOut.set(model, known);
    return known;
  }
}

const PAUSE = { baseMs: 1_000, maxMs: 8_000 };

/** One model call with all its retries. */
class PatientCall {
  #refusals = 0;
  #pausedMs = 0;
  #repeated = false;
  #spoke = false;
  /** Usage of tries that broke off; the account pays for them. */
  #wasted: { input_tokens: number; output_tokens: number; estimated: true } | undefined;

  readonly #options: OpenAiPlannerOptions;
  readonly #leftOut: Set<Optional>;
  readonly #request: ModelRequest;
  readonly #signal: AbortSignal;

  constructor(options: OpenAiPlannerOptions, leftOut: Set<Optional>, request: ModelRequest, signal: AbortSignal) {
    this.#options = options;
    this.#leftOut = leftOut;
    this.#request = request;
    this.#signal = signal;
  }

  async answer(): Promise<ModelAnswer> {
    const signal = this.#signal;
    const request = this.#request;
    const heard = {
      ...request,
      onText: (piece: string) => {
        this.#spoke = true;
        request.onText(piece);
      },
    };
    for (;;) {
      if (signal.aborted) throw new AppError('cancelled');
      try {
        const answer = await askOnce(this.#options, heard, new Set(this.#leftOut), signal);
        return this.#wasted ? { ...answer, usage: addUsage(answer.usage, this.#wasted) } : answer;
      } catch (error) {
        await this.#judge(error);
      }
    }
  }

  /** Returns if the model is to be asked again; otherwise throws the public error. */
  async #judge(error: unknown): Promise<void> {
    if (this.#signal.aborted) throw new AppError('cancelled', undefined, { cause: error });
    if (error instanceof AppError) throw error;
    if (error instanceof WebPage)
      throw unavailable('answers with a web page: OPENAI_BASE_URL is not its address', error);
    if (error instanceof BrokenStream) return this.#broke(error);
    if (error instanceof EndpointError) return this.#refused(error);
    if (!(error instanceof Unreachable)) throw new AppError('internal', undefined, { cause: error });
    if (this.#refusals >= this.#options.maxRetries) throw unavailable('could not be reached', error);
    await this.#pause(undefined, unavailable('could not be reached', error));
  }

  #broke(error: BrokenStream): void {
    this.#request.onUnseen?.(error.unseen);
    if (this.#repeated || this.#spoke) throw unavailable('stopped in the middle of its answer', error);
    this.#repeated = true;
    const output_tokens = Math.ceil(error.unseen / 4);
    this.#wasted = { input_tokens: promptTokens(this.#request), output_tokens, estimated: true };
  }

  async #refused(error: EndpointError): Promise<void> {
    const verdict = judge(error);
    if (verdict.leaveOut && !this.#leftOut.has(verdict.leaveOut)) return void this.#leftOut.add(verdict.leaveOut);
    const pauseMs = verdict.retry ? askedPauseMs(error, Date.now()) : undefined;
    const told = toAppError(verdict, error, pauseMs);
    if (!verdict.retry || this.#spoke || this.#refusals >= this.#options.maxRetries) throw told;
    await this.#pause(pauseMs, told);
  }

  /** `asked`: the pause that the endpoint asks for; without one the pause grows with each refusal. */
  async #pause(asked: number | undefined, reason: AppError): Promise<void> {
    this.#refusals += 1;
    const waitMs = asked ?? PAUSE.baseMs / 2 + backoffMs(this.#refusals, PAUSE);
    this.#pausedMs += waitMs;
    if (this.#pausedMs > this.#options.timeoutMs) throw tooLong(asked, reason);
    if (asked !== undefined) {
      const message = `The model server asks to wait ${inSeconds(asked)} before the next request.`;
      this.#request.onWait?.({ attempt: this.#refusals, waitMs, message });
    }
    await sleep(waitMs, this.#signal);
  }
}

function tooLong(askedMs: number | undefined, reason: AppError): AppError {
  if (askedMs === undefined) return reason;
  const message = `${reason.message} It asks to wait ${inSeconds(askedMs)}, which is longer than a run waits.`;
  return new AppError('model_unavailable', message, { cause: reason.cause, retryAfterMs: askedMs });
}

function inSeconds(ms: number): string {
  return `${Math.ceil(ms / 1_000)} s`;
}

function unavailable(what: string, cause: Error): AppError {
  return new AppError('model_unavailable', `The language model ${what}.`, { cause });
}
