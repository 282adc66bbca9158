import type { Bus } from '@switchyard/bus';
import {
  AppError,
  modelTurn,
  type ModelTurnMessage,
  type RunFactDraft,
  sha256,
  type StepLimits,
  type StepRequest,
  type StepResult,
  type Usage,
} from '@switchyard/contracts';
import { sleep } from '@switchyard/platform';
import {
  addUsage,
  argumentsOf,
  callInWords,
  matchesTool,
  type ModelFunction,
  quoteStranger,
  toolFunction,
} from '@switchyard/run';
import type { Effect } from '@switchyard/store';
import * as words from './agent-functions.ts';
import { type AgentJournal, type AgentTurn, type Standing, StepInDoubt } from './agent-journal.ts';
import { canonicalJson } from './call-digest.ts';
import { failed, withoutMcp } from './outcome.ts';
import type { Tool } from './tool.ts';
import { searchTools } from './tool-search.ts';

/*
 * Performs a task in words with the tools that its user may see: asks the model, calls what it names, until it answers.
 *
 * G1 The model is the orchestrator's: its limits, prices and guardrails apply, and the run is charged with the usage
 *    that the result carries, however the step ends.
 * G2 What the model names is looked up among what it was offered, which is among what the user may see.
 * G3 Every call is one of its own: judged, through the ledger, under a key that follows from the step and from what is
 *    called. The same call of the same step has its effect once; the same call wanted twice is another one.
 * G4 No call that a person must approve is made here; nor, once a stranger was heard, one that destroys something. The
 *    step ends and says which call it is, so that the planner can make it a step of its own, where people are asked.
 * G5 Turns, calls, words and time have a limit; a cancel stops it between any two of them, and within each.
 * G6 An effect that is in doubt, also after repeats of a call that may be repeated, ends the step as one, and the step
 *    says which call it is. What was done before an end is said in it.
 * G7 What the model decides is kept before it is acted on (agent-journal.ts). A worker that takes up the step of one
 *    that was lost asks the model only for what was not decided. A call of the last turn that was begun before is a
 *    matter of the ledger alone: neither a changed limit nor a changed tool makes another call of it.
 */

export interface AgentWorkParts {
  readonly bus: Pick<Bus, 'request'>;
  readonly journal: AgentJournal;
  /** With more tools than this, they are searched instead of being told at once. */
  readonly searchAbove: number;
  readonly maxTurns: number;
}

export interface AgentCall {
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly idempotencyKey: string;
}

export interface AgentContext {
  readonly visible: readonly Tool[];
  readonly signal: AbortSignal;
  readonly tell: (fact: RunFactDraft) => void;
  /** Calls a tool, and tells of it. */
  readonly call: (call: AgentCall) => Promise<StepResult>;
}

type Answer = Extract<ModelTurnMessage, { role: 'assistant' }>;
type ModelCall = Answer['calls'][number];

/** Most tools that a model is offered at once; the oldest found make room. */
const MAX_OFFERED = 40;
const MAX_CONVERSATION_CHARS = 400_000;
const MAX_DONE_TOLD = 20;
/** G6 */
const KEYED_REPEATS = 2;
const REPEAT_PAUSE_MS = 500;
const NO_USAGE: Usage = { input_tokens: 0, output_tokens: 0 };
const NO_LIMITS: StepLimits = { calls: 16, approvalTools: [], heardStranger: false };
/** Answers that say that a call did not come as far as the ledger. */
const BEFORE_LEDGER: ReadonlySet<string> = new Set([
  'unavailable',
  'overloaded',
  'tool_not_found',
  'tool_invalid_arguments',
  'credentials_missing',
  'conflict',
  'approval_required',
  'cancelled',
]);

/** One performance of one step. */
export class AgentWork {
  readonly #visible: ReadonlyMap<string, Tool>;
  readonly #limits: StepLimits;
  /** What was said up to the last turn that is kept, and since. */
  #said: ModelTurnMessage[] = [];
  #since: ModelTurnMessage[] = [];
  #turn = 0;
  #standing: Standing;
  #used = NO_USAGE;
  /** For answers that are not the ones that were kept. */
  #wasted = NO_USAGE;
  /** By key: the calls that were begun before this worker took the turn up (G7). */
  #begun: ReadonlyMap<string, Effect> = new Map();

  constructor(
    private readonly step: StepRequest,
    private readonly context: AgentContext,
    private readonly parts: AgentWorkParts,
  ) {
    const { visible } = context;
    this.#visible = new Map(visible.map((tool) => [tool.name, tool]));
    this.#limits = step.within ?? NO_LIMITS;
    const searching = visible.length > parts.searchAbove;
    const offered = searching ? [] : visible.map(({ name }) => name);
    this.#standing = { calls: 0, times: {}, offered, searching, heard: null, done: [] };
  }

