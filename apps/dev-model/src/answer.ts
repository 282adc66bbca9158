import { isRecord } from '@switchyard/contracts';
import { findArithmetic } from './arithmetic.ts';
import { readOutcome } from './conversation.ts';
import type { MadeCall, ToolOutcome } from './conversation.ts';
import type { FunctionProfile } from './functions.ts';
import { DELEGATE_PREFIX, mentions, type PlanItem, SUBMIT_PLAN } from './resolve.ts';
import { capitalised, nounOf } from './vocabulary.ts';

const MAX_RESULT_CHARS = 4_000;

/** The final answer: one sentence per result, failures told plainly, and what was left undone. */
export function composeAnswer(
  items: readonly PlanItem[],
  calls: readonly MadeCall[],
  leftovers: readonly string[],
): string {
  const submitted = calls.find(({ name }) => name === SUBMIT_PLAN);
  const told = new Set<MadeCall>();
  const lines: string[] = [];
  if (submitted?.result) lines.push(...submittedLines(submitted.result, items));
  for (const { call, made } of items) {
    if (submitted && !made) continue;
    if (!made?.result) {
      lines.push(`I did not get to “${call.text}”, because a step before it failed.`);
      continue;
    }
    told.add(made);
    lines.push(sentence(made.name, made.arguments, made.result, call.text));
  }
  if (items.length === 0) {
    for (const made of calls) {
      if (made.result && made !== submitted && !told.has(made))
        lines.push(sentence(made.name, made.arguments, made.result, ''));
    }
  }
  // Without any function that fits, nothing can be said about single parts: the functions may just be used up.
  const undone =
    items.length === 0
      ? []
      : leftovers.filter((part) => /\?$|^(?:what|how|who|where|when|why|which)\b/i.test(part.trim()));
  for (const part of undone) lines.push(`I have no function for “${part.slice(0, 200)}”.`);
  return lines.join('\n') || 'Nothing came back from the steps.';
}

/** The results of a submitted plan: one entry per step where they come as a list, else as they are. */
function submittedLines(result: ToolOutcome, items: readonly PlanItem[]): string[] {
  if (!result.ok) return [`The plan failed: ${withStop(result.text)}`];
  const value = result.value;
  const list = Array.isArray(value)
    ? value
    : isRecord(value)
      ? [value.steps, value.results].find(Array.isArray)
      : undefined;
  if (!list) return [typeof value === 'string' ? value : withStop(readable(value, {}))];
  return list.map((entry, index) => {
    const item = items[index];
    const inner = isRecord(entry) && 'result' in entry && !('error' in entry && entry.error) ? entry.result : entry;
    const outcome = readOutcome(typeof inner === 'string' ? inner : JSON.stringify(inner ?? null));
    return item ? sentence(item.call.fn.name, item.call.arguments, outcome, item.call.text) : withStop(outcome.text);
  });
}

function sentence(name: string, args: Record<string, unknown>, outcome: ToolOutcome, text: string): string {
  const noun = capitalised(nounOf(name));
  const subject = firstText(args);
  if (!outcome.ok) {
    const what = name.startsWith(DELEGATE_PREFIX) ? noun : `${name}${subject ? ` (${subject})` : ''}`;
    return `${what} failed: ${withStop(outcome.text)}`;
  }
  const value = outcome.value;
  if (name.startsWith(DELEGATE_PREFIX)) return `${noun} answered: ${withStop(readable(value, args))}`;
  const number = numeric(value);
  if (number !== undefined && typeof args.expression === 'string') {
    return `${findArithmetic(text)?.spoken ?? args.expression} is ${number}.`;
  }
  return `${noun}${subject ? ` for ${subject}` : ''}: ${withStop(readable(value, args))}`;
}

function numeric(value: unknown): number | string | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'string' && /^-?\d+(?:\.\d+)?$/.test(value.trim())) return value.trim();
  if (!isRecord(value)) return undefined;
  return [value.result, value.value, value.answer].find((each): each is number => typeof each === 'number');
}

function firstText(args: Record<string, unknown>): string | undefined {
  const text = Object.values(args).find((value): value is string => typeof value === 'string' && value.length <= 60);
  return text?.trim() === '' ? undefined : text;
}

/** A value in words: text as it is, an object as "key value, key value" without what the arguments said already. */
function readable(value: unknown, args: Record<string, unknown>): string {
  return shown(value, args, 0).slice(0, MAX_RESULT_CHARS);
}

function shown(value: unknown, args: Record<string, unknown>, depth: number): string {
  if (value === null || value === undefined || value === '') return depth === 0 ? 'done' : 'none';
  if (typeof value !== 'object') return String(value);
  if (depth > 3) return JSON.stringify(value);
  if (Array.isArray(value))
    return value.length === 0 ? 'none' : value.map((each) => shown(each, {}, depth + 1)).join('; ');
  const known = Object.values(args).filter((each) => typeof each === 'string');
  const entries = Object.entries(value).filter(
    ([, each]) => each !== null && each !== undefined && !known.includes(each),
  );
  if (entries.length === 0) return 'done';
  if (
    entries.length === 1 &&
    /^(?:result|value|text|content|body|answer|output|message|summary)$/.test(entries[0]![0])
  ) {
    return shown(entries[0]![1], {}, depth + 1);
  }
  return withUnits(entries)
    .map(([key, each]) => pair(key, shown(each, {}, depth + 1)))
    .join(', ');
}

/** A `unit` beside a number belongs to it: "temperature 12 celsius". */
function withUnits(entries: [string, unknown][]): [string, unknown][] {
  const unit = entries.find(([key, value]) => key === 'unit' && typeof value === 'string')?.[1];
  const at = entries.findIndex(([, value]) => typeof value === 'number');
  if (typeof unit !== 'string' || at < 0) return entries;
  return entries
    .map(([key, value], index): [string, unknown] => [key, index === at ? `${String(value)} ${unit}` : value])
    .filter(([key]) => key !== 'unit');
}

function pair(key: string, value: string): string {
  const words = key.replaceAll('_', ' ');
  if (value === 'true') return words;
  return words.endsWith(' percent') ? `${words.slice(0, -' percent'.length)} ${value}%` : `${words} ${value}`;
}

function withStop(text: string): string {
  const trimmed = text.trim();
  return /[.!?…”"]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

/** What this server is and can do, for a task that fits none of the offered functions. Never claims to understand. */
export function describeSelf(task: string, functions: readonly FunctionProfile[]): string {
  const tools = functions.filter(({ name }) => name !== SUBMIT_PLAN);
  const close = tools.filter((fn) => mentions(task, fn)).slice(0, 3);
  const opening =
    'I am the development model of Switchyard: fixed rules, not a language model. ' +
    'I found no offered function whose arguments I could fill from this task.';
  if (tools.length === 0) return `${opening} This request offers no functions, so there is nothing I can do.`;
  const hint = close.length > 0 ? ` Closest: ${close.map(signature).join(', ')}.` : '';
  const list = tools
    .slice(0, 20)
    .map(({ name }) => name)
    .join(', ');
  return `${opening}${hint} I can use: ${list}. Try “What is the weather in London, and what is 17% of 2340?”, or set OPENAI_API_KEY for a real model.`;
}

function signature(fn: FunctionProfile): string {
  return `${fn.name}(${fn.parameters
    .filter(({ required }) => required)
    .map(({ name }) => name)
    .join(', ')})`;
}
