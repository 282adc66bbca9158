import { type Element, xml } from '@xmpp/client';
import { bareOf } from '../peers/index.ts';
import { type Session, StanzaRefusal } from '../session/index.ts';

/*
 * The contacts of our account (RFC 6121 §2): JIDs with a subscription, in either direction.
 *
 * - Only the account itself changes the roster. A push from any other sender is refused.
 * - Without a login the roster is empty. The number of contacts is limited.
 */

export const NS_ROSTER = 'jabber:iq:roster';
const LIMIT_MS = 10_000;
const MAX_CONTACTS = 20_000;

export class Roster {
  readonly #contacts = new Set<string>();

  has(bareJid: string): boolean {
    return this.#contacts.has(bareJid);
  }

  /** Fetches the whole roster; the server pushes changes from then on. Rejects with IqError. */
  async fetch(session: Session): Promise<void> {
    const answer = await session.ask('get', xml('query', { xmlns: NS_ROSTER }), { timeoutMs: LIMIT_MS });
    this.#contacts.clear();
    this.#take(answer.getChild('query', NS_ROSTER));
  }

  /** Takes a change; undefined if the IQ is about something else. Throws StanzaRefusal. */
  onQuestion(iq: Element, ownJid: string): Promise<undefined> | undefined {
    const query = iq.attrs['type'] === 'set' ? iq.getChild('query', NS_ROSTER) : undefined;
    if (!query) return undefined;
    const { from } = iq.attrs;
    if (from !== undefined && from !== bareOf(ownJid)) throw new StanzaRefusal('service-unavailable');
    this.#take(query);
    return Promise.resolve(undefined);
  }

  /** Without a login the roster is empty. */
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
