import { type Element, xml } from '@xmpp/client';
import { bareOf } from '../peers/index.ts';
import { type Session, StanzaRefusal } from '../session/index.ts';

/*
 * Whom our account has as a contact (RFC 6121 §2): those with whom somebody agreed to a subscription, either way.
 *
 * - Only the account itself changes the roster. A push from any other sender is refused.
 * - Without a login nobody is a contact. The number of contacts is bounded.
 */

export const NS_ROSTER = 'jabber:iq:roster';
const LIMIT_MS = 10_000;
const MAX_CONTACTS = 20_000;

export class Roster {
  readonly #contacts = new Set<string>();

  has(bareJid: string): boolean {
    return this.#contacts.has(bareJid);
  }

  /** Asks for all of it; the server tells changes from then on. Rejects with IqError. */
  async fetch(session: Session): Promise<void> {
    const answer = await session.ask('get', xml('query', { xmlns: NS_ROSTER }), { timeoutMs: LIMIT_MS });
    this.#contacts.clear();
    this.#take(answer.getChild('query', NS_ROSTER));
  }

  /** Takes a change; undefined where the question is about something else. Throws StanzaRefusal. */
  onQuestion(iq: Element, ownJid: string): Promise<undefined> | undefined {
    const query = iq.attrs['type'] === 'set' ? iq.getChild('query', NS_ROSTER) : undefined;
    if (!query) return undefined;
    const { from } = iq.attrs;
    if (from !== undefined && from !== bareOf(ownJid)) throw new StanzaRefusal('service-unavailable');
    this.#take(query);
    return Promise.resolve(undefined);
  }

  /** Without a login nobody is a contact. */
  clear(): void {
    this.#contacts.clear();
  }

  #take(query: Element | undefined): void {
    for (const { attrs } of query?.getChildren('item') ?? []) {
      const jid = bareOf(attrs['jid'] ?? '');
      const agreed = ['to', 'from', 'both'].includes(attrs['subscription'] ?? '');
      if (!agreed) this.#contacts.delete(jid);
      else if (this.#contacts.size < MAX_CONTACTS) this.#contacts.add(jid);
    }
  }
}
