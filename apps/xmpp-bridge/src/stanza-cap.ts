/*
 * How much of a body goes into one stanza. Servers differ, and end the whole stream where it is too much.
 *
 * L1 After a stream was ended for its policy, half as much is tried; never less than any server must take
 *    (RFC 6120 §13.12: 10,000 bytes).
 */

const LEAST = 4_096;

export class StanzaCap {
  constructor(private most: number) {}

  /** Characters of a body within one stanza. */
  get chars(): number {
    return this.most;
  }

  /** Bytes that are as many characters in base64, at most `most`. */
  bytes(most: number): number {
    return Math.min(most, Math.floor(this.most / 4) * 3);
  }

  halve(): void {
    this.most = Math.max(LEAST, Math.floor(this.most / 2));
  }
}

/** True where this is why a server ended the stream. */
export function isPolicyViolation(why: string): boolean {
  return why.includes('policy-violation');
}
