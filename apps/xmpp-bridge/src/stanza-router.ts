import type { Element } from '@xmpp/client';
import { type Contacts, answerDisco, type Answers, type ReplyListener } from './presence/index.ts';
import { decodeAztm } from './http-over-xmpp/aztm-v1.ts';
import type { IncomingChunks } from './http-over-xmpp/chunks.ts';
import type { IncomingStreams } from './http-over-xmpp/ibb.ts';
import type { Peers } from './peers/index.ts';
import type { Served } from './inbound/index.ts';
import type { Session, SessionHandlers } from './session/index.ts';

/*
 * Routes the stanzas of our sessions to their handlers.
 *
 * - The bridge accepts requests of peers only over the inbound leader's session, and only while this replica leads.
 *   Over its own session a replica accepts none.
 * - Replies go to the session that sent the request, including replies addressed to the bare JID: the leader's session
 *   forwards those to the replica that asked.
 * - When a session of a peer leaves, or its server says so, the bridge ends what came from that session and the work
 *   for it.
 */

export interface StanzasParts {
  readonly contacts: Contacts;
  readonly peers: Peers;
  readonly replyListener: ReplyListener;
  readonly answers: Answers;
  readonly streams: IncomingStreams;
  readonly chunks: IncomingChunks;
  /** Undefined if peers cannot call us. */
  readonly served: Served | undefined;
  /** The session over which this replica sends requests. */
  readonly asking: () => Session | null;
}

type Handlers = Omit<SessionHandlers, 'onClose' | 'onDropped'>;

export class Stanzas {
  readonly #parts: StanzasParts;

  constructor(parts: StanzasParts) {
    this.#parts = parts;
  }

  /** The handlers of the session over which this replica sends requests. */
  ofAsking(): Handlers {
    return this.#handlers(() => false, true);
  }

  /**
   * The handlers of the leader's session; `leading`: whether this replica leads at this moment, without which it
   * accepts no request.
   */
  ofServing(leading: () => boolean): Handlers {
    return this.#handlers(leading, false);
  }

  #handlers(serves: () => boolean, asks: boolean): Handlers {
    const { contacts, streams, served, peers, replyListener, asking } = this.#parts;
    return {
      onQuestion: (iq) =>
        answerDisco(iq, (jid) => contacts.knows(jid), serves()) ??
        contacts.onQuestion(iq) ??
        streams.onQuestion(iq) ??
        (serves() ? served?.iq.onQuestion(iq) : undefined),
      onMessage: (message) => this.#onMessage(message, asks, serves()),
      onPresence: (presence) => {
        const { type, from = '' } = presence.attrs;
        if (type === 'subscribe') return contacts.onSubscribe(from, asking());
        if (type === 'unavailable') this.#onLeft(from);
        peers.takePresence(presence);
        if (asks) replyListener.takePresence(presence, asking());
      },
    };
  }

  /** Ends the streams from this session of a peer, and the work for it. */
  #onLeft(fullJid: string): void {
    this.#parts.streams.cutFrom(fullJid);
    this.#parts.chunks.cutFrom(fullJid);
    this.#parts.served?.inbound.onLeft(fullJid);
  }

  #onMessage(message: Element, asks: boolean, serves: boolean): void {
    const { chunks, streams, served, answers } = this.#parts;
    if (chunks.onMessage(message)) return;
    streams.onMessage(message);
    if (serves) served?.iq.onMessage(message);
    const session = asks ? this.#parts.asking() : null;
    if (message.attrs['type'] === 'error') {
      if (session?.asked(message.attrs['id'] ?? '')) session.takeAnswer(message);
      return;
    }
    const said = decodeAztm(message);
    if (said?.kind === 'response')
      return asks ? session?.takeAnswer(message, said.corr) : answers.handOn(message, said.corr);
    if (said && serves) served?.aztm.onMessage(message, said);
  }
}
