import type { Logger } from '@switchyard/platform';
import { type Element, xml } from '@xmpp/client';
import { logEvent } from '../log-events.ts';
import { bareOf, type PeerPolicy, ruleFor } from '../peers/index.ts';
import { Roster } from './roster.ts';
import type { Session } from '../session/index.ts';

/*
 * The JIDs that we know: those that hosts are mapped to, and those that may call us.
 *
 * - Only contacts see that the account is online, and what the bridge supports.
 * - If a peer may call only as a contact, a person makes it a contact. A request of the peer for a subscription does
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

  /** True if we call this JID. */
  isMapped(bareJid: string): boolean {
    return this.#mapped.has(bareJid);
  }

  isContact(bareJid: string): boolean {
    return this.#roster.has(bareJid);
  }

  /** True if this JID may call us, or is called by us. */
  knows(bareJid: string): boolean {
    const rule = ruleFor(this.#parts.policy(), bareJid);
    return this.isMapped(bareJid) || (rule !== undefined && (!rule.contactsOnly || this.isContact(bareJid)));
  }

  /** Takes a change of the roster; undefined if the IQ is about something else. Throws StanzaRefusal. */
  onQuestion(iq: Element): Promise<undefined> | undefined {
    return this.#roster.onQuestion(iq, this.#parts.own);
  }

  /**
   * Answers a request for our presence: granted to contacts, refused to others. For a peer that may call only as a
   * contact a person decides.
   */
  onSubscribe(from: string, session: Session | null): void {
    const jid = bareOf(from);
    if (!this.knows(jid) && ruleFor(this.#parts.policy(), jid)?.contactsOnly) return;
    session?.send(xml('presence', { to: jid, type: this.knows(jid) ? 'subscribed' : 'unsubscribed' }));
  }

  /** Asks the peers that we call for their presence, and the server for our roster. */
  greet(session: Session): void {
    for (const jid of this.#mapped) session.send(xml('presence', { to: jid, type: 'subscribe' }));
    this.#roster
      .fetch(session)
      .catch((error: unknown) => logEvent(this.#parts.log, 'xmpp_roster_unreadable', { err: error }));
  }

  /** The connection is gone: forgets the roster. */
  clear(): void {
    this.#roster.clear();
  }
}
