import { MAX_STANZA_BYTES } from '../wire/index.ts';

/*
 * How much of a body goes into one stanza. Servers differ, and end the whole stream where it is too much.
 *
 * - After a server ended a stream for its policy, the bridge tries half as much, but never less than any server must
 *   take (RFC 6120 §13.12: 10,000 bytes).
 */

const LEAST = 4_096;
const LEAST_STANZA = 10_000;

export class StanzaCap {
  #stanzaBytes = MAX_STANZA_BYTES;

  #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** Of a whole stanza that carries a body which cannot be divided. */
  get stanzaBytes(): number {
    return this.#stanzaBytes;
  }

  /** Characters of a body within one stanza. */
  get chars(): number {
    return this.#most;
  }

  /** Bytes that are as many characters in base64, at most `most`. */
  bytes(most: number): number {
    return Math.min(most, Math.floor(this.#most / 4) * 3);
  }

  halve(): void {
    this.#most = Math.max(LEAST, Math.floor(this.#most / 2));
    this.#stanzaBytes = Math.max(LEAST_STANZA, Math.floor(this.#stanzaBytes / 2));
  }
}

/** True where this is why a server ended the stream. */
export function isPolicyViolation(why: string): boolean {
  return why.includes('policy-violation');
}
