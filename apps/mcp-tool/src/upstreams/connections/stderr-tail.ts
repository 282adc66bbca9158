import { redactText } from '@switchyard/platform';
import { stripControlChars } from '../../common/index.ts';

/*
 * The last lines of a process's standard error, to explain why the process is not there.
 *
 * - The tail is a few short lines, whatever the process writes. They are cleaned when they are read, so that keeping a
 *   line costs next to nothing.
 * - The lines hold no secret: neither text that looks like one, nor the value of a variable that the process was given.
 * - The lines hold no control sequences of a terminal.
 */

const MAX_LINES = 5;
const MAX_CHARS = 300;
/** A longer line is not shown at all: a cut could leave half a secret unrecognised. */
const MAX_RAW_CHARS = 2_000;
/** A shorter value would match in ordinary words. */
const MIN_SECRET_CHARS = 4;

export class StderrTail {
  readonly #secrets: readonly string[];
  #lines: string[] = [];

  /** `given`: the values of its variables. */
  constructor(given: readonly (string | undefined)[]) {
    const secrets = given.filter((value) => value !== undefined && value.length >= MIN_SECRET_CHARS) as string[];
    this.#secrets = secrets.sort((a, b) => b.length - a.length);
  }

  get lines(): readonly string[] {
    return this.#lines.map((line) => this.#cleaned(line).trim().slice(0, MAX_CHARS)).filter((line) => line !== '');
  }

  hear(line: string): void {
    if (line.length > MAX_RAW_CHARS) this.#keep(`(a line of ${line.length} characters)`);
    else if (line.trim() !== '') this.#keep(line);
  }

  ended(code: number | null, signal: string | null): void {
    this.#keep(`(it ended ${code === null ? `by ${signal ?? 'a signal'}` : `with exit code ${code}`})`);
  }

  /** The line without the values of variables, other secrets and control characters. */
  #cleaned(line: string): string {
    const known = this.#secrets.reduce((text, secret) => text.replaceAll(secret, '***'), line);
    return redactText(stripControlChars(known)).replace(/[\t\r\n]+/g, ' ');
  }

  /** Keeps the line; where there are too many, the oldest one goes. */
  #keep(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > MAX_LINES) this.#lines.shift();
  }
}
