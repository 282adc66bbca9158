import { AppError, type RunFactDraft, type ThreadTurn, type Usage } from '@switchyard/contracts';
import type { Bus } from '@switchyard/bus';
import { linkAbort } from '@switchyard/platform';
import {
  addUsage,
  firstUntrusted,
  messageIdOf,
  offersFunctions,
  promptDigest,
  type RunState,
  toMessages,
} from '@switchyard/run';
import { logEvent } from '../log-events.ts';
import {
  type ApprovalDefaults,
  type ApprovalRules,
  functionsFor,
  type ModelAnswer,
  type ModelWait,
  rulesFor,
  type Toolbox,
  withClientTools,
} from '../planner/index.ts';
import { failedPlanning, planningFacts } from './decide.ts';
import type { Gate, Guardrail } from './guardrail.ts';
import { askWithinLimits, BudgetStop, type SpendingParts } from './spending.ts';

/*
 * One planning: asks the model, streams its text, and returns the resulting facts.
 * A planning always ends in a fact: a model error becomes a decision `fail` with a stable code, an exhausted limit the
 * fact of that limit. Only an abort (another owner, a cancel, a drain) returns no fact and throws `cancelled`.
 */

export interface PlanningParts extends SpendingParts {
  readonly bus: Bus;
  readonly guardrail: Guardrail;
  readonly defaultModel: string;
  readonly historyTokens: number;
  readonly approvals: ApprovalDefaults;
}

interface PlanningInput {
  readonly state: RunState;
  readonly stepNumber: number;
  readonly final: boolean;
  /** Called within the planning: if it throws, the planning fails. */
  readonly toolbox: () => Promise<Toolbox>;
  readonly turns: readonly ThreadTurn[];
  readonly epoch: number;
  /** False once another replica may have taken the run over: this replica then streams no more text. */
  readonly speaks: () => boolean;
  /** Takes an informational fact while the model is being asked. */
  readonly tell: (fact: RunFactDraft) => void;
}

export async function plan(parts: PlanningParts, input: PlanningInput, signal: AbortSignal): Promise<RunFactDraft[]> {
  const facts = await outcomeOf(parts, input, signal);
  const prompt_sha256 = promptDigest(input.state, input.final);
  return facts.map((fact) =>
    fact.type === 'orchestrator.planning.completed' ? { ...fact, data: { ...fact.data, prompt_sha256 } } : fact,
  );
}

async function outcomeOf(parts: PlanningParts, input: PlanningInput, signal: AbortSignal): Promise<RunFactDraft[]> {
  const { state, stepNumber } = input;
  if (!state.run) throw new AppError('internal');
  const model = state.run.engine ?? parts.defaultModel;
  const rules = rulesFor(state.run, parts.approvals, firstUntrusted(state));
  const started = parts.clock.now();
  const messageId = messageIdOf(stepNumber, input.epoch);
  const speech = new Speech(parts, input, messageId);
  let wasted = NO_USAGE;
  const onWasted = (usage: Usage): void => void (wasted = addUsage(wasted, usage));
  try {
    const toolbox = withClientTools(await input.toolbox(), state.run.client_tools);
    const answer = await ask(parts, input, { toolbox, model, speech, rules, onWasted }, signal);
    const durationMs = Math.max(0, parts.clock.now() - started);
    return planningFacts(state, toolbox, parts.guardrail, {
      stepNumber,
      answer,
      messageId,
      durationMs,
      rules,
      final: input.final,
    });
  } catch (error) {
    if (signal.aborted) throw new AppError('cancelled', undefined, { cause: error });
    const durationMs = Math.max(0, parts.clock.now() - started);
    if (error instanceof BudgetStop) return [{ type: 'orchestrator.budget.exceeded', data: error.exceeded }];
    if (error instanceof GuardrailStop) return stopped(stepNumber, model, error.rule, durationMs, wasted);
    logEvent(parts.log, 'planning_failed', { runId: state.runId, err: error });
    const known = error instanceof AppError ? error : new AppError('internal', undefined, { cause: error });
    return [failedPlanning(stepNumber, model, known.code, known.message, durationMs, wasted, known.retryAfterMs)];
  } finally {
    speech.close();
  }
}

interface Asking {
  readonly toolbox: Toolbox;
  readonly model: string;
  readonly speech: Speech;
  readonly rules: ApprovalRules;
  /** The usage of a call that gave no answer. */
  readonly onWasted: (usage: Usage) => void;
}

