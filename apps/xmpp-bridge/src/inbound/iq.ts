import { randomUUID } from 'node:crypto';
import { linkAbort, type Logger } from '@switchyard/platform';
import { type Element, xml } from '@xmpp/client';
import type { IncomingChunks } from '../http-over-xmpp/chunks.ts';
import { CANCEL_HEADER, DIGEST_HEADER, ExchangeError, headerOf, type HttpResponse, NS_CANCEL } from '../wire/index.ts';
import { BLOCK_BYTES, sendStream } from '../http-over-xmpp/ibb.ts';
import { denied, type Follows, type Inbound, problem, type Served } from './inbound.ts';
import type { PeerRule } from '../peers/index.ts';
import { type Session, StanzaRefusal } from '../session/index.ts';
import type { StanzaCap } from '../http-over-xmpp/stanza-cap.ts';
import {
  announcedLength,
  announceResponse,
  checkDigest,
  type DecodedRequest,
  decodeRequest,
  type Dialect,
  digestOf,
  encodeResponse,
  NS_HTTP,
} from '../http-over-xmpp/xep-0332.ts';

/*
 * Answers requests of peers in IQs (XEP-0332). inbound.ts has the rules for requests in any form.
 *
 * - The bridge waits for a body in chunks only if the policy lets the peer send that request. It keeps no chunks of
 *   other senders.
 * - A body that does not fit into one stanza goes as an in-band bytestream, with the digest of the whole body if the
 *   digest is known.
 */

export interface InboundIqParts {
  readonly inbound: Inbound;
  readonly chunks: IncomingChunks;
  readonly session: () => Session | null;
  /** Largest body of a request, and of a response that is no stream of events. */
  readonly bodyLimit: number;
  readonly cap: StanzaCap;
  readonly log: Logger;
}

const NS_DELAY = 'urn:xmpp:delay';
const BODY_LIMIT_MS = 60_000;

interface FollowsInChunks extends Follows {
  /** The request no longer waits for it. */
  readonly close: () => void;
}

export class InboundIq {
  readonly #parts: InboundIqParts;

  constructor(parts: InboundIqParts) {
    this.#parts = parts;
  }

  /** Handles a message that cancels a request. */
  onMessage(message: Element): void {
    const id = message.getChild('cancel', NS_CANCEL)?.attrs['id'];
    if (id !== undefined) this.#parts.inbound.cancel(message.attrs['from'] ?? '', id);
  }

  /** Answers an IQ of a peer; undefined if it holds no HTTP request. Throws StanzaRefusal. */
  onQuestion(iq: Element): Promise<Element | undefined> | undefined {
    if (iq.attrs['type'] !== 'set') return undefined;
    const from = iq.attrs['from'] ?? '';
    let decoded: DecodedRequest | undefined;
    try {
      decoded = decodeRequest(iq);
    } catch (error) {
      throw new StanzaRefusal('bad-request', 'modify', error instanceof ExchangeError ? error.message : undefined);
    }
    if (!decoded) return undefined;
    const { request, dialect, chunks } = decoded;
    const bytes = chunks === undefined ? request.body.length : (announcedLength(request.headers) ?? 0);
    const verdict = this.#parts.inbound.judge(from, request, bytes);
    if (!verdict.allowed) {
      if (verdict.why === 'stranger') throw new StanzaRefusal('forbidden', 'auth');
      return Promise.resolve(short(denied(verdict.why), dialect));
    }
    return this.#answer(iq, from, decoded, verdict.rule);
  }

