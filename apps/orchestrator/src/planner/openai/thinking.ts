/*
 * Reasoning that a model writes into its answer, between marks. Servers without a parser for it hand it on as text.
 *
 * - Marks count at the beginning of the answer alone, and again right after a reasoning: an answer may speak of them.
 * - A mark is found also where it is split over pieces. Nothing is held back for longer than it takes to tell.
 * - Reasoning that does not end is hidden to the end.
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
  /** Characters that were hidden. */
  hidden = 0;
  #close: string | null = null;
  #plain = false;
  #thought = false;
  /** At the beginning: what may yet be a mark. Within reasoning: what may be the beginning of its end. */
  #held = '';

  /** Takes a piece; gives what of it people may see. */
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

  /** The answer is over; gives what was held back. */
  end(): string {
    if (this.#plain || this.#close !== null) return '';
    this.#plain = true;
    return this.#thought ? this.#held.trimStart() : this.#held;
  }

  /** Hides up to the end of the reasoning; false where it has not come yet. */
  #skip(close: string): boolean {
    const at = this.#held.indexOf(close);
    const gone = at < 0 ? Math.max(0, this.#held.length - close.length + 1) : at + close.length;
    this.hidden += gone;
    this.#held = this.#held.slice(gone);
    if (at >= 0) this.#close = null;
    return at >= 0;
  }
}

/** A line that ends a reasoning whose beginning was part of the prompt, as the templates of some models have it. */
const ORPHANED_END = /(?:^|\n)[ \t]*<\/think>[ \t]*(?:\n|$)/;

/** The answer without a reasoning whose end alone was written. */
export function withoutOrphanedReasoning(text: string): string {
  const found = ORPHANED_END.exec(text);
  if (!found || text.slice(0, found.index).includes('```')) return text;
  return text.slice(found.index + found[0].length).trimStart();
}
