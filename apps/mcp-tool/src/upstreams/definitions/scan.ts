import { stripControlChars } from '../../common/index.ts';

/*
 * Scans an untrusted tool's definition for attempts to manipulate its reader. Pure. It finds known tricks and proves
 * nothing: a person decides, and the findings say where to look.
 */

/** The parts of a definition that a model reads. */
export interface Definition {
  readonly name: string;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly inputSchema: unknown;
  readonly outputSchema?: unknown;
  readonly annotations?: unknown;
}

const COMMANDS: readonly [RegExp, string][] = [
  [
    /<\s*\/?\s*(important|system|instructions?|secret|admin|assistant|hidden)\b[^>]{0,100}>/i,
    'holds a tag that addresses a model',
  ],
  [/<\|[a-z_]{1,30}\|>/i, 'holds a control token of a model'],
  [
    /\b(ignore|disregard|forget)\b.{0,30}\b(previous|prior|above|earlier|other)\b.{0,30}\b(instruction|prompt|rule|tool)s?/i,
    'tells to ignore instructions',
  ],
  [
    /\b(do not|don't|never)\b.{0,20}\b(tell|mention|inform|reveal|notify|show)\b.{0,30}\b(the )?(user|human|person)/i,
    'tells to keep something from the user',
  ],
];

/** The most characters of a definition that are scanned; a longer one is a finding of its own. */
const MAX_TEXT = 256 * 1024;
const MAX_DEPTH = 64;
const MAX_NODES = 20_000;

/**
 * Why a person should review this definition before its first use; empty: no findings. `others`: names of the tools of
 * other providers.
 */
export function scanDefinition(definition: Definition, others: readonly string[]): string[] {
  const texts: string[] = [];
  const whole = collect(definition, texts);
  const text = texts.join('\n');
  const reasons = COMMANDS.filter(([pattern]) => pattern.test(text)).map(([, reason]) => reason);
  if (stripControlChars(text) !== text) reasons.unshift('holds hidden characters');
  if (!whole || text.length > MAX_TEXT) reasons.push('is too large to be looked at');
  const words = new Set(text.match(/[A-Za-z0-9_.-]{3,128}/g)?.map((word) => word.replace(/[.-]+$/, '')) ?? []);
  // A plain word such as `search` names many tools and proves nothing.
  const named = others.filter((other) => other !== definition.name && /[^a-z]/.test(other) && words.has(other));
  if (named.length > 0) reasons.push(`names tools of others: ${named.slice(0, 5).join(', ')}`);
  return reasons;
}

/** All texts of a value, keys too. False where it is deeper or larger than any honest definition. */
function collect(value: unknown, into: string[], depth = 0, count = { nodes: 0 }): boolean {
  count.nodes += 1;
  if (depth > MAX_DEPTH || count.nodes > MAX_NODES) return false;
  if (typeof value === 'string') into.push(value);
  else if (Array.isArray(value)) return value.every((item) => collect(item, into, depth + 1, count));
  else if (typeof value === 'object' && value !== null)
    return Object.entries(value).every(([key, item]) => {
      into.push(key);
      return collect(item, into, depth + 1, count);
    });
  return true;
}
