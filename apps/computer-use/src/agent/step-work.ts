import { AppError, type FrameRef, type RunFactDraft, type ScreenPoint, type StepRequest } from '@switchyard/contracts';
import type { ActOutcome, Computer } from '../computer/index.ts';
import { actionsOf, isHarmless, targetsOf, wordsOf } from './acts.ts';
import { type Coordinates, toScreen } from './coordinates.ts';
import {
  GROUNDING_FUNCTIONS,
  GroundingCall,
  REFLECTION_FUNCTIONS,
  Verdict,
  WORKER_FUNCTIONS,
  WorkerCall,
} from './functions.ts';
import { elementAt } from './grounding.ts';
import type { StepLedger } from './ledger.ts';
import { begin, type Decision, evolve, next, type StepEnd, type StepLimits, type StepState } from './machine.ts';
import type { StepModel } from './model.ts';
import { groundingMessages, judgeMessages, reflectionMessages, workerMessages } from './prompts.ts';

/*
 * One execution of one step on one screen: does what the machine says (machine.ts) until it says that the step has ended,
 * and tells each turn as facts.
 */

export interface StepWorkParts {
  readonly computer: Computer;
  readonly model: StepModel;
  readonly ledger: StepLedger;
  readonly limits: StepLimits;
  readonly coordinates: Coordinates;
  /** Names of the applications that the worker may open. */
  readonly apps: readonly string[];
  readonly signal: AbortSignal;
  readonly tell: (fact: RunFactDraft) => void;
}

/** How the point of an act was found; null: the act has none. */
type Method = 'element' | 'model' | null;
interface Grounded {
  readonly points: readonly ScreenPoint[];
  readonly method: Method;
}

/** An answer that is no call twice over becomes a short wait: the screen may look different then. */
const UNREADABLE: Decision = { call: { name: 'wait', ms: 1_000 }, plan: 'The model gave no usable call.' };
/** What an application answers where an act is not possible; the worker hears of it and goes on. */
const REFUSALS = new Set(['invalid_input', 'not_supported', 'not_found']);

export class StepWork {
  #state: StepState;
  #started = 0;

  readonly #step: StepRequest;
  readonly #parts: StepWorkParts;

  constructor(step: StepRequest, parts: StepWorkParts) {
    this.#step = step;
    this.#parts = parts;
    this.#state = begin(parts.limits);
  }

  get state(): StepState {
    return this.#state;
  }

  async run(): Promise<StepEnd> {
    for (;;) {
      this.#parts.signal.throwIfAborted();
      const todo = next(this.#state);
      switch (todo.do) {
        case 'look':
          this.#state = evolve(this.#state, { type: 'looked', frame: await this.#look() });
          break;
        case 'reflect':
          await this.#reflect();
          break;
        case 'plan':
          await this.#plan();
          break;
        case 'act':
          await this.#act(todo.decision);
          break;
        case 'judge':
          await this.#judge(todo.answer);
          break;
        case 'end':
          return todo.end;
      }
    }
  }

  async #look(): Promise<FrameRef> {
    const { computer, ledger, signal } = this.#parts;
    return ledger.keepFrame(await computer.frame(signal));
  }

  /** The first fact of a turn, once. */
  #begin(): void {
    const { turn } = this.#state;
    if (this.#started === turn) return;
    this.#started = turn;
    const data = { step: turn, turn_count: turn - 1, max_steps: this.#parts.limits.maxTurns };
    this.#parts.tell({ type: 'worker.step.started', data });
  }

  async #reflect(): Promise<void> {
    this.#begin();
    const said = await this.#verdict(reflectionMessages(this.#step.task, this.#state));
    this.#state = evolve(this.#state, { type: 'reflected', ...said });
  }

