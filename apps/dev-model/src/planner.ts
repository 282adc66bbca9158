import type { Before } from './arguments.ts';
import { composeAnswer, describeSelf } from './answer.ts';
import type { Conversation, MadeCall } from './conversation.ts';
import { places, quoted } from './extract.ts';
import { profileOf } from './functions.ts';
import type { FunctionProfile, OfferedFunction } from './functions.ts';
import { answerFromHistory } from './memory.ts';
import { splitTask } from './task-parts.ts';
import { DELEGATE_PREFIX, resolve, SUBMIT_PLAN } from './resolve.ts';
import type { PlanItem, ResolvedCall } from './resolve.ts';

interface PlannedCall {
  name: string;
  arguments: Record<string, unknown>;
}

/** The decision of the model: a final text, or calls. */
export type Decision = { kind: 'text'; text: string } | { kind: 'calls'; calls: PlannedCall[] };

export interface PlannerInput {
  conversation: Conversation;
  functions: readonly OfferedFunction[];
  parallel: boolean;
  /** The `tool_choice` of the request: a function's name forces that function. */
  choice: 'auto' | 'none' | 'required' | { name: string };
}

const MAX_ANALYSED_CHARS = 8_000;

/**
 * The deterministic planner. Pure: the same request gives the same decision.
 * - The planner never repeats a call with the same arguments, except once when its error says that a retry helps.
 * - A part of the task that needs an earlier result waits for it.
 * - When no call is left, the planner composes the answer from the results alone.
 */
export function plan(input: PlannerInput): Decision {
  const { conversation } = input;
  const task = conversation.task.slice(0, MAX_ANALYSED_CHARS);
  const remembered = answerFromHistory(task, conversation.history);
  if (remembered !== undefined && conversation.calls.length === 0) return { kind: 'text', text: remembered };
  const profiles = input.functions.map(profileOf);
  const usable = typeof input.choice === 'object' ? onlyNamed(profiles, input.choice.name) : profiles;
  const { items, leftovers, sequential } = itemsOf(task, usable, conversation);

  if (input.choice !== 'none' && !conversation.calls.some(({ name }) => name === SUBMIT_PLAN)) {
    const pending = items.filter(({ made }) => made === undefined);
    const planned = sequential && conversation.calls.length === 0 ? asSubmittedPlan(pending, profiles) : undefined;
    if (planned) return { kind: 'calls', calls: [planned] };
    const ready = nextCalls(pending, sequential, input.parallel);
    if (ready.length > 0) return { kind: 'calls', calls: ready };
    const forced = forcedCall(input, usable, task);
    if (forced) return { kind: 'calls', calls: [forced] };
  }
  if (items.length === 0 && conversation.calls.length === 0) {
    return { kind: 'text', text: describeSelf(task, profiles) };
  }
  return { kind: 'text', text: composeAnswer(items, conversation.calls, leftovers) };
}

function onlyNamed(profiles: readonly FunctionProfile[], name: string): FunctionProfile[] {
  return profiles.filter((profile) => profile.name === name);
}

/** The calls that the task asks for, each with the call that was made for it. */
function itemsOf(
  task: string,
  functions: readonly FunctionProfile[],
  conversation: Conversation,
): { items: PlanItem[]; leftovers: string[]; sequential: boolean } {
  const stands = (text: string, left?: string): boolean => {
    const call = left === undefined ? undefined : resolve(left, functions)[0];
    return resolve(text, functions, call && { arguments: call.arguments, result: undefined }).length > 0;
  };
  const { parts, sequential } = splitTask(task, stands);
  const items: PlanItem[] = [];
  const leftovers: string[] = [];
  let before: Before | undefined;
  for (const part of parts) {
    const calls = resolve(part, functions, before);
    const resolved = calls.length > 0 ? calls : elliptic(part, functions, conversation);
    if (resolved.length === 0) leftovers.push(part);
    for (const call of resolved) {
      const made = call.waits ? undefined : madeFor(call, conversation.calls);
      items.push(made ?? { call, made: undefined });
      before = { arguments: call.arguments, result: made?.made?.result?.ok ? plainResult(made.made) : undefined };
    }
  }
  return { items, leftovers, sequential };
}

