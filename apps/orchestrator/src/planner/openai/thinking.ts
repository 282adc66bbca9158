/*
 * Removes reasoning that a model writes into its answer between marks. Servers without a parser for it pass it on as
 * text.
 *
 * - Marks count only at the beginning of the answer, and again right after a reasoning: an answer may mention them.
 * - A mark is found even if it is split over pieces. Text is held back only until it can be told from a mark.
 * - Reasoning without an end mark is hidden to the end.
 */

const MARKS: readonly (readonly [open: string, close: string])[] = [
  ['<think>', '</think>'],
  ['<thinking>', '</thinking>'],
  ['<thought>', '</thought>'],
  ['<reasoning>', '</reasoning>'],
  ['[THINK]', '[/THINK]'],
  ['<seed:think>', '</seed:think>'],
  ['◁think▷', '◁/think▷'],
  ['<|channel|>analysis<|message|>', '<|channel|>final<|message|>'],
  ['<|channel|>final<|message|>', ''],
];

export class ThinkingFilter {
  /** Number of hidden characters. */
  hidden = 0;
  #close: string | null = null;
  #plain = false;
  #thought = false;
  /** At the beginning: a possible mark. Within reasoning: the possible beginning of its end mark. */
  #held = '';

  /** Takes a piece; returns the part that people may see. */
  push(piece: string): string {
    if (this.#plain || piece === '') return piece;
    this.#held += piece;
    for (;;) {
      if (this.#close !== null) {
        if (!this.#skip(this.#close)) return '';
        continue;
      }
      const text = this.#held.trimStart();
      const mark = MARKS.find(([open]) => text.startsWith(open));
      if (mark) {
        this.hidden += mark[0].length;
        this.#thought = true;
        this.#held = text.slice(mark[0].length);
        this.#close = mark[1];
        continue;
      }
      if (MARKS.some(([open]) => open.startsWith(text))) return '';
      return this.end();
    }
  }

  /** Ends the answer; returns the text that was held back. */
  end(): string {
    if (this.#plain || this.#close !== null) return '';
    this.#plain = true;
    return this.#thought ? this.#held.trimStart() : this.#held;
  }

  /** Hides up to the end mark of the reasoning; false if it has not arrived yet. */
  #skip(close: string): boolean {
    const at = this.#held.indexOf(close);
    const gone = at < 0 ? Math.max(0, this.#held.length - close.length + 1) : at + close.length;
    this.hidden += gone;
    this.#held = this.#held.slice(gone);
    if (at >= 0) this.#close = null;
    return at >= 0;
  }
}

/** A line that ends a reasoning whose beginning was part of the prompt, as in some models' templates. */
const ORPHANED_END = /(?:^|\n)[ \t]*<\/think>[ \t]*(?:\n|$)/;

/** Removes a reasoning of which only the end mark was written. */
export function withoutOrphanedReasoning(text: string): string {
  const found = ORPHANED_END.exec(text);
  if (!found || text.slice(0, found.index).includes('```')) return text;
  return text.slice(found.index + found[0].length).trimStart();
}
