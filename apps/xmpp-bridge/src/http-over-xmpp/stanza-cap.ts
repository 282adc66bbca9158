import { MAX_STANZA_BYTES } from '../wire/index.ts';

/*
 * How much of a body goes into one stanza. Server limits differ, and a server ends the whole stream when one is
 * exceeded.
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

  /** The limit of a whole stanza with an undividable body. */
  get stanzaBytes(): number {
    return this.#stanzaBytes;
  }

  /** Characters of a body within one stanza. */
  get chars(): number {
    return this.#most;
  }

  /** The number of bytes that fit when written in base64, at most `most`. */
  bytes(most: number): number {
    return Math.min(most, Math.floor(this.#most / 4) * 3);
  }

  halve(): void {
    this.#most = Math.max(LEAST, Math.floor(this.#most / 2));
    this.#stanzaBytes = Math.max(LEAST_STANZA, Math.floor(this.#stanzaBytes / 2));
  }
}

/** True if this is why a server ended the stream. */
export function isPolicyViolation(why: string): boolean {
  return why.includes('policy-violation');
}
