import { randomUUID } from 'node:crypto';
import { linkAbort } from '@switchyard/platform';
import { xml } from '@xmpp/client';
import { CHUNK_BYTES, type IncomingChunks, sendChunks } from '../http-over-xmpp/chunks.ts';
import { ExchangeError, type HttpRequest, type HttpResponse, NS_CANCEL } from '../wire/index.ts';
import { IqError, type Session } from '../session/index.ts';
import type { Peers } from '../peers/index.ts';
import type { StanzaCap } from '../http-over-xmpp/stanza-cap.ts';
import {
  announceRequest,
  checkDigest,
  decodeResponse,
  type Dialect,
  encodeRequest,
} from '../http-over-xmpp/xep-0332.ts';

/*
 * Sends one HTTP request in an IQ (XEP-0332) and returns its answer.
 *
 * - A request that the peer may have performed is not sent again.
 * - If the caller goes away, the peer's work is cancelled, before and during the response.
 */

export interface IqParts {
  readonly peers: Pick<Peers, 'dialectOf' | 'speaksSlixmpp'>;
  readonly chunks: IncomingChunks;
  /** Largest body of a response in chunks. */
  readonly bodyLimit: number;
  readonly cap: StanzaCap;
}

export interface Timeouts {
  readonly signal: AbortSignal;
  /** Absolute, ms since 1970. */
  readonly deadline: number;
}

/** With `sid` the body of the response comes as the in-band bytestream of that name. */
export type IqAnswer = HttpResponse & { readonly sid?: string };

export async function askByIq(
  parts: IqParts,
  session: Session,
  to: string,
  request: HttpRequest,
  timeouts: Timeouts,
  native: 'text' | 'standard' = 'standard',
): Promise<IqAnswer> {
  const close = parts.chunks.opened(to);
  const known = parts.peers.dialectOf(to);
  const dialect = known === 'standard' ? native : known;
  try {
    return await askOnce(parts, session, to, request, dialect, timeouts);
  } catch (error) {
    // The peer did not perform the request, so it is safe to send it again in the other dialect.
    const unknown = error instanceof IqError && error.condition === 'feature-not-implemented';
    if (dialect === 'slixmpp' || !unknown) throw error;
    parts.peers.speaksSlixmpp(to);
    return await askOnce(parts, session, to, request, 'slixmpp', timeouts);
  } finally {
    close();
  }
}

async function askOnce(
  parts: IqParts,
  session: Session,
  to: string,
  request: HttpRequest,
  dialect: Dialect,
  { signal, deadline }: Timeouts,
): Promise<IqAnswer> {
  const inline = encodeRequest(request, dialect, parts.cap.chars);
  if (!inline && dialect === 'slixmpp')
    throw new ExchangeError(413, 'slixmpp carries text of at most 64 KB; this body is larger, or no text.');
  // The id of the IQ, which cannot be guessed, also names the request in a cancel.
  const id = randomUUID();
  const cancel = (): void => {
    if (session.open) session.send(xml('message', { to }, xml('cancel', { xmlns: NS_CANCEL, id })));
  };
  const question = { to, id, timeoutMs: deadline - Date.now(), signal, onCancelled: cancel };
  if (inline) {
    const answer = decodeResponse(await session.ask('set', inline, question));
    return answer.chunks === undefined ? answer : takeChunks(parts, to, answer, answer.chunks, signal, cancel);
  }
  const chunks = randomUUID();
  const asked = session.ask('set', announceRequest(request, chunks), question);
  const sending = linkAbort([signal]);
  sendChunks(session, to, chunks, request.body, sending.signal, parts.cap.bytes(CHUNK_BYTES)).catch(() => undefined);
  try {
    const answer = decodeResponse(await asked);
    return answer.chunks === undefined ? answer : await takeChunks(parts, to, answer, answer.chunks, signal, cancel);
  } finally {
    sending.abort();
  }
}

/** Reads a response whose body follows in messages. */
async function takeChunks(
  { chunks, bodyLimit }: IqParts,
  from: string,
  { status, headers }: HttpResponse,
  stream: string,
  signal: AbortSignal,
  cancel: () => void,
): Promise<IqAnswer> {
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const body = await chunks.take(from, stream, bodyLimit, signal);
    checkDigest(headers, body);
    return { status, headers, body };
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}
