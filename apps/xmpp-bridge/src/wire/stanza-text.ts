import type { Element } from '@xmpp/client';
import { ExchangeError } from './http-exchange.ts';

/*
 * What may be written to a server. Pure.
 *
 * Servers end the whole stream for a stanza that is too large or holds what XML cannot carry, and with it everything that
 * is under way. So such a stanza is refused here, for whoever wanted to send it.
 */

/** Of one stanza as it is written: servers take 262,144 bytes from a client. */
export const MAX_STANZA_BYTES = 258_048;

/** True where XML 1.0 can carry this text (§2.2); nothing else may be written. */
export function isXmlText(text: string): boolean {
  // eslint-disable-next-line no-control-regex -- the characters that XML forbids
  return !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/u.test(text);
}

/** Throws where a server would end the whole stream for it. */
export function serialised(element: Element): string {
  const text = element.toString();
  if (!isXmlText(text)) throw new Error('a stanza holds characters that XML cannot carry');
  if (Buffer.byteLength(text) > MAX_STANZA_BYTES)
    throw new ExchangeError(413, 'It is larger than an XMPP server takes at once.');
  return text;
}

/**
 * Whether servers pass on a stanza, where they take `most` bytes from a client: they write each quote as six characters,
 * and take about twice as much from each other.
 */
export function isCarried(element: Element, most: number): boolean {
  const text = element.toString();
  const bytes = Buffer.byteLength(text);
  return bytes <= most && bytes + 5 * (text.match(/["']/g)?.length ?? 0) <= 2 * most;
}