  async #answer(iq: Element, from: string, decoded: DecodedRequest, rule: PeerRule): Promise<Element> {
    const { request, dialect } = decoded;
    const cancelId = headerOf(request.headers, CANCEL_HEADER) ?? iq.attrs['id'];
    const delayed = iq.getChild('delay', NS_DELAY) !== undefined;
    const stanzaId = iq.attrs['id'] ?? '';
    const follows = this.#follows(from, decoded, rule);
    const incoming = { from, stanzaId, request, delayed, cancelId, follows };
    const served = await this.#parts.inbound.serve(incoming, rule).finally(() => follows?.close());
    try {
      return this.#encoded(from, served, dialect);
    } catch (error) {
      served.end();
      const said = error instanceof ExchangeError ? error : new ExchangeError(502, 'The answer cannot be carried.');
      return short(problem(said.status, said.message), dialect);
    }
  }

  /** The body that follows the request in chunks; undefined if none follows. */
  #follows(from: string, { request, chunks }: DecodedRequest, rule: PeerRule): FollowsInChunks | undefined {
    if (chunks === undefined) return undefined;
    const { headers } = request;
    // Its chunks may arrive in the same packet, and are read before the request is admitted.
    const close = this.#parts.chunks.opened(from);
    const bytes = announcedLength(headers) ?? 0;
    return {
      bytes,
      take: async (signal) => {
        const limit = Math.min(this.#parts.bodyLimit, rule.maxBodyKb * 1_024);
        const limited = linkAbort([signal], BODY_LIMIT_MS);
        try {
          if (bytes > limit) throw new ExchangeError(413, 'The body is larger than may be carried.');
          const body = await this.#parts.chunks.take(from, chunks, limit, limited.signal);
          checkDigest(headers, body);
          return body;
        } catch (error) {
          const close = xml('message', { to: from }, xml('close', { xmlns: NS_HTTP, streamId: chunks }));
          this.#parts.session()?.send(close);
          throw error;
        } finally {
          limited.release();
          close();
        }
      },
      close,
    };
  }

  #encoded(from: string, served: Served, dialect: Dialect): Element {
    const { response, pieces } = served;
    const inline = pieces === undefined ? encodeResponse(response, dialect, this.#parts.cap.chars) : undefined;
    if (inline) return inline;
    if (dialect === 'slixmpp') throw new ExchangeError(502, 'The answer is too large for this peer.');
    if (response.body.length > this.#parts.bodyLimit)
      throw new ExchangeError(502, 'The answer is larger than may be carried.');
    const sid = randomUUID();
    const head = pieces === undefined ? withDigest(response) : response;
    // After the answer has left, so that the peer expects the stream.
    setImmediate(() => void this.#pump(from, sid, served, pieces ?? once(response.body)));
    return announceResponse(head, sid);
  }

  async #pump(to: string, sid: string, served: Served, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const session = this.#parts.session();
    const iterator = this.#bounded(served.response, pieces)[Symbol.asyncIterator]();
    const loop = { [Symbol.asyncIterator]: () => unclosed(iterator) };
    try {
      if (session) await sendStream(session, to, sid, loop, this.#parts.cap.bytes(BLOCK_BYTES));
    } catch (error) {
      this.#parts.log.debug({ err: error }, 'the stream of an answer ended early');
    }
    try {
      // Work with an Idempotency-Key continues without its peer: the peer asks again and gets the stored answer.
      if (served.keyed) while (!(await iterator.next()).done);
    } catch {
      // The gateway reports the error, or the response is over.
    } finally {
      served.end();
      await iterator.return?.(undefined).catch(() => undefined);
    }
  }

  async *#bounded({ headers }: HttpResponse, pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, undefined> {
    const isEvents = headerOf(headers, 'content-type')?.startsWith('text/event-stream') ?? false;
    let bytes = 0;
    for await (const piece of pieces) {
      bytes += piece.length;
      if (!isEvents && bytes > this.#parts.bodyLimit) throw new ExchangeError(502, 'larger than may be carried');
      yield piece;
    }
  }
}

/** A response of the bridge itself, which fits any stanza. */
function short(response: HttpResponse, dialect: Dialect): Element {
  return encodeResponse(response, dialect)!;
}

/** An iterator whose source is not closed when a loop over it ends. */
function unclosed<T>(iterator: AsyncIterator<T>): AsyncIterator<T> {
  return { next: () => iterator.next() };
}

function withDigest(response: HttpResponse): HttpResponse {
  return { ...response, headers: [...response.headers, [DIGEST_HEADER, digestOf(response.body)]] };
}

async function* once(body: Buffer): AsyncGenerator<Uint8Array, undefined> {
  yield await Promise.resolve(body);
}
