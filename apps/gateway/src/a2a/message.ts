import { ContentTypeNotSupportedError, RequestMalformedError } from '@a2a-js/sdk/errors';
import {
  type ApprovalDecision,
  ApprovalDecision as Decision,
  ID_PATTERN,
  isRecord,
  MAX_CONTEXT_CHARS,
  MAX_IMAGES,
  MAX_IMAGES_CHARS,
  type OpenApproval,
  safeParse,
} from '@switchyard/contracts';
import { A2A_MAX_TEXT_CHARS, type A2aMessage, type A2aPart } from '@switchyard/contracts/http';
import { spokenAnswer } from '../runs/index.ts';

/*
 * Reads a message of a client: as a task, or as the answer to a question. Pure.
 *
 * - Texts are the task. Data and text files are told to the planner as data, never as instructions.
 * - No part is dropped silently: what cannot be used is refused by its type.
 * - A question is answered by a data part that names the decision, or in words.
 */

export interface Said {
  readonly text: string;
  readonly context: readonly { readonly description: string; readonly value: string }[];
  readonly images: readonly { readonly url: string }[];
  /** The decision of a data part, and the question that it names. */
  readonly decision: { readonly approvalId: string | undefined; readonly answer: ApprovalDecision } | undefined;
}

const NO_WORDS = '(The user sent data without words.)';
const IMAGE_TYPES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;
const MAX_URL_CHARS = 2_048;

export function readMessage({ role, parts }: A2aMessage): Said {
  if (role !== 'ROLE_USER') throw new RequestMalformedError('message.role must be ROLE_USER.');
  const texts: string[] = [];
  const context: { description: string; value: string }[] = [];
  const images: { url: string }[] = [];
  let decision: Said['decision'];
  for (const [index, part] of parts.entries()) {
    const found = readPart(part, index);
    if ('text' in found) texts.push(found.text);
    else if ('url' in found) images.push(found);
    else if ('answer' in found) decision = found;
    else context.push(found);
  }
  const text = texts.join('\n');
  if (text.length > A2A_MAX_TEXT_CHARS)
    throw new RequestMalformedError(`The text of a message may have ${A2A_MAX_TEXT_CHARS} characters.`);
  const imageChars = images.reduce((sum, { url }) => sum + url.length, 0);
  if (images.length > MAX_IMAGES || imageChars > MAX_IMAGES_CHARS)
    throw new RequestMalformedError(
      `A message may have ${MAX_IMAGES} images of ${MAX_IMAGES_CHARS} characters in base64 together; send https addresses.`,
    );
  return { text, context, images, decision };
}

/** The text of a task that a message starts. */
export function taskText({ text, context, images, decision }: Said): string {
  if (text.trim() !== '') return text;
  if (context.length + images.length > 0) return NO_WORDS;
  const why = decision === undefined ? 'needs a part with text' : 'answers a question and names no taskId';
  throw new RequestMalformedError(`The message ${why}.`);
}

/** The thread of a context; undefined: the client names none. */
export function threadOf({ contextId }: A2aMessage): string | undefined {
  if (contextId === undefined || contextId === '') return undefined;
  if (ID_PATTERN.test(contextId) && !contextId.startsWith('x-')) return contextId;
  throw new RequestMalformedError('contextId must be 1 to 64 letters, digits, "-" or "_", and not begin with "x-".');
}

/** The answer to one of the open questions: to the one that is named, else to the oldest. */
export function answerTo(
  { text, decision }: Said,
  approvals: readonly OpenApproval[],
): { readonly approvalId: string; readonly answer: ApprovalDecision } | undefined {
  const named = decision?.approvalId;
  const asked = named === undefined ? approvals[0] : approvals.find(({ approval_id: id }) => id === named);
  if (asked === undefined) return undefined;
  const answer = decision?.answer ?? (text.trim() === '' ? undefined : spokenAnswer(asked, text));
  if (answer === undefined)
    throw new RequestMalformedError(
      asked.kind === 'question'
        ? 'Answer the question with a text part.'
        : 'Answer with the text "approve" or "deny", or with a data part {"approval_id", "decision"}.',
    );
  return { approvalId: asked.approval_id, answer };
}

type Found =
  | { readonly text: string }
  | { readonly description: string; readonly value: string }
  | { readonly url: string }
  | NonNullable<Said['decision']>;

function readPart(part: A2aPart, index: number): Found {
  const { text, raw, url } = part;
  const given = [text, raw, url, part.data].filter((value) => value !== undefined && value !== null);
  if (given.length !== 1) throw new RequestMalformedError(`parts[${index}] must have one of text, data, raw and url.`);
  if (text !== undefined) return { text };
  if (raw !== undefined) return readRaw(part, raw, index);
  if (url !== undefined) return readUrl(part, url, index);
  return decisionIn(part.data) ?? told(part, JSON.stringify(part.data), index);
}

function decisionIn(data: unknown): Said['decision'] {
  if (!isRecord(data) || typeof data['decision'] !== 'string') return undefined;
  const { approval_id: approvalId, ...answer } = data;
  const parsed = safeParse(Decision, answer);
  if (!parsed.success) return undefined;
  return { approvalId: typeof approvalId === 'string' ? approvalId : undefined, answer: parsed.data };
}

function readRaw(part: A2aPart, raw: string, index: number): Found {
  if (!BASE64.test(raw)) throw new RequestMalformedError(`parts[${index}].raw must be base64.`);
  const type = typeOf(part);
  if (IMAGE_TYPES.includes(type)) return { url: `data:${type};base64,${raw}` };
  if (type.startsWith('text/') || type === 'application/json')
    return told(part, Buffer.from(raw, 'base64').toString('utf8'), index);
  throw unsupported(part, index);
}

function readUrl(part: A2aPart, url: string, index: number): Found {
  if (!typeOf(part).startsWith('image/')) throw unsupported(part, index);
  if (!/^https:\/\/\S+$/.test(url) || url.length > MAX_URL_CHARS)
    throw new RequestMalformedError(
      `parts[${index}].url must begin with https:// and have at most ${MAX_URL_CHARS} characters.`,
    );
  return { url };
}

function told({ filename }: A2aPart, value: string, index: number): Found {
  if (value.length > MAX_CONTEXT_CHARS)
    throw new RequestMalformedError(`parts[${index}] has more than ${MAX_CONTEXT_CHARS} characters.`);
  return {
    description: filename !== undefined && filename !== '' ? filename : `Part ${index + 1} of the message`,
    value,
  };
}

function typeOf({ mediaType }: A2aPart): string {
  return (mediaType ?? '').split(';', 1)[0]!.trim().toLowerCase();
}

function unsupported(part: A2aPart, index: number): Error {
  const type =
    typeOf(part)
      .slice(0, 64)
      .replaceAll(/[^\x21-\x7e]/g, '') || 'no media type';
  return new ContentTypeNotSupportedError(
    `parts[${index}] (${type}) cannot be used: send text, data, text files, or images (png, jpeg, gif, webp).`,
  );
}
