import type { RunEvent } from './run-events.ts';

/*
 * What is larger than a message may be is cut, the same way for every reader. The journal keeps the whole.
 *
 * - A value that fits is given back as it is, the very same object.
 * - A value that is cut keeps its shape: texts become shorter, lists lose their ends, large objects their last keys.
 * - The value fits afterwards, whatever it was.
 */

/** The largest data of an event outside the journal, in bytes of JSON. Two of these and more fit one message. */
export const MAX_EVENT_DATA_BYTES = 400_000;

interface Limits {
  /** Characters of a text or a key. */
  readonly text: number;
  /** Items of a list, keys of an object. */
  readonly items: number;
  /** Values in all. */
  readonly values: number;
}

const STEPS: readonly Limits[] = [
  { text: 64_000, items: 50_000, values: 100_000 },
  { text: 16_000, items: 10_000, values: 50_000 },
  { text: 4_000, items: 2_000, values: 20_000 },
  { text: 1_000, items: 500, values: 10_000 },
  { text: 250, items: 100, values: 5_000 },
  { text: 60, items: 64, values: 1_000 },
  { text: 60, items: 16, values: 100 },
];

/** The value, cut where its JSON is longer than `maxBytes` (at least 100,000). */
export function fit<T>(value: T, maxBytes: number): T {
  if (surelyFits(value, maxBytes) || bytesOf(value) <= maxBytes) return value;
  for (const limits of STEPS) {
    const shorter = cut(value, limits, { left: limits.values });
    if (bytesOf(shorter) <= maxBytes) return shorter as T;
  }
  return null as T; // not reached by what is at most 100 values of 60 characters
}

/** The event as readers outside the journal get it. */
export function fitEvent<E extends RunEvent>(event: E): E {
  const data = fit(event.data, MAX_EVENT_DATA_BYTES);
  return data === event.data ? event : { ...event, data };
}

function cut(value: unknown, limits: Limits, room: { left: number }): unknown {
  room.left -= 1;
  if (typeof value === 'string') return cutText(value, limits.text);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const kept: unknown[] = [];
    for (const item of value.slice(0, limits.items) as unknown[]) {
      if (room.left <= 0) break;
      kept.push(cut(item, limits, room));
    }
    return kept;
  }
  const kept: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value).slice(0, limits.items)) {
    if (room.left <= 0) break;
    kept[key.length <= limits.text ? key : cutText(key, limits.text)] = cut(inner, limits, room);
  }
  return kept;
}

function cutText(text: string, length: number): string {
  if (text.length <= length) return text;
  const end = /[\uD800-\uDBFF]/.test(text[length - 1] ?? '') ? length - 1 : length;
  return `${text.slice(0, end)}… [cut, ${text.length} characters in all]`;
}

/** The most bytes of a value beside its characters: the longest number, and its separators. */
const VALUE_BYTES = 30;
/** The longest escape of one character. */
const ESCAPED_BYTES = 6;

/** True where the value fits even if every character of it were escaped; cheaper than its JSON. */
function surelyFits(value: unknown, maxBytes: number): boolean {
  const open: object[] = [];
  let size = 0;
  const count = (one: unknown): void => {
    size += VALUE_BYTES;
    if (typeof one === 'string') size += one.length * ESCAPED_BYTES;
    else if (typeof one === 'object' && one !== null) open.push(one);
  };
  count(value);
  for (let one = open.pop(); one !== undefined && size <= maxBytes; one = open.pop()) {
    if (Array.isArray(one)) for (const item of one as unknown[]) count(item);
    else {
      for (const key of Object.keys(one)) {
        size += key.length * ESCAPED_BYTES;
        count((one as Record<string, unknown>)[key]);
      }
    }
  }
  return size <= maxBytes;
}

const encoder = new TextEncoder();

function bytesOf(value: unknown): number {
  const text = JSON.stringify(value) ?? '';
  return text.length <= SHORT ? text.length : encoder.encode(text).byteLength;
}

/** A text of so many characters fits any limit, whatever their bytes: at most three each. */
const SHORT = 30_000;