  async run(): Promise<StepResult> {
    let answer = this.step.attempt > 1 ? await this.#resume() : undefined;
    for (;;) {
      if (answer === undefined && this.#turn >= this.parts.maxTurns)
        return failed('budget_exceeded', `The task was not done within ${this.#turn} turns of the tool agent.`);
      answer ??= await this.#decide();
      const ending = await this.#act(answer);
      if (ending) return ending;
      if (JSON.stringify(this.#messages()).length > MAX_CONVERSATION_CHARS)
        return failed('budget_exceeded', 'The step has read more than a language model can be given.'); // G5
      answer = undefined;
    }
  }

  /** G1, G6: whatever came of it, with what it used, whom it heard and what it did before. */
  ended(result: StepResult): StepResult {
    const used = addUsage(this.#used, this.#wasted);
    const usage = used.input_tokens + used.output_tokens === 0 ? {} : { usage: used };
    if (result.status === 'in_doubt') return { ...result, message: this.#withDone(result.message), ...usage };
    const { heard } = this.#standing;
    const provenance = heard ? { provenance: heard } : {};
    if (result.status === 'succeeded') return { ...result, ...provenance, ...usage };
    return { ...result, message: this.#withDone(result.message), ...provenance, ...usage };
  }

  #withDone(message: string): string {
    const { done } = this.#standing;
    return (done.length === 0 ? message : `${message} Done before: ${done.join('; ')}.`).slice(0, 4_000);
  }

  /** G7: where an earlier worker came to; undefined where it had decided nothing. */
  async #resume(): Promise<Answer | undefined> {
    const { turns, effects } = await this.parts.journal.recall(this.step);
    this.#begun = effects;
    let answer: Answer | undefined;
    for (const turn of turns) answer = this.#goOnWith(turn);
    return answer;
  }

  /** Asks the model, and keeps what it says. */
  async #decide(): Promise<Answer> {
    const { journal } = this.parts;
    const said = await this.#ask(this.#turn + 1);
    if (said.refused) {
      this.#wasted = addUsage(this.#wasted, said.usage);
      throw new AppError(said.refused.code, said.refused.message);
    }
    const answer: Answer = { role: 'assistant', content: said.text === '' ? null : said.text, calls: said.calls };
    const turn: AgentTurn = {
      messages: [...this.#since, answer],
      used: addUsage(this.#used, said.usage),
      standing: structuredClone(this.#standing),
    };
    let kept: AgentTurn;
    try {
      kept = await journal.keep(this.step, this.#turn + 1, turn);
    } catch (error) {
      this.#wasted = addUsage(this.#wasted, said.usage);
      throw error;
    }
    if (kept !== turn) {
      // Another worker is at this step, too: it decided first.
      this.#wasted = addUsage(this.#wasted, said.usage);
      this.#begun = await journal.effects(this.step);
    }
    return this.#goOnWith(kept);
  }

  #goOnWith({ messages, used, standing }: AgentTurn): Answer {
    this.#turn += 1;
    this.#said = [...this.#said, ...messages];
    this.#since = [];
    this.#used = used;
    this.#standing = structuredClone(standing);
    const last = messages.at(-1);
    if (last?.role !== 'assistant') throw new StepInDoubt('What an earlier worker of this step decided is no answer.');
    return last;
  }

  /** Does what the model says; gives a result where the step ends with it. */
  async #act({ content, calls }: Answer): Promise<StepResult | undefined> {
    if (calls.length === 0) {
      if (content === null || content.trim() === '')
        return failed('model_invalid_answer', 'The language model gave an empty answer.');
      return { status: 'succeeded', output: content };
    }
    for (const call of calls) {
      if (this.context.signal.aborted) throw new AppError('cancelled');
      const ending = await this.#take(call);
      if (ending) return ending;
    }
    return undefined;
  }

  #messages(): ModelTurnMessage[] {
    const system = this.#standing.searching ? `${words.SYSTEM} ${words.SEARCHING}` : words.SYSTEM;
    const { task } = this.step;
    return [{ role: 'system', content: system }, { role: 'user', content: task }, ...this.#said, ...this.#since];
  }

  #ask(turn: number) {
    const { principal, runId, stepId } = this.step;
    const asked = { principal, runId, stepId, turn, messages: this.#messages(), functions: this.#functions() };
    const used = addUsage(this.#used, this.#wasted);
    return this.parts.bus.request(modelTurn, { ...asked, used }, { signal: this.context.signal });
  }

  #functions(): ModelFunction[] {
    const tools = this.#standing.offered.flatMap((name) => {
      const tool = this.#visible.get(name);
      return tool ? [toolFunction(tool)] : [];
    });
    return this.#standing.searching ? [...words.META_FUNCTIONS, ...tools] : tools;
  }

  /** Takes one call of the model; gives a result where the step ends with it. */
  async #take(call: ModelCall): Promise<StepResult | undefined> {
    const { offered, searching } = this.#standing;
    const answer = (content: string): undefined => {
      this.#since.push({ role: 'tool', callId: call.id, content: words.cut(content) });
    };
    const refuse = (code: string, why: string): undefined => answer(words.refusal(code, why));
    const args = argumentsOf(call.arguments);
    if (!args) return refuse('tool_invalid_arguments', 'The arguments are not a JSON object. Send them again.');
    if (searching && call.name === words.FIND) return answer(this.#find(args));
    if (searching && call.name === words.DESCRIBE) return answer(this.#describe(args));
    const nothing = (): undefined => refuse('tool_not_found', `There is no function "${call.name.slice(0, 100)}".`);
    if (!offered.includes(call.name)) return nothing(); // G2
    const idempotencyKey = this.#keyOf(call.name, args);
    const begun = this.#begun.get(idempotencyKey);
    const tool = this.#visible.get(call.name);
    if (!begun) {
      if (!tool) return nothing();
      if (this.#needsApproval(tool)) return approvalRequired(tool, args);
      if (this.#standing.calls >= this.#limits.calls)
        return failed('budget_exceeded', `The run leaves room for ${this.#limits.calls} calls of tools in this step.`);
    }
    this.#standing.calls += 1;
    const result = await this.#call({ tool: call.name, arguments: args, idempotencyKey }, tool, begun);
    const what = callInWords(call.name, args, words.MAX_CALL_CHARS);
    if (result.status === 'in_doubt')
      return { ...result, message: `The call of ${what} is in doubt. ${result.message}` }; // G6
    if (result.status === 'failed') {
      // G7: why it cannot be called now says nothing of what was done then.
      if (begun && !isKnown(begun) && BEFORE_LEDGER.has(result.code))
        return inDoubt(
          `The call of ${what} was begun by an earlier worker and cannot be made again: ${result.message}`,
        );
      if (tool && result.code === 'approval_required') return approvalRequired(tool, args);
    }
    if (result.status === 'succeeded' && (tool ?? begun)?.kind !== 'read')
      this.#standing.done = [...this.#standing.done, what].slice(-MAX_DONE_TOLD);
    const stranger = result.provenance?.trust === 'untrusted' ? result.provenance : undefined;
    this.#standing.heard ??= stranger ?? null;
    const text = textOf(result);
    return answer(stranger ? quoteStranger(words.cut(text), stranger) : text);
  }

  /** G6, G7 */
  async #call(call: AgentCall, tool: Tool | undefined, begun: Effect | undefined): Promise<StepResult> {
    if (begun && isKnown(begun) && begun.result) return withoutMcp(begun.result);
    const repeats = tool && tool.idempotency !== 'none' ? KEYED_REPEATS : 0;
    for (let repeat = 0; ; repeat += 1) {
      const result = await this.context.call(call);
      if (result.status !== 'in_doubt' || repeat >= repeats) return result;
      await sleep(REPEAT_PAUSE_MS, this.context.signal).catch(() => undefined);
      if (this.context.signal.aborted) return result;
    }
  }

  /** G4 */
  #needsApproval(tool: Tool): boolean {
    const heard = this.#limits.heardStranger || this.#standing.heard !== null;
    if (tool.requiresApproval === true || (heard && tool.kind === 'destructive')) return true;
    return this.#limits.approvalTools.some((pattern) => matchesTool(pattern, tool));
  }

  /** G3 */
  #keyOf(tool: string, args: Readonly<Record<string, unknown>>): string {
    const { times } = this.#standing;
    const same = `${tool} ${canonicalJson(args)}`;
    const what = sha256(same).slice(0, 32);
    const time = (times[what] = (times[what] ?? 0) + 1);
    return `${this.step.idempotencyKey.slice(0, 100)}:${sha256(`${same} ${time}`).slice(0, 32)}`;
  }

  #find(args: Readonly<Record<string, unknown>>): string {
    const asked = words.searchOf(args);
    if (!asked) return words.refusal('tool_invalid_arguments', `${words.FIND} takes {"query": "..."}.`);
    const { query, topK } = asked;
    this.context.tell({ type: 'mcp.tool.search', data: { step_id: this.step.stepId, query, top_k: topK } });
    const found = searchTools(this.context.visible, query, topK).map(({ tool }) => tool);
    for (const tool of found) this.#offer(tool.name);
    return words.foundTools(found);
  }

  #describe({ name }: Readonly<Record<string, unknown>>): string {
    const tool = typeof name === 'string' ? this.#visible.get(name) : undefined;
    if (!tool) return words.refusal('tool_not_found', 'There is no such tool.');
    this.#offer(tool.name);
    return words.toolInFull(tool);
  }

  #offer(tool: string): void {
    const others = this.#standing.offered.filter((name) => name !== tool);
    this.#standing.offered = [...others, tool].slice(-MAX_OFFERED);
  }
}

function isKnown({ state }: Effect): boolean {
  return state === 'succeeded' || state === 'failed';
}

function textOf(result: Exclude<StepResult, { status: 'in_doubt' }>): string {
  if (result.status === 'failed') return words.refusal(result.code, result.message);
  return typeof result.output === 'string' ? result.output : JSON.stringify(result.output ?? null);
}

export function inDoubt(why: string): StepResult {
  const message = `${why} Whether its effect happened is not known.`;
  return { status: 'in_doubt', code: 'tool_in_doubt', message };
}

function approvalRequired(tool: Tool, args: Readonly<Record<string, unknown>>): StepResult {
  const what = `A person must approve ${callInWords(tool.name, args, words.MAX_CALL_CHARS)}. Call ${tool.name} as a step of its own: then the person is asked.`;
  return failed('approval_required', what);
}
