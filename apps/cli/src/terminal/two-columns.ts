import { oneLine } from './event-line.ts';
import type { Paint, Tone } from './paint.ts';

/** Events at two ends, each in its column, in the order of observation. Pure. */

export type End = 'here' | 'there';

const TIME_WIDTH = 9;
const LEAST_WIDTH = 36;

/** Characters of one column where the terminal has `columns`. */
export function columnWidth(columns: number | undefined): number {
  return Math.max(LEAST_WIDTH, Math.floor(((columns ?? 150) - TIME_WIDTH - 5) / 2));
}

export function titleLine(here: string, there: string, width: number, paint: Paint): string {
  const cells = [here, there].map((text) => paint('bold', fitted(text, width)));
  return `${' '.repeat(TIME_WIDTH)}  ${cells[0]} | ${cells[1]}`.trimEnd();
}

/** One line: the event at `end`, `ms` after the start. */
export function columnLine(end: End, text: string, ms: number, width: number, paint: Paint, tone: Tone): string {
  const time = paint('dim', `${(ms / 1000).toFixed(2)}s`.padStart(TIME_WIDTH));
  const cell = paint(tone, fitted(text, width));
  const line = end === 'here' ? `${time}  ${cell} |` : `${time}  ${' '.repeat(width)} | ${cell}`;
  return line.trimEnd();
}

function fitted(text: string, width: number): string {
  const flat = oneLine(text, Number.POSITIVE_INFINITY);
  return (flat.length > width ? `${flat.slice(0, width - 3)}...` : flat).padEnd(width);
}
