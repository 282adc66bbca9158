import { type Element, xml } from '@xmpp/client';
import type { HeaderList } from '../wire/index.ts';

/*
 * An HTTP message as the text of one element: how our own bridges speak to each other, found by disco. Pure.
 *
 *   <http xmlns='urn:switchyard:http:1'>POST /echo
 *   content-type:application/json
 *
 *   {"a":1}</http>
 *
 * Servers work by the element, and a request of the standard has ten to fifteen of them (ADR 0027).
 *
 * - A message that this form would not give back unchanged goes in the elements of the standard.
 * - No content of a header can begin another line.
 */

export const NS_TEXT = 'urn:switchyard:http:1';

export interface TextMessage {
  /** Method and resource, or the status. */
  readonly start: string;
  readonly headers: HeaderList;
  readonly body: string;
}

/** Undefined if a header could end a line, or if XML would not return the body unchanged. */
export function encodeText({ start, headers, body }: TextMessage): Element | undefined {
  let text = start;
  for (const [name, value] of headers) {
    if (name.includes(':') || name.includes('\n') || value.includes('\n')) return undefined;
    text += `\n${name}:${value}`;
  }
  // No white space at the end, which a server might strip.
  if (body !== '') text += `\n\n${body}`;
  return xml('http', { xmlns: NS_TEXT }, text);
}

/** Undefined if the stanza holds none. */
export function decodeText(stanza: Element): TextMessage | undefined {
  const text = stanza.getChild('http', NS_TEXT)?.text();
  if (text === undefined) return undefined;
  const end = text.indexOf('\n\n');
  const [start = '', ...lines] = (end === -1 ? text : text.slice(0, end)).split('\n', MAX_LINES);
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, Math.max(0, colon)).toLowerCase(), line.slice(colon + 1)] as const;
  });
  return { start, headers, body: end === -1 ? '' : text.slice(end + 2) };
}

const MAX_LINES = 257;
