/*
 * Finds the ends of tags in XML that arrives in pieces, without interpreting them.
 *
 * - It keeps a few characters between pieces, however long a text, a tag or an attribute is.
 * - The result does not depend on where the text is cut.
 */

/** A tag, or another construct between "<" and ">" that opens and closes no element. */
export type TagKind = 'open' | 'close' | 'empty' | 'other' | 'forbidden';

export interface TagEnd {
  readonly kind: TagKind;
  /** Index of the character after the tag. */
  readonly end: number;
}

type State = 'text' | 'opening' | 'tag' | 'comment' | 'cdata' | 'instruction';

/** The characters before the ">" that ends each of them. */
const ENDS = { comment: '--', cdata: ']]', instruction: '?' } as const;

export class TagScanner {
  #state: State = 'text';
  /** The first characters after "<", until the kind is known. */
  #opening = '';
  #closes = false;
  /** The quote that ends the attribute value around the current position. */
  #quote = '';
  /** The last characters that were read. */
  #tail = '';

  /** True outside of tags, comments and sections. */
  get inText(): boolean {
    return this.#state === 'text';
  }

  /** The next tag that ends in `text` at or after `from`; undefined if the text ends first. */
  next(text: string, from: number): TagEnd | undefined {
    for (let at = from; at < text.length;) {
      switch (this.#state) {
        case 'text': {
          const start = text.indexOf('<', at);
          if (start < 0) return undefined;
          this.#begin('opening');
          at = start + 1;
          break;
        }
        case 'opening':
          if (!this.#takesOpening(text[at]!)) return { kind: 'forbidden', end: at };
          // The characters of a tag are read again, as those of a tag.
          if ((this.#state as State) !== 'tag' || this.#closes) at += 1;
          break;
        case 'tag': {
          const end = this.#tagEnd(text, at);
          if (end === undefined || typeof end === 'object') return end;
          at = end;
          break;
        }
        default: {
          const end = this.#sectionEnd(ENDS[this.#state], text, at);
          if (end === undefined) return undefined;
          const isText = this.#state === 'cdata';
          this.#begin('text');
          if (!isText) return { kind: 'other', end };
          at = end;
        }
      }
    }
    return undefined;
  }

  #begin(state: State): void {
    this.#state = state;
    this.#opening = '';
    this.#closes = false;
    this.#quote = '';
    this.#tail = '';
  }

  /** False for a construct that XMPP forbids: a document type declaration. */
  #takesOpening(character: string): boolean {
    this.#opening += character;
    const opening = this.#opening;
    if (opening === '?') this.#begin('instruction');
    else if (opening === '!--') this.#begin('comment');
    else if (opening === '![CDATA[') this.#begin('cdata');
    else if (opening === '/') {
      this.#begin('tag');
      this.#closes = true;
    } else if (!opening.startsWith('!')) this.#begin('tag');
    else return '!--'.startsWith(opening) || '![CDATA['.startsWith(opening);
    return true;
  }

  /** The end of the tag, or where to read on; undefined if the text ends within it. */
  #tagEnd(text: string, from: number): TagEnd | number | undefined {
    if (this.#quote !== '') {
      const end = text.indexOf(this.#quote, from);
      if (end < 0) return undefined;
      this.#quote = '';
      return end + 1;
    }
    MARK.lastIndex = from;
    const found = MARK.exec(text);
    const last = found ? found.index : text.length;
    const before = last > from ? text[last - 1]! : this.#tail;
    this.#tail = before;
    if (!found) return undefined;
    if (found[0] !== '>') {
      this.#quote = found[0];
      this.#tail = '';
      return last + 1;
    }
    const kind = this.#closes ? 'close' : before === '/' ? 'empty' : 'open';
    this.#begin('text');
    return { kind, end: last + 1 };
  }

  #sectionEnd(mark: string, text: string, from: number): number | undefined {
    for (let at = from; ;) {
      const end = text.indexOf('>', at);
      const before = (
        this.#tail + text.slice(Math.max(at, (end < 0 ? text.length : end) - 2), end < 0 ? undefined : end)
      ).slice(-2);
      if (end < 0) {
        this.#tail = before;
        return undefined;
      }
      if (before.endsWith(mark)) return end + 1;
      this.#tail = `${before}>`.slice(-2);
      at = end + 1;
    }
  }
}

const MARK = /["'>]/g;
