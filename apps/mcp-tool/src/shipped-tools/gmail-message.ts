/*
 * Converts e-mails from and to the Gmail API. Pure.
 *
 * - No text of a caller becomes a header of its own: addresses are validated before, a subject has no line break, and
 *   the text travels encoded.
 * - Received content is untrusted and becomes a text of limited size: the plain part or, if there is none, the readable
 *   part of the HTML.
 */

export interface Draft {
  readonly to: readonly string[];
  readonly cc?: readonly string[];
  readonly bcc?: readonly string[];
  readonly subject: string;
  readonly body: string;
  /** `Message-ID` of the message that this one answers, and those before it. */
  readonly inReplyTo?: string | undefined;
  readonly references?: string | undefined;
}

/** RFC 5322 as base64url, as `raw` of the API wants it. */
export function rawMessage(draft: Draft): string {
  return Buffer.from(messageText(draft), 'utf8').toString('base64url');
}

/** The message as text. Nothing that the caller wrote becomes a header of its own. */
export function messageText({ to, cc = [], bcc = [], subject, body, inReplyTo, references }: Draft): string {
  const lists = { To: to, Cc: cc, Bcc: bcc };
  const addressed = Object.entries(lists).flatMap(([name, list]) =>
    list.length === 0 ? [] : [`${name}: ${list.join(',\r\n ')}`],
  );
  const reply = inReplyTo === undefined ? undefined : messageIdsIn(inReplyTo)[0];
  const before = [...messageIdsIn(references ?? ''), ...(reply === undefined ? [] : [reply])].slice(-20);
  return [
    ...addressed,
    `Subject: ${encodedWords(subject)}`,
    ...(reply === undefined ? [] : [`In-Reply-To: ${reply}`, `References: ${before.join('\r\n ')}`]),
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: base64',
    '',
    ...(Buffer.from(body.replace(/\r\n|\r|\n/g, '\r\n'), 'utf8')
      .toString('base64')
      .match(/.{1,76}/g) ?? []),
    '',
  ].join('\r\n');
}

/** Bytes of text in one encoded word: with what stands around them, at most 75 characters. */
const WORD_BYTES = 45;

/** RFC 2047, where it is needed. */
export function encodedWords(text: string): string {
  const line = text.replace(/[\u0000-\u001f\u007f]+/g, ' '); // eslint-disable-line no-control-regex -- keeps it in one line
  if (/^[\x20-\x7e]{0,900}$/.test(line) && !line.includes('=?')) return line;
  const words: string[] = [];
  let word = '';
  for (const character of line) {
    if (Buffer.byteLength(word + character) > WORD_BYTES) {
      words.push(word);
      word = '';
    }
    word += character;
  }
  return [...words, word].map((each) => `=?UTF-8?B?${Buffer.from(each, 'utf8').toString('base64')}?=`).join('\r\n ');
}

function messageIdsIn(text: string): string[] {
  return text.match(/<[\x21-\x3b\x3d\x3f-\x7e]{1,250}>/g) ?? [];
}

/** The part of a message, as the API has it. */
export interface Part {
  readonly mimeType?: string | undefined;
  readonly filename?: string | undefined;
  readonly headers?: readonly { readonly name: string; readonly value: string }[] | undefined;
  readonly body?: { readonly size?: number | undefined; readonly data?: string | undefined } | undefined;
  readonly parts?: readonly Part[] | undefined;
}

const MAX_PARTS = 200;
const MAX_BODY_CHARS = 20_000;
const MAX_ATTACHMENTS = 50;

export function headerOf({ headers = [] }: Part, name: string): string | undefined {
  return headers.find((header) => header.name.toLowerCase() === name)?.value;
}

/** The text of a message, bounded: the plain part, else what is readable of the HTML. */
export function bodyOf(payload: Part): { body: string; truncated: boolean } {
  const parts = flat(payload).filter(({ filename }) => !filename);
  const textOf = (type: string): string =>
    parts
      .filter(({ mimeType, body }) => mimeType?.toLowerCase() === type && body?.data !== undefined)
      .map(decoded)
      .join('\n');
  const plain = textOf('text/plain').trim();
  const text = plain === '' ? readable(textOf('text/html')) : plain;
  return { body: text.slice(0, MAX_BODY_CHARS), truncated: text.length > MAX_BODY_CHARS };
}

export function attachmentsOf(payload: Part): { name: string; type: string; bytes: number }[] {
  return flat(payload)
    .filter(({ filename }) => filename !== undefined && filename !== '')
    .slice(0, MAX_ATTACHMENTS)
    .map(({ filename, mimeType, body }) => ({
      name: (filename ?? '').slice(0, 200),
      type: (mimeType ?? '').slice(0, 100),
      bytes: body?.size ?? 0,
    }));
}

function flat(payload: Part): Part[] {
  const found: Part[] = [];
  const queue: Part[] = [payload];
  while (queue.length > 0 && found.length < MAX_PARTS) {
    const part = queue.shift()!;
    found.push(part);
    queue.push(...(part.parts ?? []).slice(0, MAX_PARTS));
  }
  return found;
}

function decoded(part: Part): string {
  const bytes = Buffer.from(part.body?.data ?? '', 'base64url');
  const charset = /charset="?([A-Za-z0-9_.:-]{1,40})/i.exec(headerOf(part, 'content-type') ?? '')?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return bytes.toString('utf8');
  }
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

/** What a person would read of it. */
function readable(html: string): string {
  return html
    .slice(0, 500_000)
    .replace(/<(script|style|head)\b[^>]*>[\s\S]*?(<\/\1\s*>|$)/gi, ' ')
    .replace(/<(br|\/p|\/div|\/tr|\/li|\/h[1-6])\b[^>]*>/gi, '\n')
    .replace(/<[^>]*>/g, '')
    .replace(/&(amp|lt|gt|quot|apos|nbsp);/g, (_, name: string) => ENTITIES[name]!)
    .replace(/&#(\d{1,7});/g, (_, code: string) => (Number(code) < 0x110000 ? String.fromCodePoint(Number(code)) : ''))
    .replace(/[ \t]+/g, ' ')
    .replace(/ ?\n ?(\n ?)+/g, '\n\n')
    .trim();
}
