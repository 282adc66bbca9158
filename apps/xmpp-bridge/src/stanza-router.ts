import type { Element } from '@xmpp/client';
import { type Contacts, answerDisco, type Answers, type ReplyListener } from './presence/index.ts';
import { decodeAztm } from './http-over-xmpp/aztm-v1.ts';
import type { IncomingChunks } from './http-over-xmpp/chunks.ts';
import type { IncomingStreams } from './http-over-xmpp/ibb.ts';
import type { Peers } from './peers/index.ts';
import type { Served } from './inbound/index.ts';
import type { Session, SessionHandlers } from './session/index.ts';

/*
 * What comes over our sessions, and who takes it.
 *
 * - The bridge takes requests of peers only from the session that has the seat, and only while it has the seat. Over
 *   the session that asks it serves nobody.
 * - A replica that asked hears the answer over the session that asked, also where the answer is addressed to the
 *   account. The session that serves hands such answers on to the replica that asked.
 * - When a session of a peer leaves, or its server says that it left, the bridge ends what came from that session and
 *   what it does for it.
 */

export interface StanzasParts {
  readonly contacts: Contacts;
  readonly peers: Peers;
  readonly replyListener: ReplyListener;
  readonly answers: Answers;
  readonly streams: IncomingStreams;
  readonly chunks: IncomingChunks;
  /** Undefined where peers cannot call us. */
  readonly served: Served | undefined;
  /** The session over which this replica asks. */
  readonly asking: () => Session | null;
}

type Handlers = Omit<SessionHandlers, 'onClose' | 'onDropped'>;

export class Stanzas {
  readonly #parts: StanzasParts;

  constructor(parts: StanzasParts) {
    this.#parts = parts;
  }

  /** Of the session over which this replica asks. */
  ofAsking(): Handlers {
    return this.#handlers(() => false, true);
  }

  /** Of the session that serves; `seated`: whether it has the seat at this moment, without which it takes no request. */
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

  /** Ends what came from this session of a peer, and what is done for it. */
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
