/*
 * Removes characters that people do not see and models read. Pure.
 *
 * - It removes controls, zero-width and direction characters, fillers and tags. A lone surrogate becomes U+FFFD.
 *   Visible characters stay, and so do joiners within words of scripts that need them and within emoji.
 * - Cleaning twice gives the same text as cleaning once.
 * - No cleaned value is deeper than MAX_DEPTH.
 */

const MAX_DEPTH = 100;
const TOO_DEEP = `[deeper than ${MAX_DEPTH} levels]`;

/** Joiners that stand neither within a word nor within an emoji. */
const LONE_JOINER =
  /(?<![\p{L}\p{M}\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])[\u200c\u200d]|[\u200c\u200d](?![\p{L}\p{M}\p{Extended_Pictographic}])/gu;
const LATIN_JOINER = /(?<=[\p{ASCII}])[\u200c\u200d]|[\u200c\u200d](?=[\p{ASCII}])/gu;
/** Lone surrogates: half a character each. */
const HALF = /[\ud800-\udfff]/gu;
const UNSEEN =
  // eslint-disable-next-line no-control-regex, no-misleading-character-class -- those are what is taken out
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{e0000}-\u{e0fff}]/gu;

/** Most texts match this, and need no further search. */
const PLAIN = /^[\t\n\r\x20-\x7e]*$/;

/** The text without its invisible characters. */
export function stripControlChars(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(HALF, '\ufffd').replace(UNSEEN, '').replace(LONE_JOINER, '').replace(LATIN_JOINER, '');
}

/** Cleans every text and every key of a value. */
export function stripControlCharsIn(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return stripControlChars(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return TOO_DEEP;
  if (Array.isArray(value)) return value.map((item: unknown) => stripControlCharsIn(item, depth + 1));
  const entries = Object.entries(value).map(
    ([key, inner]) => [stripControlChars(key), stripControlCharsIn(inner, depth + 1)] as const,
  );
  return Object.fromEntries(entries);
}