/** "And in Paris?" after a question about London: the same function with what this text names. */
function elliptic(part: string, functions: readonly FunctionProfile[], conversation: Conversation): ResolvedCall[] {
  const earlier = conversation.history.at(-1)?.user;
  if (
    earlier === undefined ||
    part.length > 80 ||
    !/^(?:and|what about|how about|now|same)\b|^(?:in|for)\b/i.test(conversation.task)
  )
    return [];
  const place = places(part)[0];
  return resolve(earlier.slice(0, MAX_ANALYSED_CHARS), functions)
    .slice(0, 1)
    .flatMap((call) => {
      const parameter = call.fn.parameters.find(({ kind }) => kind === 'place');
      return parameter && place
        ? [{ ...call, text: part, arguments: { ...call.arguments, [parameter.name]: place } }]
        : [];
    });
}

/** The last call that was made for `call`, or the repair of it that is now due. */
function madeFor(call: ResolvedCall, made: readonly MadeCall[]): PlanItem | undefined {
  const tries = made.filter((each) => sameCall(each, call));
  const last = tries.at(-1);
  if (!last) return undefined;
  if (!last.result || last.result.ok) return { call, made: last };
  const repair = repaired(call, last.result.text, last.result.code);
  if (!repair) return { call, made: last };
  if (sameCall({ name: repair.fn.name, arguments: repair.arguments }, call)) {
    return { call, made: tries.length < 2 ? undefined : last };
  }
  return { call: repair, made: made.findLast((each) => sameCall(each, repair)) };
}

/** The one retry that an error message suggests: the same call again, or with a value that it names. */
function repaired(call: ResolvedCall, message: string, code: string | undefined): ResolvedCall | undefined {
  if (code === 'in_doubt' || /in doubt/i.test(message)) return undefined;
  const offered =
    /\b(?:did you mean|try(?: one of)?|(?:must be|use|expected) one of|known (?:\w+ )?are)\b:?\s+(.{2,80})/i.exec(
      message,
    )?.[1];
  const parameter = call.fn.parameters.find(({ name }) => typeof call.arguments[name] === 'string');
  const value =
    offered && !/^again/i.test(offered) ? (quoted(offered)[0] ?? /^[\p{L}\p{N}_-]+/u.exec(offered)?.[0]) : undefined;
  if (value && parameter) return { ...call, arguments: { ...call.arguments, [parameter.name]: value } };
  return /try again|tempora|timed? ?out|unavailable|did not answer/i.test(message) ? call : undefined;
}

function sameCall(made: PlannedCall, call: ResolvedCall): boolean {
  return made.name === call.fn.name && JSON.stringify(made.arguments) === JSON.stringify(call.arguments);
}

function nextCalls(pending: readonly PlanItem[], sequential: boolean, parallel: boolean): PlannedCall[] {
  const ready = pending.filter(({ call }) => !call.waits);
  const chosen = sequential || !parallel ? ready.slice(0, 1) : ready;
  return chosen.slice(0, 16).map(({ call }) => ({ name: call.fn.name, arguments: call.arguments }));
}

/** Two or more steps in order as one `submit_plan`, where that is offered and no step waits for another's result. */
function asSubmittedPlan(pending: readonly PlanItem[], profiles: readonly FunctionProfile[]): PlannedCall | undefined {
  if (pending.length < 2 || pending.some(({ call }) => call.waits)) return undefined;
  if (!profiles.some(({ name }) => name === SUBMIT_PLAN)) return undefined;
  const steps = pending.map(({ call }) =>
    call.fn.name.startsWith(DELEGATE_PREFIX)
      ? { agent: call.fn.name.slice(DELEGATE_PREFIX.length), task: String(Object.values(call.arguments)[0] ?? '') }
      : { tool: call.fn.name, arguments: call.arguments },
  );
  return { name: SUBMIT_PLAN, arguments: { steps } };
}

/** `tool_choice` that demands a call gets one, if any offered function can be filled at all. */
function forcedCall(input: PlannerInput, usable: readonly FunctionProfile[], task: string): PlannedCall | undefined {
  if (input.choice === 'auto' || input.choice === 'none' || input.conversation.calls.length > 0) return undefined;
  for (const fn of usable) {
    const call = resolve(`${fn.name} ${task}`, [fn])[0];
    if (call) return { name: call.fn.name, arguments: call.arguments };
  }
  return undefined;
}

function plainResult(made: MadeCall): string {
  const value = made.result?.value;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const only = Object.entries(value).find(([key]) => /^(?:result|value|text|content|answer|output)$/.test(key))?.[1];
    if (typeof only === 'string' || typeof only === 'number') return String(only);
  }
  return made.result?.text ?? '';
}