async function ask(
  parts: PlanningParts,
  input: PlanningInput,
  { toolbox, model, speech, rules, onWasted }: Asking,
  signal: AbortSignal,
): Promise<ModelAnswer> {
  const { state, turns, final } = input;
  if (!state.run) throw new AppError('internal');
  const stop = linkAbort([signal]);
  const onText = (piece: string) => {
    if (speech.say(piece) !== null) stop.abort();
  };
  const functions = offersFunctions(state, final) ? functionsFor(toolbox, state.run.interactive, rules) : [];
  const onWait = ({ attempt, waitMs, message }: ModelWait) =>
    input.tell({
      type: 'orchestrator.model.waiting',
      data: { step_number: input.stepNumber, attempt, wait_ms: waitMs, message },
    });
  let first: ModelAnswer | undefined;
  try {
    for (const nudge of [false, true]) {
      const messages = toMessages({ state, run: state.run, turns, historyTokens: parts.historyTokens, final, nudge });
      const request = { model, messages, functions, onText, onWait };
      const id = `${state.runId}:${input.stepNumber}${nudge ? ':again' : ''}`;
      const before = first?.usage ?? NO_USAGE;
      const answer = await askWithinLimits(parts, { state, id, before, request, onWasted }, stop.signal);
      const both = { ...answer, usage: addUsage(before, answer.usage) };
      if (answer.calls.length > 0 || answer.text.trim() !== '' || nudge || answer.finishReason) return both;
      first = both;
    }
  } catch (error) {
    // The usage of the first call is recorded even if no budget is left for the second.
    if (error instanceof BudgetStop && first) return first;
    if (first) onWasted(first.usage);
    if (speech.violated !== null && !signal.aborted) throw new GuardrailStop(speech.violated);
    throw error;
  } finally {
    stop.release();
  }
  throw new AppError('model_invalid_answer');
}

const NO_USAGE: Usage = { input_tokens: 0, output_tokens: 0 };

class GuardrailStop extends Error {
  constructor(readonly rule: string) {
    super('guardrail');
  }
}

function stopped(stepNumber: number, model: string, rule: string, durationMs: number, usage: Usage): RunFactDraft[] {
  const message = 'The answer of the model was withheld by a guardrail.';
  return [
    failedPlanning(stepNumber, model, 'guardrail_blocked', message, durationMs, usage),
    { type: 'orchestrator.guardrail.violated', data: { where: 'output', rule, message } },
  ];
}

const COALESCE_MS = 20;
const COALESCE_CHARS = 256;

/** Live text on its way to watchers: through the guardrail's gate, joined into pieces worth sending. */
class Speech {
  violated: string | null = null;
  readonly #gate: Gate;
  #pending = '';
  #index = 0;
  #timer: NodeJS.Timeout | undefined;

  readonly #parts: PlanningParts;
  readonly #input: PlanningInput;
  readonly #messageId: string;

  constructor(parts: PlanningParts, input: PlanningInput, messageId: string) {
    this.#parts = parts;
    this.#input = input;
    this.#messageId = messageId;
    this.#gate = parts.guardrail.gate();
  }

  /** Takes a piece; returns the rule that it violates, or null. */
  say(piece: string): string | null {
    const { show, violated } = this.#gate.push(piece);
    this.violated = violated;
    if (violated !== null) this.#pending = '';
    else this.#pending += show;
    if (this.#pending.length >= COALESCE_CHARS) this.#send();
    else if (this.#pending !== '') this.#timer ??= setTimeout(() => this.#send(), COALESCE_MS);
    return violated;
  }

  /** The finished message is an event of its own, so pending text need not be sent. */
  close(): void {
    clearTimeout(this.#timer);
    this.#pending = '';
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending === '') return;
    const { state, stepNumber, speaks } = this.#input;
    const { runId, tenantId } = state;
    const delta = {
      runId,
      messageId: this.#messageId,
      index: this.#index,
      text: this.#pending,
      stepNumber,
    };
    try {
      if (speaks()) this.#parts.bus.publishLive(tenantId, delta);
    } catch (error) {
      // Live text may be lost; the finished message is an event.
      this.#parts.log.debug({ runId, err: error }, 'live text not sent');
    }
    this.#index += 1;
    this.#pending = '';
  }
}
