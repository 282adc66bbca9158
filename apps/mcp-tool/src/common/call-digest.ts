import { sha256 } from '@switchyard/contracts';
import { truncateForLog } from '@switchyard/platform';

/** The ledger shows at most this many characters of arguments to people. */
const MAX_SHOWN_CHARS = 8_000;

/** JSON with sorted keys and no spaces (RFC 8785 for what JSON.parse gives): one text for one value. Pure. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
}

/** The digest of arguments: two calls of a tool with the same digest are the same call. Pure. */
export function digestOf(args: Readonly<Record<string, unknown>>): string {
  return sha256(canonicalJson(args));
}

/** Arguments as people may read them: no secrets, long texts cut, bounded as a whole. Pure. */
export function shownArguments(args: Readonly<Record<string, unknown>>): unknown {
  const shown = truncateForLog(args);
  const text = JSON.stringify(shown) ?? '{}';
  return text.length <= MAX_SHOWN_CHARS ? shown : { truncated: true, beginning: text.slice(0, MAX_SHOWN_CHARS) };
}
