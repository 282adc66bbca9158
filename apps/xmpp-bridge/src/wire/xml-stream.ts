import { type Element, type Parser, xml } from '@xmpp/client';
import { type FrameLimits, StanzaFramer } from './stanza-framer.ts';

/*
 * Parses the XML of one stream, from text that arrives in pieces to elements.
 *
 * - Whatever the other side sends, nothing is thrown and memory is limited.
 * - During the login an element over the limits ends the stream with one report; text that is not XML always does. Once
 *   the login stands a stanza over the limits is skipped and reported, and the stream goes on: anybody with an account
 *   somewhere can send one.
 * - After the report of an invalid stream, or after close(), no element follows.
 * - The result does not depend on where the text is cut: the parser gets whole stanzas.
 */

export interface XmlListener {
  onHeader(attributes: Readonly<Record<string, string | undefined>>): void;
  onElement(element: Element): void;
  onSkipped(skipped: SkippedStanza): void;
  /** The other side ended its stream. */
  onEnd(): void;
  onInvalid(why: string): void;
}

export interface SkippedStanza {
  readonly why: 'depth' | 'size';
  /** Its start tag, without children, if that is short enough to be read. */
  readonly head: Element | undefined;
}

/**
 * Servers take stanzas of 262,144 bytes and write each quote within as six characters when they forward them. They may
 * repeat a long namespace for each prefix, too: many megabytes, which are skipped. A stanza beyond the last limit
 * counts as endless, and the session ends.
 */
const DEFAULT_LIMITS: FrameLimits = { maxStanzaChars: 1_572_864, maxDepth: 64, maxSkippedChars: 268_435_456 };

const TOO_LARGE = { depth: 'elements are nested too deep', size: 'an element is too large' } as const;

export class XmlStream {
  readonly #parser: Parser = new xml.Parser();
  readonly #framer: StanzaFramer;
  #skips = false;
  #over = false;

  readonly #listener: XmlListener;

  constructor(listener: XmlListener, limits: FrameLimits = DEFAULT_LIMITS) {
    this.#listener = listener;
    this.#framer = new StanzaFramer(
      {
        onFrame: (text) => this.#parse(text),
        onTooLarge: (why, head) => {
          if (!this.#skips) return this.#invalid(TOO_LARGE[why]);
          this.#unlessOver(() => listener.onSkipped({ why, head: headOf(head) }));
        },
        onInvalid: (why) => this.#invalid(why),
      },
      limits,
    );
    this.#parser.on('start', ({ attrs }) => this.#unlessOver(() => listener.onHeader(attrs)));
    this.#parser.on('element', (element) => this.#unlessOver(() => listener.onElement(element)));
    this.#parser.on('end', () => this.#unlessOver(() => listener.onEnd()));
    this.#parser.on('error', (error) => this.#invalid(error.message));
  }

  /** From now on a stanza over the limits is skipped; before, it ends the stream. */
  skipTooLarge(): void {
    this.#skips = true;
  }

  write(text: string): void {
    if (!this.#over) this.#framer.write(text);
  }

  close(): void {
    this.#over = true;
    this.#framer.close();
  }

  #parse(text: string): void {
    try {
      this.#parser.write(text);
    } catch (error) {
      this.#invalid(error instanceof Error ? error.message : 'not XML');
    }
  }

  #invalid(why: string): void {
    if (this.#over) return;
    this.close();
    this.#listener.onInvalid(why);
  }

  #unlessOver(then: () => void): void {
    if (!this.#over) then();
  }
}

/** A start tag, read as an element without children. */
function headOf(startTag: string): Element | undefined {
  if (startTag === '') return undefined;
  let head: Element | undefined;
  const parser = new xml.Parser();
  parser.on('element', (element) => (head = element));
  parser.on('error', () => undefined);
  try {
    parser.write(`<stream>${startTag.slice(0, -1)}/>`);
  } catch {
    // An unreadable tag names no sender to answer.
  }
  return head;
}
