import type { Element } from '@xmpp/client';

/*
 * The online sessions of our peers, from presence (RFC 6121 §4). Limited memory.
 *
 * - The bridge remembers the sessions of known peers only. Presence of other JIDs changes nothing.
 * - A request goes to a full JID: the configured one, else the session with the highest priority, else the resource of
 *   our own bridges.
 * - When a session of a peer leaves, the listener is called, so that no request waits for that session.
 */

/** The resource of the bridge that answers for an account. */
export const INBOUND_RESOURCE = 'aztm';
/** The priority of every session that receives stanzas for the account; among equals, all receive them. */
export const ACCOUNT_PRIORITY = 10;
const MAX_SESSIONS_PER_PEER = 32;

export class Peers {
  readonly #sessions = new Map<string, Map<string, number>>();
  /** The dialects of full JIDs that do not speak the standard. */
  readonly #dialects = new Map<string, 'slixmpp'>();

  readonly #waiting = new Set<() => void>();

  readonly #isKnown: (bareJid: string) => boolean;
  readonly #listener: {
    /** A session; and the account, with its last one. */ onGone(jid: string): void;
    onThere(bareJid: string): void;
  };

  constructor(
    isKnown: (bareJid: string) => boolean,
    listener: {
      /** A session; and the account, with its last one. */ onGone(jid: string): void;
      onThere(bareJid: string): void;
    } = {
      onGone: () => undefined,
      onThere: () => undefined,
    },
  ) {
    this.#isKnown = isKnown;
    this.#listener = listener;
  }

  takePresence(presence: Element): void {
    const from = presence.attrs['from'] ?? '';
    const { bare, resource } = split(from);
    if (resource === '' || !this.#isKnown(bare)) return;
    const type = presence.attrs['type'];
    const sessions = this.#sessions.get(bare) ?? new Map<string, number>();
    if (type === 'unavailable' || type === 'error') {
      const was = sessions.delete(from);
      this.#dialects.delete(from);
      if (type === 'unavailable') this.#listener.onGone(from);
      if (was && sessions.size === 0) this.#listener.onGone(bare);
    } else if (type === undefined && (sessions.has(from) || sessions.size < MAX_SESSIONS_PER_PEER)) {
      const priority = Number(presence.getChildText('priority') ?? 0);
      sessions.set(from, Number.isInteger(priority) ? priority : 0);
      this.#listener.onThere(bare);
    }
    if (sessions.size > 0) this.#sessions.set(bare, sessions);
    else this.#sessions.delete(bare);
    for (const look of [...this.#waiting]) look();
  }

  isPresent(fullJid: string): boolean {
    return this.#sessions.get(split(fullJid).bare)?.has(fullJid) ?? false;
  }

  /** Resolves when a session that takes requests is online; rejects if the signal aborts first. */
  whenPresent(jid: string, signal: AbortSignal): Promise<void> {
    const { bare, resource } = split(jid);
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const sessions = this.#sessions.get(bare);
        const there = resource === '' ? [...(sessions?.values() ?? [])].some((n) => n >= 0) : sessions?.has(jid);
        if (there) end(resolve);
      };
      const onAbort = (): void => end(() => reject(new Error('nobody came')));
      const end = (then: () => void): void => {
        this.#waiting.delete(look);
        signal.removeEventListener('abort', onAbort);
        then();
      };
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(look);
      look();
    });
  }

  /** The full JID for a request to this JID, even if no session of the peer is known. */
  addressOf(jid: string): string {
    const { bare, resource } = split(jid);
    if (resource !== '') return jid;
    const best = [...(this.#sessions.get(bare) ?? [])].filter(([, priority]) => priority >= 0);
    const serves = (jid_: string): number => Number(split(jid_).resource === INBOUND_RESOURCE);
    best.sort((a, b) => b[1] - a[1] || serves(b[0]) - serves(a[0]));
    return best[0]?.[0] ?? `${bare}/${INBOUND_RESOURCE}`;
  }

  dialectOf(fullJid: string): 'standard' | 'slixmpp' {
    return this.#dialects.get(fullJid) ?? 'standard';
  }

  /** Remembers that this session does not know the standard's element. */
  speaksSlixmpp(fullJid: string): void {
    if (this.#dialects.size >= 1_024) this.#dialects.clear();
    this.#dialects.set(fullJid, 'slixmpp');
  }

  /** The connection is gone: forgets all sessions. */
  clear(): void {
    this.#sessions.clear();
    this.#dialects.clear();
  }
}

export function bareOf(jid: string): string {
  return split(jid).bare;
}

function split(jid: string): { bare: string; resource: string } {
  const slash = jid.indexOf('/');
  const bare = (slash < 0 ? jid : jid.slice(0, slash)).normalize('NFC').toLowerCase();
  return { bare, resource: slash < 0 ? '' : jid.slice(slash + 1) };
}
