import type { Element } from '@xmpp/client';
import { ExchangeError } from './http-exchange.ts';

/*
 * Checks what may be written to a server. Pure.
 * Servers end the whole stream, with everything under way on it, for a stanza that is too large or that XML cannot
 * carry. So the sender of such a stanza is refused here.
 */

/** The limit of one written stanza: servers take 262,144 bytes from a client. */
export const MAX_STANZA_BYTES = 258_048;

/** True if XML 1.0 can carry this text (§2.2); nothing else may be written. */
export function isXmlText(text: string): boolean {
  // eslint-disable-next-line no-control-regex -- the characters that XML forbids
  return !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/u.test(text);
}

/** Throws for a stanza that would make a server end the stream. */
export function serialised(element: Element): string {
  const text = element.toString();
  if (!isXmlText(text)) throw new Error('a stanza holds characters that XML cannot carry');
  if (Buffer.byteLength(text) > MAX_STANZA_BYTES)
    throw new ExchangeError(413, 'It is larger than an XMPP server takes at once.');
  return text;
}

/**
 * Whether servers forward a stanza, if they take `most` bytes from a client: they write each quote as six characters,
 * and take about twice as much from each other.
 */
export function isCarried(element: Element, most: number): boolean {
  const text = element.toString();
  const bytes = Buffer.byteLength(text);
  return bytes <= most && bytes + 5 * (text.match(/["']/g)?.length ?? 0) <= 2 * most;
}
