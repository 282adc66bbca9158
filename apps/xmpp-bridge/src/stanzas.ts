import type { Element } from '@xmpp/client';
import { type Acquaintances, answerDisco, type Answers, type Hearing } from './presence/index.ts';
import { decodeAztm } from './http-over-xmpp/aztm-v1.ts';
import type { IncomingChunks } from './http-over-xmpp/chunks.ts';
import type { IncomingStreams } from './http-over-xmpp/ibb.ts';
import type { Peers } from './peers/index.ts';
import type { Served } from './inbound/index.ts';
import type { Session, SessionHandlers } from './session/index.ts';

/*
 * What comes over our sessions, and who takes it.
 *
 * S1 What peers ask is taken from the session that has the seat, and at a moment at which it has it; over the one that
 *    asks nobody is served.
 * S2 Whoever asked hears the answer over the session that asked, also where it comes to the account. What comes to the
 *    session that serves is handed on to whoever asked.
 * S3 A session of a peer that says it leaves, or of which its server says so, ends what came from it and what is done
 *    for it.
 */

export interface StanzasParts {
  readonly acquaintances: Acquaintances;
  readonly peers: Peers;
  readonly hearing: Hearing;
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
  constructor(private readonly parts: StanzasParts) {}

  /** Of the session over which this replica asks. */
  ofAsking(): Handlers {
    return this.#handlers(() => false, true);
  }

  /** Of the session that serves; `seated`: whether it does at this moment (S1). */
  ofServing(seated: () => boolean): Handlers {
    return this.#handlers(seated, false);
  }

  #handlers(serves: () => boolean, asks: boolean): Handlers {
    const { acquaintances, streams, served, peers, hearing, asking } = this.parts;
    return {
      onQuestion: (iq) =>
        answerDisco(iq, (jid) => acquaintances.knows(jid), serves()) ??
        acquaintances.onQuestion(iq) ??
        streams.onQuestion(iq) ??
        (serves() ? served?.iq.onQuestion(iq) : undefined),
      onMessage: (message) => this.#onMessage(message, asks, serves()),
      onPresence: (presence) => {
        const { type, from = '' } = presence.attrs;
        if (type === 'subscribe') return acquaintances.onSubscribe(from, asking());
        if (type === 'unavailable') this.#onLeft(from);
        peers.takePresence(presence);
        if (asks) hearing.takePresence(presence, asking());
      },
    };
  }

  /** S3 */
  #onLeft(fullJid: string): void {
    this.parts.streams.cutFrom(fullJid);
    this.parts.chunks.cutFrom(fullJid);
    this.parts.served?.inbound.onLeft(fullJid);
  }

  #onMessage(message: Element, asks: boolean, serves: boolean): void {
    const { chunks, streams, served, answers } = this.parts;
    if (chunks.onMessage(message)) return;
    streams.onMessage(message);
    if (serves) served?.iq.onMessage(message);
    const session = asks ? this.parts.asking() : null;
    if (message.attrs['type'] === 'error') {
      if (session?.asked(message.attrs['id'] ?? '')) session.takeAnswer(message);
      return;
    }
    const said = decodeAztm(message);
    if (said?.kind === 'response')
      return asks ? session?.takeAnswer(message, said.corr) : answers.handOn(message, said.corr); // S2
    if (said && serves) served?.aztm.onMessage(message, said);
  }
}
