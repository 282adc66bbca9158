import { randomBytes, randomUUID } from 'node:crypto';
import { linkAbort } from '@switchyard/platform';
import { xml } from '@xmpp/client';
import type { IncomingChunks } from './chunks.ts';
import { CHUNK_BYTES, sendChunks } from './chunks.ts';
import { ExchangeError, type HttpRequest, type HttpResponse, NS_CANCEL } from './http-exchange.ts';
import { IqError } from './iq-registry.ts';
import type { Peers } from './peers.ts';
import type { Session } from './session.ts';
import type { StanzaCap } from './stanza-cap.ts';
import { checkDigest, decodeResponse, type Dialect, encodeRequest, fitsInline } from './xep-0332.ts';

/*
 * One HTTP request in an IQ (XEP-0332), and its answer.
 *
 * O2 A request that the other side may have worked on is not sent again.
 * O5 Whoever goes away stops the work on the other side, before and during the response.
 */

export interface IqParts {
  readonly peers: Pick<Peers, 'dialectOf' | 'speaksSlixmpp'>;
  readonly chunks: IncomingChunks;
  /** Largest body of a response in chunks. */
  readonly bodyLimit: number;
  readonly cap: StanzaCap;
}

export interface Patience {
  readonly signal: AbortSignal;
  /** Absolute, ms since 1970. */
  readonly deadline: number;
}

/** With `sid` the body of the response comes as an in-band bytestream of that name. */
export type IqAnswer = HttpResponse & { readonly sid?: string };

export async function askByIq(
  parts: IqParts,
  session: Session,
  to: string,
  request: HttpRequest,
  patience: Patience,
): Promise<IqAnswer> {
  // The id of the IQ, which nobody can guess, is also what the request is cancelled by.
  const asked = { id: newId() };
  const cancel = (): void => {
    if (session.open) session.send(xml('message', { to }, xml('cancel', { xmlns: NS_CANCEL, id: asked.id }))); // O5
  };
  patience.signal.addEventListener('abort', cancel, { once: true });
  try {
    return await parts.chunks.whileAsking(to, () => inDialect(parts, session, to, request, patience, asked));
  } finally {
    patience.signal.removeEventListener('abort', cancel);
  }
}

async function inDialect(
  parts: IqParts,
  session: Session,
  to: string,
  request: HttpRequest,
  patience: Patience,
  asked: { id: string },
): Promise<IqAnswer> {
  const dialect = parts.peers.dialectOf(to);
  try {
    return await askOnce(parts, session, to, request, dialect, { ...patience, id: asked.id });
  } catch (error) {
    // Not executed, so it is safe to say it in the other dialect (O2).
    const unknown = error instanceof IqError && error.condition === 'feature-not-implemented';
    if (dialect === 'slixmpp' || !unknown) throw error;
    parts.peers.speaksSlixmpp(to);
    asked.id = newId();
    return askOnce(parts, session, to, request, 'slixmpp', { ...patience, id: asked.id });
  }
}

async function askOnce(
  parts: IqParts,
  session: Session,
  to: string,
  request: HttpRequest,
  dialect: Dialect,
  { signal, deadline, id }: Patience & { readonly id: string },
): Promise<IqAnswer> {
  const inline = fitsInline(request.body, dialect, parts.cap.chars);
  if (!inline && dialect === 'slixmpp')
    throw new ExchangeError(413, 'slixmpp carries text of at most 64 KB; this body is larger, or no text.');
  const question = { to, id, timeoutMs: deadline - Date.now(), signal };
  const chunks = inline ? undefined : randomUUID();
  const asked = session.ask('set', encodeRequest(request, dialect, chunks), question);
  const sending = chunks === undefined ? undefined : linkAbort([signal]);
  if (chunks !== undefined && sending)
    sendChunks(session, to, chunks, request.body, sending.signal, parts.cap.bytes(CHUNK_BYTES)).catch(() => undefined); // the answer tells
  try {
    const answer = decodeResponse(await asked);
    if (answer.chunks === undefined) return answer;
    const body = await parts.chunks.take(to, answer.chunks, parts.bodyLimit, signal);
    checkDigest(answer.headers, body);
    return { status: answer.status, headers: answer.headers, body };
  } finally {
    sending?.abort();
  }
}

function newId(): string {
  return randomBytes(16).toString('base64url');
}
