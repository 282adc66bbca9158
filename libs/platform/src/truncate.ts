/*
 * Makes values fit to be written down. Pure and total: cycles, getters that throw, huge and deep values give
 * something short and JSON-safe, never an exception.
 *
 * T1 A secret (by the name of its key, or by its look inside a string) is replaced before anything is cut.
 * T2 Keys stay; values are cut.
 */

const MAX_STRING = 500;
const MAX_DEPTH = 12;
const MAX_ENTRIES = 1_000;
const MASK = '[redacted]';

const SECRET_KEY =
  /pass(word|wd|phrase)?$|secret|token$|api[-_]?key|authorization|cookie|credential|private[-_]?key|^key$|jwt|^assertion$/i;
const SECRET_TEXT: readonly [RegExp, string][] = [
  [/\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}/gi, `$1 ${MASK}`],
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s:@/]*:[^\s@/]+@/gi, `$1${MASK}@`],
  [/\bsk-[A-Za-z0-9_-]{12,}/g, MASK],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g, MASK],
];
/** Names that end like a secret and are none: token counts of model calls. */
const HARMLESS_KEY = /^(input|output|max|total|prompt|completion|reasoning|cached)_?tokens?$/i;

/** True where a value under this key must not be shown. */
export function isSecretKey(key: string): boolean {
  return SECRET_KEY.test(key) && !HARMLESS_KEY.test(key);
}

/** Masks what looks like a credential inside a text: bearer tokens, passwords in URLs, API keys, JWTs. */
export function redactText(text: string): string {
  return SECRET_TEXT.reduce((cleaned, [pattern, mask]) => cleaned.replace(pattern, mask), text);
}

/** A copy of the value without secrets, JSON-safe, bounded in depth and entries. Strings keep their length. */
export function redactSecrets(value: unknown): unknown {
  return walk(value, redactText, 0, new Set());
}

/** A text cut at 500 characters: `value... [truncated, N chars total]`. */
export function truncateText(text: string, limit = MAX_STRING): string {
  return text.length <= limit ? text : `${text.slice(0, limit)}... [truncated, ${text.length} chars total]`;
}

/** A copy for a log: secrets masked, every string cut at 500 characters, keys kept. */
export function truncateForLog(value: unknown): unknown {
  return walk(value, (text) => truncateText(redactText(text)), 0, new Set());
}

function walk(value: unknown, onText: (text: string) => string, depth: number, seen: Set<object>): unknown {
  switch (typeof value) {
    case 'string':
      return onText(value);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      return value;
    case 'bigint':
      return value.toString();
    case 'object':
      return value === null ? null : walkObject(value, onText, depth, seen);
    default:
      return value === undefined ? undefined : `[${typeof value}]`;
  }
}

function walkObject(value: object, onText: (text: string) => string, depth: number, seen: Set<object>): unknown {
  if (seen.has(value)) return '[circular]';
  if (depth >= MAX_DEPTH) return '[too deep]';
  seen.add(value);
  try {
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (value instanceof Error) return { name: value.name, message: onText(value.message) };
    if (value instanceof Uint8Array) return `[${value.byteLength} bytes]`;
    if (Array.isArray(value)) {
      const kept = value.slice(0, MAX_ENTRIES).map((item: unknown) => walk(item, onText, depth + 1, seen));
      return value.length > MAX_ENTRIES ? [...kept, `[${value.length - MAX_ENTRIES} more]`] : kept;
    }
    const copy: Record<string, unknown> = {};
    for (const key of Object.keys(value).slice(0, MAX_ENTRIES)) {
      const inner = isSecretKey(key) ? MASK : walk(read(value, key), onText, depth + 1, seen);
      // defineProperty: a key such as __proto__ is data here, nothing else.
      Object.defineProperty(copy, key, { value: inner, enumerable: true, writable: true, configurable: true });
    }
    return copy;
  } finally {
    seen.delete(value);
  }
}

function read(value: object, key: string): unknown {
  try {
    return (value as Record<string, unknown>)[key];
  } catch {
    return '[unreadable]';
  }
}