  /** Judges a claim to be done by the screen as it is now. */
  async #judge(answer: string): Promise<void> {
    const { turn, decision } = this.#state;
    const frame = await this.#look();
    const said = await this.#verdict(judgeMessages(this.#step.task, answer, frame));
    this.#state = evolve(evolve(this.#state, { type: 'looked', frame }), { type: 'judged', ...said });
    if (decision) this.#completed(turn, decision);
  }

  async #verdict(messages: ReturnType<typeof judgeMessages>): Promise<Pick<Verdict, 'verdict' | 'reason'>> {
    const { model, tell } = this.#parts;
    const { turn: step, reflections } = this.#state;
    tell({ type: 'worker.reflection.started', data: { step, has_prior_reflection: reflections > 0 } });
    const said = await model.call(Verdict, messages, REFLECTION_FUNCTIONS);
    const { verdict, reason } = said?.call ?? { verdict: 'on_plan' as const, reason: 'The model gave no judgement.' };
    tell({ type: 'worker.reflection.completed', data: { step, verdict, reason } });
    return { verdict, reason };
  }

  async #plan(): Promise<void> {
    this.#begin();
    const { model, ledger, apps } = this.#parts;
    const messages = workerMessages(this.#step.task, this.#state, apps);
    const said = await model.call(WorkerCall, messages, WORKER_FUNCTIONS);
    const decision = said ? { call: said.call, plan: said.text.trim() || wordsOf(said.call) } : UNREADABLE;
    const { turn } = this.#state;
    await ledger.decided(turn, decision);
    this.#state = evolve(this.#state, { type: 'planned', decision });
    // What touches nothing ends its turn with the decision.
    if (this.#state.decision === null) this.#completed(turn, decision);
  }

  #completed(step: number, { call, plan }: Decision): void {
    const has_reflection = this.#state.reflections > 0;
    const data = { step, plan: plan.slice(0, 4_000), has_reflection, action_type: call.name };
    this.#parts.tell({ type: 'worker.step.completed', data });
  }

  async #act(decision: Decision): Promise<void> {
    const { call } = decision;
    const { turn } = this.#state;
    const what = wordsOf(call);
    const missed = (why: string): void => {
      this.#state = evolve(this.#state, { type: 'missed', what, why });
    };
    const grounded = await this.#ground(targetsOf(call));
    if (typeof grounded === 'string') missed(grounded);
    else {
      const actions = actionsOf(call, grounded.points);
      if (typeof actions === 'string') missed(actions);
      else await this.#perform(decision, actions, grounded.method).catch((error: unknown) => missed(refusal(error)));
    }
    this.#completed(turn, decision);
  }

  async #perform(
    { call }: Decision,
    actions: Exclude<ReturnType<typeof actionsOf>, string>,
    method: Method,
  ): Promise<void> {
    const { computer, ledger, signal, tell } = this.#parts;
    const { turn, frame: before } = this.#state;
    if (!before) throw new AppError('internal');
    await ledger.dispatched({ turn, kind: call.name, harmless: isHarmless(call), actions, before });
    const outcomes: ActOutcome[] = [];
    for (const action of actions) {
      signal.throwIfAborted();
      outcomes.push(await computer.act(action, signal));
    }
    const last = outcomes.at(-1);
    if (!last) throw new AppError('internal');
    const frame = await ledger.keepFrame(last.frame);
    const changed = frame.sha256 !== before.sha256;
    await ledger.done(turn, frame, changed);
    const duration_ms = Math.round(outcomes.reduce((sum, { durationMs }) => sum + durationMs, 0));
    tell({
      type: 'computer_use.action.performed',
      data: { step_id: this.#step.stepId, step: turn, action: call.name, method, changed, duration_ms, frame },
    });
    this.#state = evolve(this.#state, { type: 'acted', what: wordsOf(call), changed, frame });
  }

  /** The points of what an act aims at, or why there are none, in a sentence for the model. */
  async #ground(targets: readonly string[]): Promise<Grounded | string> {
    const points: ScreenPoint[] = [];
    let method: Method = null;
    for (const target of targets) {
      this.#parts.tell({ type: 'grounding.generate_coords.started', data: { ref_expr: target } });
      const found = await this.#find(target);
      if (typeof found === 'string') return found;
      method = found.method;
      points.push(found.point);
      const coords: [number, number] = [found.point.x, found.point.y];
      const data = { ref_expr: target, coords, method: found.method };
      this.#parts.tell({ type: 'grounding.generate_coords.completed', data });
    }
    return { points, method };
  }

  async #find(target: string): Promise<{ point: ScreenPoint; method: 'element' | 'model' } | string> {
    const { computer, model, coordinates, signal } = this.#parts;
    const { frame } = this.#state;
    const named = computer.elements ? elementAt(target, await computer.elements(signal)) : undefined;
    if (named) return { point: named, method: 'element' };
    if (!frame) return 'nothing was seen yet';
    const said = await model.call(GroundingCall, groundingMessages(target, frame), GROUNDING_FUNCTIONS);
    if (!said) return `${target} was not found: the model named no point`;
    if (said.call.name === 'not_found') return `${target} is not on the screen. ${said.call.reason}`;
    const point = toScreen(said.call, computer.size, coordinates);
    return point ? { point, method: 'model' } : `the point named for ${target} is outside of the screen`;
  }
}

/** Throws what is no refusal of the act itself. */
function refusal(error: unknown): string {
  if (error instanceof AppError && REFUSALS.has(error.code)) return error.message;
  throw error;
}
