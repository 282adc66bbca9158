import { fillArguments } from './arguments.ts';
import type { Before } from './arguments.ts';
import { findArithmetic } from './arithmetic.ts';
import type { MadeCall } from './conversation.ts';
import { places, quotedSpans, refersBack, stripQuotes } from './extract.ts';
import type { FunctionProfile } from './functions.ts';
import { stem, topicWords, verbClass, wordsOf } from './vocabulary.ts';

export const DELEGATE_PREFIX = 'delegate_to_';
export const SUBMIT_PLAN = 'submit_plan';

export interface ResolvedCall {
  fn: FunctionProfile;
  arguments: Record<string, unknown>;
  waits: boolean;
  /** The words that asked for it. */
  text: string;
}

/** One asked-for call and what came of it, where it was made. */
export interface PlanItem {
  call: ResolvedCall;
  made: MadeCall | undefined;
}

const THRESHOLD = 3;

/**
 * The calls that one part of a task asks for: the best fitting offered function with its arguments;
 * several calls of it where the part names several places; none where nothing fits well enough.
 */
export function resolve(text: string, functions: readonly FunctionProfile[], before?: Before): ResolvedCall[] {
  const delegation = resolveDelegation(text, functions);
  if (delegation) return [delegation];
  const asked = withoutMaterial(text);
  const topics = topicWords(asked);
  const verb = wordsOf(asked)
    .map(verbClass)
    .find((found) => found !== undefined);
  let best: (ResolvedCall & { score: number }) | undefined;
  for (const fn of functions) {
    if (fn.name === SUBMIT_PLAN || fn.name.startsWith(DELEGATE_PREFIX)) continue;
    const score = scoreOf(fn, asked, topics, verb) + backReference(fn, asked, verb, before);
    if (score < THRESHOLD || (best && best.score >= score)) continue;
    const filled = fillArguments(fn, text, before);
    if (filled) best = { fn, arguments: filled.arguments, waits: filled.waits, text, score };
  }
  return best ? onePerPlace(best) : [];
}

/** The text without quotations and dictated material, which hold no request. */
function withoutMaterial(text: string): string {
  let asked = text;
  for (const [start, end] of quotedSpans(text))
    asked = asked.slice(0, start) + ' '.repeat(end - start) + asked.slice(end);
  asked = asked.replace(/\b(?:(?:that|which) (?:says|reads|states)|saying|says|containing)\b.*$/is, ' ');
  return /[\p{L}\p{N}]/u.test(asked) ? asked : text;
}

/** "read it back": a function that does what the verb says, with the result of the part before. */
function backReference(
  fn: FunctionProfile,
  text: string,
  verb: ReturnType<typeof verbClass>,
  before: Before | undefined,
): number {
  if (!before || verb === undefined || fn.verb !== verb || !refersBack(text)) return 0;
  return fn.parameters.some(({ name, required }) => required && name in before.arguments) ? THRESHOLD : 0;
}

/** How well a function fits, from the words of its name, description and parameters. */
function scoreOf(
  fn: FunctionProfile,
  text: string,
  topics: ReadonlySet<string>,
  verb: ReturnType<typeof verbClass>,
): number {
  let named = 0;
  let described = 0;
  let parameters = 0;
  for (const topic of topics) {
    if (fn.nameWords.has(topic)) named += verbClass(topic) && topic !== 'note' ? 1 : 3;
    else if (fn.descriptionWords.has(topic)) described += 1;
    else if (fn.parameterWords.has(topic)) parameters += 1;
  }
  let score = named + Math.min(described, 2) + Math.min(parameters, 2);
  if (text.includes(fn.name)) score += 10;
  if (verb && fn.verb && verb !== fn.verb && fn.nameWords.size > 1) score -= 3;
  for (const { kind, required } of fn.parameters) {
    if (!required) continue;
    if (kind === 'arithmetic' && findArithmetic(text)) score += 4;
    if (kind === 'place' && named + described > 0 && places(text).length > 0) score += 2;
    if (kind === 'email' && text.includes('@')) score += 2;
    if (kind === 'url' && /https?:\/\//.test(text)) score += 2;
  }
  return score;
}

function onePerPlace(call: ResolvedCall): ResolvedCall[] {
  const parameter = call.fn.parameters.find(({ kind, required }) => kind === 'place' && required);
  const found = parameter ? places(call.text) : [];
  if (!parameter || found.length < 2) return [call];
  return found.map((place) => ({ ...call, arguments: { ...call.arguments, [parameter.name]: place } }));
}

/** "ask the mock agent to X", "delegate X to the mock agent": the function `delegate_to_mock_agent` with X. */
function resolveDelegation(text: string, functions: readonly FunctionProfile[]): ResolvedCall | undefined {
  if (!/\b(?:ask|tell|have|let|get|use|delegate|hand|send|forward|give)\b|^@|\bagent\b/i.test(text)) return undefined;
  for (const fn of functions) {
    if (!fn.name.startsWith(DELEGATE_PREFIX)) continue;
    const words = fn.name.slice(DELEGATE_PREFIX.length).split('_').filter(Boolean);
    const agent = String.raw`@?(?:the |our |my |an? )?${words.join(String.raw`[\s_-]*`)}(?: agent)?`;
    const task =
      new RegExp(
        String.raw`\b(?:ask|tell|have|let|get|use|instruct)\s+${agent}[\s,:]+(?:to |for |please |that |if |whether )*(.+)$`,
        'is',
      ).exec(text)?.[1] ??
      new RegExp(
        String.raw`\b(?:delegate|hand(?: over)?|send|forward|give)\s+(?:this |the task )?(?:to\s+)?${agent}\s*(?:to |:|,)\s*(.+)$`,
        'is',
      ).exec(text)?.[1] ??
      new RegExp(
        String.raw`\b(?:delegate|hand(?: over)?|send|forward|give)\s+(.+?)\s+to\s+${agent}\s*[.!?]*$`,
        'is',
      ).exec(text)?.[1] ??
      new RegExp(String.raw`^${agent}\s*[,:]\s*(.+)$`, 'is').exec(text)?.[1];
    if (task) return { fn, arguments: taskArgument(fn, task), waits: false, text };
  }
  return undefined;
}

function taskArgument(fn: FunctionProfile, task: string): Record<string, unknown> {
  const parameter = fn.parameters.find(({ kind }) => kind === 'task') ?? fn.parameters[0];
  const trimmed = task.trim();
  return {
    [parameter?.name ?? 'task']: /^["“'`]/.test(trimmed) ? stripQuotes(trimmed) : trimmed.replace(/[.\s]+$/, ''),
  };
}

/** Words of `text` that point to a function by name, for hints in an answer. */
export function mentions(text: string, fn: FunctionProfile): boolean {
  return wordsOf(text).some((word) => fn.nameWords.has(stem(word)) && !verbClass(word));
}
