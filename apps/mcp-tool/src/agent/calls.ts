import {
  type ModelTurnMessage,
  type RunFactDraft,
  sha256,
  type StepLimits,
  type StepRequest,
  type StepResult,
} from '@switchyard/contracts';
import { sleep } from '@switchyard/platform';
import {
  argumentsOf,
  callInWords,
  matchesTool,
  type ModelFunction,
  quoteUntrusted,
  toolFunction,
} from '@switchyard/run';
import type { Effect } from '@switchyard/store';
import * as words from './functions.ts';
import type { Standing } from './journal.ts';
import { canonicalJson } from '../common/index.ts';
import { failed, inDoubt, type Tool, withoutMcp } from '../tool/index.ts';
import { searchTools } from '../catalog/index.ts';

/*
 * Makes the tool calls that the model requests in a step, and keeps track of the step's progress.
 *
 * - A name that the model gives is looked up among the tools that the model was offered. The user may see each of
 *   those.
 * - Each call is judged by itself and, if it may have an effect, goes through the ledger. Its key is derived from the
 *   step, the tool and the arguments: another worker that makes the same call of the same step has no second effect. If
 *   the model wants the same call twice, the second one gets another key.
 * - A call that needs a person's approval is not made here. Once the run or the step has read untrusted content, this
 *   includes every call that destroys something. The step ends and names the call, so that the planner can make it a
 *   step of its own, for which people are asked.
 * - The step makes no more calls than the run leaves room for.
 * - A call in doubt is repeated with its key if the tool honours keys. A call that stays in doubt ends the step, and
 *   the result names the call.
 * - The ledger alone decides about a call that an earlier worker began. Neither a changed limit nor a changed tool
 *   turns it into another call.
 */

export interface AgentCall {
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly idempotencyKey: string;
  /** The model's id of the call. */
  readonly toolCallId?: string | undefined;
}

export interface AgentContext {
  readonly visible: readonly Tool[];
  readonly signal: AbortSignal;
  readonly tell: (fact: RunFactDraft) => void;
  /** Calls a tool and reports the call as facts. */
  readonly call: (call: AgentCall) => Promise<StepResult>;
}

type ModelCall = Extract<ModelTurnMessage, { role: 'assistant' }>['calls'][number];
type Arguments = Readonly<Record<string, unknown>>;
/** The reply to the model's call, or the result that ends the step. */
type Taken = { readonly reply: string } | { readonly ending: StepResult };

/** The most tools that a model is offered at once; newly found ones replace the oldest. */
const MAX_OFFERED = 40;
const MAX_DONE_TOLD = 20;
/** How often a call in doubt is repeated if the tool honours keys. */
const KEYED_REPEATS = 2;
const REPEAT_PAUSE_MS = 500;
const NO_LIMITS: StepLimits = { calls: 16, approvalTools: [], heardStranger: false };
/** Answers that mean that a call did not reach the ledger. */
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

export class AgentCalls {
  readonly #visible: ReadonlyMap<string, Tool>;
  readonly #limits: StepLimits;
  #standing: Standing;
  /** By key: the calls that an earlier worker of the step began. The ledger has their outcomes. */
  #begun: ReadonlyMap<string, Effect> = new Map();

  readonly #step: StepRequest;
  readonly #context: AgentContext;

  constructor(step: StepRequest, context: AgentContext, searchAbove: number) {
    this.#step = step;
    this.#context = context;
    const { visible } = context;
    this.#visible = new Map(visible.map((tool) => [tool.name, tool]));
    this.#limits = step.within ?? NO_LIMITS;
    const searching = visible.length > searchAbove;
    const offered = searching ? [] : visible.map(({ name }) => name);
    this.#standing = { calls: 0, times: {}, offered, searching, heard: null, done: [] };
  }

  get standing(): Readonly<Standing> {
    return this.#standing;
  }

  goOnFrom(standing: Standing): void {
    this.#standing = structuredClone(standing);
  }

  takeUp(begun: ReadonlyMap<string, Effect>): void {
    this.#begun = begun;
  }

