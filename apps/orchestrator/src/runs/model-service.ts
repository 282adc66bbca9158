import {
  AppError,
  type InputOf,
  type modelTurn,
  type ModelTurnMessage,
  type OutputOf,
  toPublicError,
  type Usage,
} from '@switchyard/contracts';
import {
  addUsage,
  exceededLimit,
  fold,
  limitOf,
  type ModelMessage,
  isDecidedByWorker,
  openSteps,
  type RunState,
  signedAs,
} from '@switchyard/run';
import type { Frames, Journal } from '@switchyard/store';
import { askWithinLimits, BudgetStop, checkedResult, type Guardrail, type SpendingParts } from '../planning/index.ts';
import { readWhole } from './journal-pages.ts';
import type { ModelAnswer } from '../planner/index.ts';
import { noSuchRun } from './visible-run.ts';

/*
 * Answers model requests from workers of delegated steps. Any replica can answer: everything it needs is in the
 * journal.
 *
 * - The service answers only for a step that is open, was given as a task in words, and belongs to the caller's run. So
 *   no caller uses the model outside a run, and the model is not asked for a run that has ended.
 * - The limits of run, user and tenant apply as they do to a planning, including what the step has used so far.
 * - A text or an argument that a guardrail refuses does not leave this service. A tool's result that it refuses does
 *   not reach the model.
 * - The worker learns the usage of a call even if the call gave no answer, so that the run is charged for it.
 * - A frame that a message names is fetched by its hash, from those of the caller's run alone, and shown to the model.
 * - Steps that are open at the same time share what the run has left: no step may use the share of another.
 */

/** The most different frames in one question to the model. */
const MAX_FRAMES = 8;

interface ModelServiceParts extends SpendingParts {
  readonly journal: Pick<Journal, 'head' | 'read'>;
  readonly frames: Pick<Frames, 'get'>;
  readonly guardrail: Guardrail;
  readonly defaultModel: string;
}

export class ModelService {
  readonly #parts: ModelServiceParts;

  constructor(parts: ModelServiceParts) {
    this.#parts = parts;
  }

  async turn(input: InputOf<typeof modelTurn>, signal: AbortSignal): Promise<OutputOf<typeof modelTurn>> {
    const { guardrail, clock, defaultModel } = this.#parts;
    const { runId, stepId, turn, functions } = input;
    const state = await this.#stateOf(input);
    const used = addUsage(input.used, keptForOthers(state));
    const spent = { ...state, usage: addUsage(state.usage, used) };
    const exceeded = exceededLimit(spent, clock.now());
    if (exceeded && exceeded.kind !== 'steps' && exceeded.kind !== 'iterations') throw overBudget(exceeded);
    const shown = await this.#framesOf(input);
    const request = {
      model: state.run?.engine ?? defaultModel,
      messages: input.messages.map((message) => toMessage(message, guardrail, shown)),
      functions,
      onText: () => undefined,
    };
    let wasted: Usage | undefined;
    const onWasted = (usage: Usage): void => void (wasted = usage);
    const call = { state, id: `${runId}:${stepId}:${turn}`, before: used, request, onWasted };
    let answer: ModelAnswer;
    try {
      answer = await askWithinLimits(this.#parts, call, signal);
    } catch (error) {
      const reason = error instanceof BudgetStop ? overBudget(error.exceeded) : error;
      if (wasted === undefined) throw reason;
      return refused(reason, wasted); // the run is charged with it
    }
    const written = [answer.text, ...answer.calls.map(({ name, arguments: text }) => `${name} ${text}`)].join('\n');
    if (guardrail.check(written) !== null)
      return refused(
        new AppError('guardrail_blocked', 'The answer of the model was withheld by a guardrail.'),
        answer.usage,
      );
    return { text: answer.text, calls: answer.calls.slice(0, 64), usage: answer.usage };
  }

  /** The frames that the messages name, as data URLs by their hash. Throws `not_found` where the run has none of that hash. */
  async #framesOf({ principal, runId, messages }: InputOf<typeof modelTurn>): Promise<ReadonlyMap<string, string>> {
    const wanted = new Set(
      messages.flatMap((message) => ('frames' in message ? (message.frames ?? []) : [])).map(({ sha256 }) => sha256),
    );
    if (wanted.size > MAX_FRAMES)
      throw new AppError('invalid_input', `A question to the model may show ${MAX_FRAMES} frames.`);
    const shown = new Map<string, string>();
    for (const sha256 of wanted) {
      const frame = await this.#parts.frames.get({ tenantId: principal.tenantId, runId }, sha256);
      if (!frame) throw new AppError('not_found', 'A frame of this step is not kept any more.');
      shown.set(sha256, `data:image/png;base64,${frame.png.toString('base64')}`);
    }
    return shown;
  }

