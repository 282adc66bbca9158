import { type Element, xml } from '@xmpp/client';
import { ACCOUNT_PRIORITY, INBOUND_RESOURCE } from '../peers/index.ts';
import { type Session, SESSION_DEFAULTS } from '../session/index.ts';

/*
 * Decides which session receives replies that peers send to the bare JID instead of the session that asked, as the
 * Python library does.
 *
 * - If the inbound leader forwards replies (answers.ts), only the leader receives them. With two sessions of equal
 *   priority some servers deliver to one at random, and requests of peers would be lost.
 * - If no session forwards replies (no leader, or a change of leader), a replica with an open request raises its own
 *   priority to receive them.
 * - A session keeps the raised priority for a while after its last request, so that the priority does not go up and
 *   down with each one.
 */

const NS_ANSWERS = 'urn:switchyard:answers:0';

/** The mark in the presence of a session that forwards replies. */
export function handsOn(): Element {
  return xml('hands-on', { xmlns: NS_ANSWERS });
}

type Announcing = Pick<Session, 'announce' | 'open'>;

const LINGER_MS = 30_000;

/** One per replica, for the session over which it sends requests. */
export class ReplyListener {
  #handedOn = false;
  #questions = 0;
  /** The session whose priority is raised. */
  #raised: Announcing | undefined;
  #linger: NodeJS.Timeout | undefined;

  /** Bare JID of the account. */
  readonly #account: string;
  readonly #lingerMs: number;

  constructor(account: string, lingerMs = LINGER_MS) {
    this.#account = account;
    this.#lingerMs = lingerMs;
  }

  /** Sends a request whose reply may come to the bare JID. */
  async during<T>(session: Announcing, ask: () => Promise<T>): Promise<T> {
    this.#questions += 1;
    this.#hear(session);
    try {
      return await ask();
    } finally {
      this.#questions -= 1;
      if (this.#questions === 0) this.#later();
    }
  }

  /** Takes a presence of another session of our account: the leader says there whether it forwards replies. */
  takePresence(presence: Element, session: Announcing | null): void {
    const { from = '', type } = presence.attrs;
    if (from.toLowerCase() !== `${this.#account}/${INBOUND_RESOURCE}`) return;
    this.#handedOn = type === undefined && presence.getChild('hands-on', NS_ANSWERS) !== undefined;
    if (this.#handedOn) this.#rest();
    else if (session && this.#questions > 0) this.#hear(session);
  }

  /** The connection is gone: forgets the other sessions. */
  clear(): void {
    clearTimeout(this.#linger);
    this.#handedOn = false;
    this.#raised = undefined;
  }

  /** Raises the priority of this session, unless the leader forwards replies. */
  #hear(session: Announcing): void {
    clearTimeout(this.#linger);
    if (this.#handedOn || this.#raised === session) return;
    session.announce(ACCOUNT_PRIORITY);
    this.#raised = session;
  }

  /** Lowers the priority a while after the last request. */
  #later(): void {
    clearTimeout(this.#linger);
    if (this.#raised) this.#linger = setTimeout(() => this.#rest(), this.#lingerMs).unref();
  }

  #rest(): void {
    clearTimeout(this.#linger);
    if (this.#raised?.open) this.#raised.announce(SESSION_DEFAULTS.priority);
    this.#raised = undefined;
  }
}