  functions(): ModelFunction[] {
    const tools = this.#standing.offered.flatMap((name) => {
      const tool = this.#visible.get(name);
      return tool ? [toolFunction(tool)] : [];
    });
    return this.#standing.searching ? [...words.META_FUNCTIONS, ...tools] : tools;
  }

  async take({ id, name, arguments: given }: ModelCall): Promise<Taken> {
    const { offered, searching } = this.#standing;
    const args = argumentsOf(given);
    if (!args) return refused('tool_invalid_arguments', 'The arguments are not a JSON object. Send them again.');
    if (searching && name === words.FIND) return { reply: this.#find(args) };
    if (searching && name === words.DESCRIBE) return { reply: this.#describe(args) };
    const nothing = () => refused('tool_not_found', `There is no function "${name.slice(0, 100)}".`);
    if (!offered.includes(name)) return nothing();
    const idempotencyKey = this.#keyOf(name, args);
    const begun = this.#begun.get(idempotencyKey);
    const tool = this.#visible.get(name);
    if (!begun) {
      if (!tool) return nothing();
      if (this.#needsApproval(tool)) return { ending: approvalRequired(tool, args) };
      if (this.#standing.calls >= this.#limits.calls) {
        const why = `The run leaves room for ${this.#limits.calls} calls of tools in this step.`;
        return { ending: failed('budget_exceeded', why) };
      }
    }
    this.#standing.calls += 1;
    const result = await this.#call({ tool: name, arguments: args, idempotencyKey, toolCallId: id }, tool, begun);
    return this.#outcome(result, { tool, args, begun, what: callInWords(name, args, words.MAX_CALL_CHARS) });
  }

  #outcome(
    result: StepResult,
    { tool, args, begun, what }: { tool: Tool | undefined; args: Arguments; begun: Effect | undefined; what: string },
  ): Taken {
    if (result.status === 'in_doubt')
      return { ending: { ...result, message: `The call of ${what} is in doubt. ${result.message}` } };
    if (result.status === 'failed') {
      // An earlier worker began this call: the reason for a refusal now says nothing about what was done then.
      if (begun && !isKnown(begun) && BEFORE_LEDGER.has(result.code)) {
        const why = `The call of ${what} was begun by an earlier worker and cannot be made again: ${result.message}`;
        return { ending: inDoubt(why) };
      }
      if (tool && result.code === 'approval_required') return { ending: approvalRequired(tool, args) };
    }
    if (result.status === 'succeeded' && (tool ?? begun)?.kind !== 'read')
      this.#standing.done = [...this.#standing.done, what].slice(-MAX_DONE_TOLD);
    const untrusted = result.provenance?.trust === 'untrusted' ? result.provenance : undefined;
    this.#standing.heard ??= untrusted ?? null;
    const text = textOf(result);
    return { reply: untrusted ? quoteUntrusted(words.cut(text), untrusted) : text };
  }

  /**
   * The outcome that the ledger knows; otherwise makes the call, and repeats it if it is in doubt and may be repeated.
   */
  async #call(call: AgentCall, tool: Tool | undefined, begun: Effect | undefined): Promise<StepResult> {
    if (begun && isKnown(begun) && begun.result) return withoutMcp(begun.result);
    const repeats = tool && tool.idempotency !== 'none' ? KEYED_REPEATS : 0;
    for (let repeat = 0; ; repeat += 1) {
      const result = await this.#context.call(call);
      if (result.status !== 'in_doubt' || repeat >= repeats) return result;
      await sleep(REPEAT_PAUSE_MS, this.#context.signal).catch(() => undefined);
      if (this.#context.signal.aborted) return result;
    }
  }

  /** True if the tool or the run asks for approval, or if the tool is destructive and untrusted content was read. */
  #needsApproval(tool: Tool): boolean {
    const heard = this.#limits.heardStranger || this.#standing.heard !== null;
    if (tool.requiresApproval === true || (heard && tool.kind === 'destructive')) return true;
    return this.#limits.approvalTools.some((pattern) => matchesTool(pattern, tool));
  }

  /** Derived from the step, the tool, the arguments, and how often the model wanted the same before. */
  #keyOf(tool: string, args: Arguments): string {
    const { times } = this.#standing;
    const same = `${tool} ${canonicalJson(args)}`;
    const what = sha256(same).slice(0, 32);
    const time = (times[what] = (times[what] ?? 0) + 1);
    return `${this.#step.idempotencyKey.slice(0, 100)}:${sha256(`${same} ${time}`).slice(0, 32)}`;
  }

  #find(args: Arguments): string {
    const asked = words.searchOf(args);
    if (!asked) return words.refusal('tool_invalid_arguments', `${words.FIND} takes {"query": "..."}.`);
    const { query, topK } = asked;
    this.#context.tell({ type: 'mcp.tool.search', data: { step_id: this.#step.stepId, query, top_k: topK } });
    const found = searchTools(this.#context.visible, query, topK).map(({ tool }) => tool);
    for (const tool of found) this.#offer(tool.name);
    return words.foundTools(found);
  }

  #describe({ name }: Arguments): string {
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

function refused(code: string, why: string): Taken {
  return { reply: words.refusal(code, why) };
}

function approvalRequired(tool: Tool, args: Arguments): StepResult {
  const what = `A person must approve ${callInWords(tool.name, args, words.MAX_CALL_CHARS)}. Call ${tool.name} as a step of its own: then the person is asked.`;
  return failed('approval_required', what);
}
