import { fieldsOf, isObject, textOf } from './json.ts';

/*
 * Reads the content of a message, as endpoints write it: a text, a list of parts, or one part. Pure.
 *
 * - Text and refusals are shown; thinking and reasoning are hidden; images, audio and unknown parts are left out.
 * - Lists may nest MAX_DEPTH deep, and at most MAX_PARTS parts are read.
 */

export interface Content {
  readonly text: string;
  /** How many characters of reasoning came with the text. */
  readonly hidden: number;
}

const MAX_DEPTH = 4;
const MAX_PARTS = 10_000;
const HIDDEN_TYPES = new Set(['thinking', 'reasoning', 'thought', 'redacted_thinking', 'reasoning_text']);

export function contentOf(value: unknown): Content {
  if (typeof value === 'string') return { text: value, hidden: 0 };
  const found = { text: [] as string[], hidden: 0, parts: 0 };
  const walk = (part: unknown, hidden: boolean, depth: number): void => {
    found.parts += 1;
    if (depth > MAX_DEPTH || found.parts > MAX_PARTS) return;
    if (typeof part === 'string') {
      if (hidden) found.hidden += part.length;
      else found.text.push(part);
    } else if (Array.isArray(part)) {
      for (const each of part) walk(each, hidden, depth + 1);
    } else if (isObject(part)) {
      const conceals = hidden || HIDDEN_TYPES.has(textOf(part['type']));
      for (const name of conceals ? HIDDEN_FIELDS : SHOWN_FIELDS) {
        if (part[name] !== undefined) walk(part[name], conceals, depth + 1);
      }
    }
  };
  walk(value, false, 0);
  return { text: found.text.join(''), hidden: found.hidden };
}

/** The fields in which a part holds its text. */
const SHOWN_FIELDS = ['text', 'refusal', 'content'] as const;
const HIDDEN_FIELDS = ['thinking', 'reasoning', 'text', 'content', 'summary'] as const;

/** The length of the reasoning beside the content, under the names that servers use. */
export function reasoningOf(message: unknown): number {
  const { reasoning_content, reasoning, thinking, reasoning_details } = fieldsOf(message);
  const texts = [reasoning_content, reasoning, thinking].filter((text) => typeof text === 'string' && text !== '');
  // Some servers send the same text under two names.
  if (texts.length > 0) return Math.max(...texts.map((text) => textOf(text).length));
  return contentOf([{ type: 'reasoning', content: reasoning_details ?? reasoning_content ?? reasoning ?? thinking }])
    .hidden;
}
