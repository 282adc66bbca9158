import type { Logger } from '@switchyard/platform';
import { type Element, xml } from '@xmpp/client';
import { bareOf, type PeerPolicy, ruleFor } from '../peers/index.ts';
import { Roster } from './roster.ts';
import type { Session } from '../session/index.ts';

/*
 * Whom we know: those that hosts are mapped to, and those that may call us.
 *
 * - Only acquaintances see that the account is online, and what the bridge supports.
 * - Where a peer may call only as a contact, a person makes it a contact. A request of the peer for a subscription does
 *   not.
 */

export interface ContactsParts {
  readonly serviceMap: ReadonlyMap<string, string>;
  readonly policy: () => PeerPolicy;
  /** Our own JID. */
  readonly own: string;
  readonly log: Logger;
}

export class Contacts {
  readonly #mapped: ReadonlySet<string>;
  readonly #roster = new Roster();

  readonly #parts: ContactsParts;

  constructor(parts: ContactsParts) {
    this.#parts = parts;
    this.#mapped = new Set([...parts.serviceMap.values()].map(bareOf));
  }

  /** One that we call. */
  isMapped(bareJid: string): boolean {
    return this.#mapped.has(bareJid);
  }

  isContact(bareJid: string): boolean {
    return this.#roster.has(bareJid);
  }

  /** Whoever may call us, or is called by us. */
  knows(bareJid: string): boolean {
    const rule = ruleFor(this.#parts.policy(), bareJid);
    return this.isMapped(bareJid) || (rule !== undefined && (!rule.contactsOnly || this.isContact(bareJid)));
  }

  /** A change of the roster; undefined where the question is about something else. Throws StanzaRefusal. */
  onQuestion(iq: Element): Promise<undefined> | undefined {
    return this.#roster.onQuestion(iq, this.#parts.own);
  }

  /**
   * Somebody asks to see that we are there: acquaintances may, strangers may not. On a peer that may call only as a contact
   * a person decides.
   */
  onSubscribe(from: string, session: Session | null): void {
    const jid = bareOf(from);
    if (!this.knows(jid) && ruleFor(this.#parts.policy(), jid)?.contactsOnly) return;
    session?.send(xml('presence', { to: jid, type: this.knows(jid) ? 'subscribed' : 'unsubscribed' }));
  }

  /** Asks those that we call to let us see which of their sessions are there, and the server for our contacts. */
  greet(session: Session): void {
    for (const jid of this.#mapped) session.send(xml('presence', { to: jid, type: 'subscribe' }));
    this.#roster
      .fetch(session)
      .catch((error: unknown) =>
        this.#parts.log.warn({ err: error }, 'the roster could not be read; nobody is a contact'),
      );
  }

  /** The connection is gone, and with it what was known. */
  clear(): void {
    this.#roster.clear();
  }
}
