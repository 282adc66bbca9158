/*
 * Makes values fit to be written down. Pure and total: cycles, getters and proxies that throw, huge and deep
 * values give something short and JSON-safe, never an exception.
 *
 * - A secret (by the name of its key, or by its look inside a string) is replaced before anything is cut.
 * - Keys stay (cut at 200 characters, and masked where they hold a secret); values are cut.
 * - The time is linear in what is kept: every pattern has a bounded length, a value a bounded number of nodes.
 */

/** A string in a log has at most this many characters. */
export const LOG_STRING_LIMIT = 500;
const MAX_DEPTH = 12;
const MAX_ENTRIES = 1_000;
const MAX_NODES = 20_000;
/** How far redaction reads beyond the cut, so that it sees a secret that begins before the cut in full. */
const LOOKAHEAD = 4_096;
const MASK = '[redacted]';

const SECRET_KEY =
  /passw(or)?ds?$|pwd$|passphrase|(^|[^a-z])pass$|secret|token$|api[-_]?key|access[-_]?key$|authorization|cookie|credential|private[-_]?key|^key$|jwt|^assertion$/i;
/** Endings of names whose value is a secret. */
const SECRET_NAME = String.raw`[\w-]{0,40}(?:passw(?:or)?d|passphrase|pwd|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credentials?)`;
const SECRET_TEXT: readonly [RegExp, string][] = [
  [/\b(bearer|basic)\s{1,20}[a-z0-9._~+/=-]{8,}/gi, `$1 ${MASK}`],
  [/(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/?#@]{0,1000}@(?:[^\s/?#@]{0,1000}@)*/gi, `$1${MASK}@`],
  [
    /([?&](?:access_token|id_token|refresh_token|token|api[-_]?key|key|secret|password|sig|signature)=)[^&\s#"']+/gi,
    `$1${MASK}`,
  ],
  // NAME=value, as in an environment or a connection string.
  [new RegExp(String.raw`(?<![\w-])(${SECRET_NAME}=["']?)[^\s"'&,;]+`, 'gi'), `$1${MASK}`],
  // "name": "value" inside a text, plain or escaped once more.
  [new RegExp(String.raw`("(?:${SECRET_NAME}|authorization)"\s{0,5}:\s{0,5}")(?:[^"\\]|\\[^])+`, 'gi'), `$1${MASK}`],
  [
    new RegExp(String.raw`(\\"(?:${SECRET_NAME}|authorization)\\"\s{0,5}:\s{0,5}\\")(?:[^"\\]|\\(?!"))+`, 'gi'),
    `$1${MASK}`,
  ],
  [/(?<![\w-])((?:x-api-key|(?:proxy-)?authorization)\s{0,3}:\s{0,3})[^\s"',;]{10,}/gi, `$1${MASK}`],
  [
    /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:[\w+/=\s\\]|-(?!----))*(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?/g,
    MASK,
  ],
  [/\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-)[\w-]{10,}/g, MASK],
  [/\b(?:A[KS]IA[A-Z0-9]{16}|AIza[\w-]{30,})/g, MASK],
  [/\bsk-[A-Za-z0-9_-]{12,}/g, MASK],
  [/(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?/g, MASK],
];
/** Every pattern above needs one of these; most texts have none. */
const SUSPICIOUS =
  /[=@"]|bearer|basic|x-api-key|authorization|PRIVATE KEY|gh[pousr]_|github_pat_|glpat-|xox|A[KS]IA|AIza|sk-|eyJ/i;
/** Shorter keys cannot hold a secret, and are most of them. */
const MAX_PLAIN_KEY = 14;
const MAX_KEY = 200;
/** Names that end like a secret and are none: token counts of model calls. */
const HARMLESS_KEY = /^(input|output|max|total|prompt|completion|reasoning|cached)_?tokens?$/i;

/** Names are few and come again and again: what was found of one is kept, up to a bound. */
const KNOWN_KEYS = new Map<string, boolean>();
const MAX_KNOWN_KEYS = 2_000;
const MAX_KNOWN_KEY = 64;

/** True where a value under this key must not be shown. */
export function isSecretKey(key: string): boolean {
  const known = KNOWN_KEYS.get(key);
  if (known !== undefined) return known;
  const secret = SECRET_KEY.test(key) && !HARMLESS_KEY.test(key);
  if (key.length > MAX_KNOWN_KEY) return secret;
  if (KNOWN_KEYS.size >= MAX_KNOWN_KEYS) KNOWN_KEYS.clear();
  KNOWN_KEYS.set(key, secret);
  return secret;
}

/** Masks what looks like a credential inside a text: bearer tokens, user info in URLs, API keys, JWTs, passwords by name. */
export function redactText(text: string): string {
  if (!SUSPICIOUS.test(text)) return text;
  return SECRET_TEXT.reduce((cleaned, [pattern, mask]) => cleaned.replace(pattern, mask), text);
}

/** A copy of the value without secrets, JSON-safe, bounded in depth and entries. Strings keep their length. */
export function redactSecrets(value: unknown): unknown {
  return walk(value, 0, { onText: redactText, seen: new Set(), nodes: 0 });
}

/** A text cut at 500 characters: `value... [truncated, N chars total]`. */
export function truncateText(text: string, limit = LOG_STRING_LIMIT): string {
  return text.length <= limit ? text : cut(text, limit, text.length);
}

/** A text for a log: masked, then cut. Of a huge text only its beginning is looked at. */
export function redactAndCut(text: string, limit = LOG_STRING_LIMIT): string {
  if (text.length <= limit + LOOKAHEAD) {
    const clean = redactText(text);
    return clean.length <= limit ? clean : cut(clean, limit, text.length);
  }
  return cut(redactText(text.slice(0, limit + LOOKAHEAD)), limit, text.length);
}

function cut(text: string, limit: number, total: number): string {
  return `${text.slice(0, limit)}... [truncated, ${total} chars total]`;
}

/** A copy for a log: secrets masked, every string cut at 500 characters, keys kept. */
export function truncateForLog(value: unknown): unknown {
  return walk(value, 0, { onText: redactAndCut, seen: new Set(), nodes: 0 });
}

interface Walk {
  readonly onText: (text: string) => string;
  /** The objects on the way from the root to here. */
  readonly seen: Set<object>;
  nodes: number;
}

function walk(value: unknown, depth: number, state: Walk): unknown {
  switch (typeof value) {
    case 'string':
      return state.onText(value);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      return value;
    case 'bigint':
      return value.toString();
    case 'object':
      return value === null ? null : walkObject(value, depth, state);
    default:
      return value === undefined ? undefined : `[${typeof value}]`;
  }
}

function walkObject(value: object, depth: number, state: Walk): unknown {
  if (state.seen.has(value)) return '[circular]';
  if (depth >= MAX_DEPTH) return '[too deep]';
  state.seen.add(value);
  try {
    return copyOf(value, depth, state);
  } catch {
    return '[unreadable]';
  } finally {
    state.seen.delete(value);
  }
}

function copyOf(value: object, depth: number, state: Walk): unknown {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof Error) return { name: String(value.name), message: state.onText(String(value.message)) };
  if (value instanceof URL) return state.onText(value.href);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Map || value instanceof Set) return `[${value.size} entries]`;
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    for (let index = 0; index < value.length; index += 1) {
      if (index >= MAX_ENTRIES || (state.nodes += 1) > MAX_NODES) {
        items.push(`[${value.length - index} more]`);
        break;
      }
      items.push(walk(read(value, index), depth + 1, state));
    }
    return items;
  }
  const copy: Record<string, unknown> = {};
  const keys = Object.keys(value);
  for (const [index, key] of keys.entries()) {
    if (index >= MAX_ENTRIES || (state.nodes += 1) > MAX_NODES) {
      copy['...'] = `[${keys.length - index} more]`;
      break;
    }
    const inner = isSecretKey(key) ? MASK : walk(read(value, key), depth + 1, state);
    const shown = key.length <= MAX_PLAIN_KEY ? key : redactAndCut(key, MAX_KEY);
    if (shown !== '__proto__') copy[shown] = inner;
    // Data here, as every other key.
    else Object.defineProperty(copy, shown, { value: inner, enumerable: true, writable: true, configurable: true });
  }
  return copy;
}

function read(value: object, key: string | number): unknown {
  try {
    return (value as Record<string | number, unknown>)[key];
  } catch {
    return '[unreadable]';
  }
}
