import { type Element, xml } from '@xmpp/client';
import { ACCOUNT_PRIORITY, INBOUND_RESOURCE } from '../peers/index.ts';
import { type Session, SESSION_DEFAULTS } from '../session/index.ts';

/*
 * Who hears what peers answer to the account, and not to the session that asked, as the Python library does.
 *
 * - Where the session that serves the account hands such answers on (answers.ts), only that session hears them. With
 *   two sessions of equal priority some servers deliver to one of them, and requests of peers to the account would be
 *   lost at the other.
 * - Where no session hands answers on (no replica serves, or the seat changes), a replica with an open question hears
 *   them itself.
 * - A session that began to hear answers goes on for a while after its last question, so that its priority does not go
 *   up and down with each question.
 */

const NS_ANSWERS = 'urn:switchyard:answers:0';

/** In the presence of a session that hands answers on. */
export function handsOn(): Element {
  return xml('hands-on', { xmlns: NS_ANSWERS });
}

type Announcing = Pick<Session, 'announce' | 'open'>;

const LINGER_MS = 30_000;

/** Of one replica, for the session over which it asks. */
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

  /** Asks something over the session whose answer may come to the account. */
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

  /** `from` a session of our own account: who serves says whether it hands answers on. */
  takePresence(presence: Element, session: Announcing | null): void {
    const { from = '', type } = presence.attrs;
    if (from.toLowerCase() !== `${this.#account}/${INBOUND_RESOURCE}`) return;
    this.#handedOn = type === undefined && presence.getChild('hands-on', NS_ANSWERS) !== undefined;
    if (this.#handedOn) this.#rest();
    else if (session && this.#questions > 0) this.#hear(session);
  }

  /** The connection is gone, and with it what was known. */
  clear(): void {
    clearTimeout(this.#linger);
    this.#handedOn = false;
    this.#raised = undefined;
  }

  /** Raises the priority of this session, unless the session that serves hands answers on. */
  #hear(session: Announcing): void {
    clearTimeout(this.#linger);
    if (this.#handedOn || this.#raised === session) return;
    session.announce(ACCOUNT_PRIORITY);
    this.#raised = session;
  }

  /** Lowers the priority a while after the last question. */
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
