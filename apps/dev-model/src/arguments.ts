import { findArithmetic } from './arithmetic.ts';
import {
  content, dates, emails, named, namedAfter, numbers, places, quoted, refersBack, searched, stripQuotes, urls,
} from './extract.ts'; // prettier-ignore
import type { FunctionProfile, Parameter } from './functions.ts';
import { nounOf, wordsOf } from './vocabulary.ts';

/** What the part before this one was called with and what came of it (undefined: not known yet). */
export interface Before {
  arguments: Record<string, unknown>;
  result: string | undefined;
}

export interface FilledArguments {
  arguments: Record<string, unknown>;
  /** The argument needs the result of the part before, which is not there yet. */
  waits: boolean;
  /** Required or typical parameters for which the text contained the value itself. */
  found: number;
}

type Value = { value: unknown; waits?: boolean } | undefined;

/**
 * Fills the parameters of a function from the words of one part of a task, by plain rules.
 * Answers undefined where a required parameter finds no value.
 */
export function fillArguments(fn: FunctionProfile, text: string, before?: Before): FilledArguments | undefined {
  const given = jsonArguments(fn, text);
  if (given) return { arguments: given, waits: false, found: Object.keys(given).length };
  const filled: Record<string, unknown> = {};
  let waits = false;
  let found = 0;
  const noun = nounOf(fn.name);
  for (const parameter of fn.parameters) {
    const value = explicit(parameter, text) ?? extract(parameter, fn, text, noun, filled, before);
    if (value !== undefined) {
      filled[parameter.name] = value.value;
      waits ||= value.waits ?? false;
      found += 1;
    }
  }
  for (const parameter of fn.parameters) {
    if (!parameter.required || parameter.name in filled) continue;
    const fallback = defaultOf(parameter, filled);
    if (fallback === undefined) return undefined;
    filled[parameter.name] = fallback;
  }
  return { arguments: filled, waits, found };
}