  /** The state of the caller's run. Throws unless the step is open and was given as a task in words. */
  async #stateOf({ principal, runId, stepId }: InputOf<typeof modelTurn>): Promise<RunState> {
    const head = await this.#parts.journal.head(runId);
    if (!head || head.tenantId !== principal.tenantId || head.userId !== principal.userId) throw noSuchRun();
    const state = head.phase === 'ended' ? undefined : fold(await readWhole(this.#parts.journal, runId));
    if (!state || state.phase === 'ended' || state.cancel) throw new AppError('run_ended');
    const step = state.steps.find(({ act }) => act.step_id === stepId);
    const open = step && step.outcome === null && step.attempt > 0;
    if (!open || !isDecidedByWorker(step.act))
      throw new AppError('conflict', 'This step is not one that the model is asked for.');
    return state;
  }
}

/** Of what the run has left, the parts of the other open steps. When a step ends, the parts of the others grow. */
function keptForOthers(state: RunState): Usage {
  const { usage } = state;
  const sharing = openSteps(state).filter(({ act }) => isDecidedByWorker(act)).length;
  const partOf = (kind: 'tokens' | 'usd', used: number): number => {
    const left = Math.max(0, (limitOf(state, { scope: 'run', kind }) ?? 0) - used);
    return sharing < 2 ? 0 : left * (1 - 1 / sharing);
  };
  const tokens = Math.ceil(partOf('tokens', usage.input_tokens + usage.output_tokens));
  const usd = partOf('usd', usage.usd ?? 0);
  return { input_tokens: tokens, output_tokens: 0, ...(usd > 0 ? { usd } : {}) };
}

function refused(reason: unknown, usage: Usage): OutputOf<typeof modelTurn> {
  const { code, message } = toPublicError(reason);
  return { text: '', calls: [], usage, refused: { code, message } };
}

function overBudget({ kind, limit }: { kind: string; limit: number }): AppError {
  return new AppError('budget_exceeded', `The limit of ${limit} ${kind} leaves no room for more.`);
}

function toMessage(message: ModelTurnMessage, guardrail: Guardrail, shown: ReadonlyMap<string, string>): ModelMessage {
  switch (message.role) {
    case 'assistant':
      return {
        role: 'assistant',
        content: message.content,
        ...(message.calls.length === 0
          ? {}
          : {
              tool_calls: message.calls.map(({ id, name, arguments: text, signature }) => ({
                id,
                type: 'function' as const,
                function: { name, arguments: text },
                ...signedAs(signature),
              })),
            }),
      };
    case 'tool':
      return { role: 'tool', tool_call_id: message.callId, content: checkedResult(message.content, guardrail) };
    default: {
      const { role, content, frames = [] } = message;
      if (role === 'system' || frames.length === 0) return { role, content };
      const images = frames.map(({ sha256 }) => ({
        type: 'image_url' as const,
        image_url: { url: shown.get(sha256) ?? '' },
      }));
      return { role, content: [{ type: 'text', text: content }, ...images] };
    }
  }
}
