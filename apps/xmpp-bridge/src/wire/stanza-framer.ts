import { type TagKind, TagScanner } from './tag-scanner.ts';

/*
 * Cuts the text of one XML stream into whole stanzas, before parsing.
 *
 * - A stanza over the limits is reported once and skipped: no part of it is kept, however long it is.
 * - `maxStanzaChars` limits the memory, `maxSkippedChars` the work for a stanza without end.
 * - The reports do not depend on where the text is cut.
 */

export interface FrameLimits {
  readonly maxStanzaChars: number;
  /** Counts the stream element itself. */
  readonly maxDepth: number;
  readonly maxSkippedChars: number;
}

export interface FrameListener {
  /** The start tag of the stream, one whole stanza, or the end tag of the stream. */
  onFrame(text: string): void;
  /** `head`: the start tag of the stanza; empty if it is too long to be kept. Its rest is skipped. */
  onTooLarge(why: 'depth' | 'size', head: string): void;
  onInvalid(why: string): void;
}

const MAX_HEAD_CHARS = 16_384;

export class StanzaFramer {
  readonly #scanner = new TagScanner();
  /** The number of open elements. */
  #depth = 0;
  /** The parts of the current stanza in earlier pieces. */
  #held: string[] = [];
  /** The characters of the current stanza in earlier pieces. */
  #chars = 0;
  #head = '';
  #skipping = false;
  #over = false;

  readonly #listener: FrameListener;
  readonly #limits: FrameLimits;

  constructor(listener: FrameListener, limits: FrameLimits) {
    this.#listener = listener;
    this.#limits = limits;
  }

  write(text: string): void {
    /** Where the current stanza begins in this piece. */
    let from = this.#skipGap(text, 0);
    for (let at = from; at < text.length && !this.#over;) {
      const tag = this.#scanner.next(text, at);
      at = tag?.end ?? text.length;
      if (tag?.kind === 'open' && this.#depth === 1) this.#keepHead(text.slice(from, at));
      this.#check(this.#chars + at - from, this.#depth + (tag?.kind === 'open' || tag?.kind === 'empty' ? 1 : 0));
      if (!tag || this.#over || !this.#ends(tag.kind)) continue;
      if (tag.kind !== 'other') this.#frame(text.slice(from, at));
      this.#forget();
      from = at = this.#skipGap(text, at);
    }
    if (!this.#skipping && !this.#over) this.#held.push(text.slice(from));
    this.#chars += text.length - from;
  }

  /** Ends all reports. */
  close(): void {
    this.#over = true;
    this.#forget();
  }

  /** Text between stanzas has no meaning and is not kept. */
  #skipGap(text: string, from: number): number {
    if (this.#depth > 1 || !this.#scanner.inText) return from;
    const found = text.indexOf('<', from);
    const to = found < 0 ? text.length : found;
    if (this.#depth === 0 && text.slice(from, to).trim() !== '') this.#invalid('text stands outside of the stream');
    return to;
  }

  #keepHead(piece: string): void {
    if (this.#skipping || this.#chars + piece.length > MAX_HEAD_CHARS) return;
    this.#head = this.#held.join('') + piece;
  }

  #check(chars: number, depth: number): void {
    const { maxStanzaChars, maxDepth, maxSkippedChars } = this.#limits;
    if (chars > maxSkippedChars) return this.#invalid('an element does not end');
    if (this.#skipping || (chars <= maxStanzaChars && depth <= maxDepth)) return;
    if (this.#depth === 0) return this.#invalid('the head of the stream is too large');
    this.#skipping = true;
    this.#held = [];
    this.#listener.onTooLarge(depth > maxDepth ? 'depth' : 'size', this.#head);
  }

  /** True if a tag of this kind ends a frame. */
  #ends(kind: TagKind): boolean {
    if (kind === 'forbidden') this.#invalid('it holds a document type declaration');
    if (kind === 'open') this.#depth += 1;
    if (kind === 'close') this.#depth -= 1;
    return this.#depth < 2;
  }

  #frame(piece: string): void {
    if (!this.#skipping) this.#listener.onFrame(this.#held.join('') + piece);
    else if (this.#depth === 0) this.#invalid('the end of the stream is too large');
    if (this.#depth === 0) this.#over = true;
  }

  #forget(): void {
    this.#held = [];
    this.#chars = 0;
    this.#head = '';
    this.#skipping = false;
  }

  #invalid(why: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#listener.onInvalid(why);
  }
}
