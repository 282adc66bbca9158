import { type Element, type Parser, xml } from '@xmpp/client';

/*
 * XML of one stream, from text that arrives in pieces to elements.
 *
 * X1 Whatever the other side sends, nothing is thrown and memory is bounded: an element larger or deeper than the
 *    limits, or text that is no XML, ends the stream with one report.
 * X2 After that report, or after close(), no element comes any more.
 * X3 Where the text is cut makes no difference. The tokenizer misses the end of a declaration or a comment that is
 *    cut inside "?>" or "-->", and is deaf from then on: such an end waits for what follows it.
 */

export interface XmlListener {
  onHeader(attributes: Readonly<Record<string, string | undefined>>): void;
  onElement(element: Element): void;
  /** The other side ended its stream. */
  onEnd(): void;
  onInvalid(why: string): void;
}

export interface XmlLimits {
  readonly maxElementChars: number;
  readonly maxDepth: number;
}

/** Prosody and ejabberd let 262,144 bytes pass; twice that is no stanza any more. */
const DEFAULT_XML_LIMITS: XmlLimits = { maxElementChars: 524_288, maxDepth: 64 };

export class XmlStream {
  readonly #parser: Parser = new xml.Parser();
  #pending = 0;
  #depth = 0;
  #over = false;
  /** X3 */
  #held = '';

  constructor(
    private readonly listener: XmlListener,
    private readonly limits: XmlLimits = DEFAULT_XML_LIMITS,
  ) {
    this.#parser.parser.on('startElement', () => this.#deeper());
    this.#parser.parser.on('endElement', () => void (this.#depth -= 1));
    this.#parser.on('start', ({ attrs }) => this.#unlessOver(() => listener.onHeader(attrs)));
    this.#parser.on('element', (element) => {
      this.#pending = 0;
      this.#unlessOver(() => listener.onElement(element));
    });
    this.#parser.on('end', () => this.#unlessOver(() => listener.onEnd()));
    this.#parser.on('error', (error) => this.#invalid(error.message));
  }

  write(text: string): void {
    if (this.#over) return;
    // In pieces, so that what is over the limit is noticed before it is held as a whole.
    for (let at = 0; at < text.length && !this.#over; at += PIECE) {
      const piece = text.slice(at, at + PIECE);
      this.#pending += piece.length;
      if (this.#pending > this.limits.maxElementChars) return this.#invalid('an element is too large');
      try {
        this.#feed(piece);
      } catch (error) {
        return this.#invalid(error instanceof Error ? error.message : 'not XML');
      }
    }
  }

  close(): void {
    this.#over = true;
  }

  /** An element ends with ">", so that none of them is ever held back. */
  #feed(piece: string): void {
    const text = this.#held + piece;
    this.#held = /[?-]{1,2}$/.exec(text)?.[0] ?? '';
    const whole = text.slice(0, text.length - this.#held.length);
    if (whole !== '') this.#parser.write(whole);
  }

  #deeper(): void {
    this.#depth += 1;
    if (this.#depth > this.limits.maxDepth) this.#invalid('elements are nested too deep');
  }

  #invalid(why: string): void {
    if (this.#over) return;
    this.#over = true;
    this.listener.onInvalid(why);
  }

  #unlessOver(then: () => void): void {
    if (!this.#over) then();
  }
}

const PIECE = 16_384;

/** True where XML 1.0 can carry this text (§2.2); nothing else may be written. */
export function isXmlText(text: string): boolean {
  // eslint-disable-next-line no-control-regex -- the characters that XML forbids
  return !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/u.test(text);
}

/** Throws where the element holds what XML cannot carry: the server would end the whole stream. */
export function serialised(element: Element): string {
  const text = element.toString();
  if (!isXmlText(text)) throw new Error('a stanza holds characters that XML cannot carry');
  return text;
}