/** "call get_weather with {"city": "Oslo"}": arguments given as JSON are taken as they are. */
function jsonArguments(fn: FunctionProfile, text: string): Record<string, unknown> | undefined {
  const start = text.indexOf('{');
  const end = text.lastIndexOf('}');
  if (start < 0 || end < start) return undefined;
  try {
    const value: unknown = JSON.parse(text.slice(start, end + 1));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const fits = Object.keys(value).every((key) => fn.parameters.some(({ name }) => name === key));
    return fits ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** `city=Oslo`, `city: "Oslo"`: a parameter named with its value. */
function explicit(parameter: Parameter, text: string): Value {
  const at = text.search(new RegExp(String.raw`\b${escape(parameter.name)}\s*[=:]`, 'i'));
  if (at < 0) return undefined;
  const rest = text.slice(at).replace(/^[^=:]*[=:]\s*/, '');
  const raw = /^(?:"[^"]*"|'[^']*'|“[^”]*”)/.exec(rest)?.[0] ?? /^[^\s,;]+/.exec(rest)?.[0];
  return raw === undefined ? undefined : { value: typed(parameter, stripQuotes(raw)) };
}

function typed(parameter: Parameter, raw: string): unknown {
  if (parameter.kind === 'number' && Number.isFinite(Number(raw))) return Number(raw);
  if (parameter.kind === 'boolean') return /^(?:true|yes|1)$/i.test(raw);
  return raw;
}

function extract(
  parameter: Parameter,
  fn: FunctionProfile,
  text: string,
  noun: string,
  filled: Record<string, unknown>,
  before: Before | undefined,
): Value {
  const taken = Object.values(filled);
  const free = <T>(values: readonly T[]): T | undefined => values.find((value) => !taken.includes(value));
  switch (parameter.kind) {
    case 'arithmetic':
      return some(findArithmetic(text)?.expression) ?? fromBefore(parameter, text, before, /^[-+*/().\d\s]+$/);
    case 'place':
      return some(free(places(text)));
    case 'email':
      return some(free(emails(text)));
    case 'url':
      return some(free(urls(text)));
    case 'date':
      return some(free(dates(text)));
    case 'choice':
      return choice(parameter, text);
    case 'number':
      return parameter.required || wordsOf(text).includes(parameter.name.toLowerCase())
        ? some(free(numbers(text)))
        : undefined;
    case 'boolean':
      return wordsOf(text).includes(parameter.name.toLowerCase()) ? { value: true } : undefined;
    case 'list':
      return quoted(text).length > 0 ? { value: quoted(text) } : undefined;
    case 'object':
      return undefined;
    case 'query':
      return some(searched(text) ?? free(quoted(text)) ?? (parameter.required ? stripQuotes(text) : undefined));
    case 'title':
      return some(named(text) ?? titleFrom(fn, text, noun, free)) ?? fromBefore(parameter, text, before);
    case 'task':
      return { value: stripQuotes(afterVerb(text, fn)) };
    case 'content':
    case 'text':
      return written(parameter, fn, text, noun, free, before);
  }
}

function written(
  parameter: Parameter,
  fn: FunctionProfile,
  text: string,
  noun: string,
  free: (values: readonly string[]) => string | undefined,
  before: Before | undefined,
): Value {
  const carried = /\b(?:the (?:result|answer|output|reply)|that|it|them)\b/i.test(text)
    ? fromResult(before)
    : undefined;
  const said = content(text);
  if (carried && (said === undefined || /^(?:the (?:result|answer|output|reply)|it|that)$/i.test(said))) return carried;
  const found = said ?? free(quoted(text));
  if (found !== undefined && found !== '') return { value: found };
  if (!parameter.required || fn.verb === 'read') return some(parameter.required ? namedAfter(text, noun) : undefined);
  const rest = stripQuotes(afterVerb(text, fn));
  return rest === '' || rest === stripQuotes(text) || fn.parameters.filter((each) => each.required).length > 1
    ? undefined
    : { value: rest };
}

function titleFrom(
  fn: FunctionProfile,
  text: string,
  noun: string,
  free: (values: readonly string[]) => string | undefined,
): string | undefined {
  const byNoun = namedAfter(text, noun);
  if (byNoun) return byNoun;
  const marks = quoted(text);
  // In a text that says what to write, the only quoted text is that, not the title.
  return fn.verb === 'write' && marks.length < 2 ? undefined : free(marks);
}

function fromBefore(parameter: Parameter, text: string, before: Before | undefined, shape = /\S/): Value {
  if (!before || !refersBack(text)) return undefined;
  const same = before.arguments[parameter.name];
  if (typeof same === 'string') return { value: same };
  if (parameter.kind === 'title') return undefined;
  return before.result === undefined || shape.test(before.result) ? fromResult(before) : undefined;
}

function fromResult(before: Before | undefined): Value {
  if (!before) return undefined;
  return before.result === undefined ? { value: '', waits: true } : { value: before.result };
}

function choice(parameter: Parameter, text: string): Value {
  const options = Array.isArray(parameter.schema.enum) ? parameter.schema.enum : [parameter.schema.const];
  if (options.length === 1 && parameter.required) return { value: options[0] };
  const lower = text.toLowerCase();
  return some(options.find((option) => typeof option === 'string' && lower.includes(option.toLowerCase())));
}

/** The schema's own default; for a title, the first words of what is written under it. */
function defaultOf(parameter: Parameter, filled: Record<string, unknown>): unknown {
  if (parameter.schema.default !== undefined) return parameter.schema.default;
  if (parameter.kind === 'boolean') return false;
  if (parameter.kind === 'object') return {};
  if (parameter.kind === 'list') return [];
  const text = Object.values(filled).find((value): value is string => typeof value === 'string');
  if (parameter.kind === 'title' && text !== undefined) return wordsOf(text).slice(0, 3).join('-') || undefined;
  return undefined;
}

/** What follows the last word of the function's name that stands near the start of the text. */
function afterVerb(text: string, fn: FunctionProfile): string {
  const names = wordsOf(fn.name)
    .filter((word) => word.length > 2)
    .map(escape);
  if (names.length === 0) return text;
  const match = new RegExp(
    String.raw`^(?:\S+\s+){0,4}?(?:${names.join('|')})\b[\s:,]*(?:the |a |an |text |of |for |to )*(.*)$`,
    'is',
  ).exec(text);
  return match?.[1] ?? text;
}

function some(value: unknown): Value {
  return value === undefined || value === '' ? undefined : { value };
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
