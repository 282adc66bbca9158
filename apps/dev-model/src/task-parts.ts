import { quotedSpans } from './extract.ts';

/** A task in the order in which its parts are to be done. */
export interface TaskParts {
  parts: string[];
  /** "first … then …", "step by step": a part may stand on the one before. */
  sequential: boolean;
}

const HARD_CUT =
  /(?<=[.?!])\s+(?=\S)|\s*;\s*|\s*\n+\s*|,?\s+(?:and\s+)?(?:then|after that|afterwards|finally)[,\s]+/giu;
const SOFT_CUT = /,?\s+and\s+(?:also\s+)?|,\s+(?:also\s+)?/giu;
const OPENING =
  /^(?:(?:first(?:ly)?|second(?:ly)?|third(?:ly)?|next|then|finally|lastly|also|and|step \d+|\d+[.)])[,:]?\s+)+/i;

function isSequential(task: string): boolean {
  return /\bfirst\b[\s\S]*\bthen\b|\bstep by step\b|[,.;\s]\s*(?:and )?then\b|\bafter that\b/i.test(task);
}

/**
 * Cuts a task into parts: at sentences and "then", and at "and" or a comma only where each side is a task of its
 * own by `stands` (so "buy milk and eggs" stays whole). Nothing is cut within quotation marks.
 */
export function splitTask(task: string, stands: (text: string, before?: string) => boolean): TaskParts {
  const parts: string[] = [];
  for (const sentence of cut(task, HARD_CUT)) {
    const before = parts.at(-1);
    if (before !== undefined && continuesDictation(before, sentence) && !stands(sentence, before)) {
      parts[parts.length - 1] = `${before} ${sentence}`;
      continue;
    }
    let rest = opened(sentence);
    for (const at of cutPoints(rest, SOFT_CUT, 24)) {
      const offset = sentenceOffset(rest, at);
      if (offset === undefined) continue;
      const left = rest.slice(offset.from, at.index);
      const right = rest.slice(at.end);
      if (!stands(left, parts.at(-1)) || !stands(right, left)) continue;
      parts.push(left.trim());
      rest = ' '.repeat(at.end) + right;
    }
    const last = opened(rest.trim());
    if (last !== '') parts.push(last);
  }
  return { parts: parts.slice(0, 24), sequential: isSequential(task) };
}

/** "… this: the sun rose. It was warm.": a further sentence of what was dictated, unless it is a question. */
function continuesDictation(before: string, sentence: string): boolean {
  if (!/[.!]$/.test(before) || /\?$|^(?:what|how|who|where|when|why|which)\b/i.test(sentence)) return false;
  return /:\s|\b(?:says|saying|reads|summari[sz]e)\b/i.test(before);
}

/** The blank head stands for text that is a part already, so that offsets stay those of the sentence. */
function sentenceOffset(rest: string, at: { index: number }): { from: number } | undefined {
  const from = rest.search(/\S/);
  return from < 0 || at.index <= from ? undefined : { from };
}

function opened(text: string): string {
  return text.replace(OPENING, '');
}

function cut(text: string, pattern: RegExp): string[] {
  const pieces: string[] = [];
  let from = 0;
  for (const point of cutPoints(text, pattern, 64)) {
    pieces.push(text.slice(from, point.index));
    from = point.end;
  }
  pieces.push(text.slice(from));
  return pieces.map((piece) => piece.trim()).filter((piece) => piece !== '');
}

function cutPoints(text: string, pattern: RegExp, limit: number): { index: number; end: number }[] {
  const spans = quotedSpans(text);
  const points: { index: number; end: number }[] = [];
  for (const match of text.matchAll(pattern)) {
    if (points.length >= limit) break;
    if (spans.some(([start, end]) => match.index > start && match.index < end)) continue;
    points.push({ index: match.index, end: match.index + match[0].length });
  }
  return points;
}
