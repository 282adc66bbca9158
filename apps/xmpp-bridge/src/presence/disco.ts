import { type Element, xml } from '@xmpp/client';
import { BoundedMap } from '@switchyard/platform';
import { NS_AZTM } from '../http-over-xmpp/aztm-v1.ts';
import { NS_CANCEL } from '../wire/index.ts';
import { NS_TEXT } from '../http-over-xmpp/http-text.ts';
import { NS_IBB } from '../http-over-xmpp/ibb.ts';
import { IqError, type Session, StanzaRefusal } from '../session/index.ts';
import { bareOf } from '../peers/index.ts';
import { NS_HTTP, NS_SHIM } from '../http-over-xmpp/xep-0332.ts';

/*
 * Service discovery (XEP-0030): answers known peers with our features, and asks each session of a peer once for its
 * features.
 *
 * - An unknown JID learns nothing, not even that the account is online.
 * - The bridge remembers the answer of a session as long as that session is online, or for CACHE_MS if the bridge
 *   cannot see the session leave. The number of remembered sessions is limited.
 */

export const NS_DISCO = 'http://jabber.org/protocol/disco#info';
const CACHE_MS = 600_000;
const MAX_CACHED = 2_048;
const ASK_LIMIT_MS = 5_000;

/** Answers disco#info; undefined if the IQ is about something else. Throws StanzaRefusal. */
export function answerDisco(
  iq: Element,
  may: (bareJid: string) => boolean,
  serves: boolean,
): Promise<Element> | undefined {
  const query = iq.attrs['type'] === 'get' ? iq.getChild('query', NS_DISCO) : undefined;
  if (!query) return undefined;
  // The refusal that a server gives for a session that does not exist.
  if (!may(bareOf(iq.attrs['from'] ?? ''))) throw new StanzaRefusal('service-unavailable');
  if (query.attrs['node'] !== undefined) throw new StanzaRefusal('item-not-found');
  const features = [
    NS_DISCO,
    NS_IBB,
    NS_CANCEL,
    'urn:xmpp:ping',
    ...(serves ? [NS_HTTP, NS_SHIM, NS_TEXT, NS_AZTM] : []),
  ];
  return Promise.resolve(
    xml(
      'query',
      { xmlns: NS_DISCO },
      xml('identity', { category: 'automation', type: 'soap', name: 'Switchyard' }),
      ...features.map((feature) => xml('feature', { var: feature })),
    ),
  );
}

/** The protocol that a session accepts: IQs of XEP-0332, IQs with one text element, or messages of urn:aztm:v1. */
export type PeerWire = 'http' | 'text' | 'aztm';

/** Asks sessions for their features, once each. */
export class PeerFeatures {
  readonly #known = new BoundedMap<string, { readonly wire: Promise<PeerWire>; readonly until: number }>(MAX_CACHED);

  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** The protocol of this full JID. Rejects with IqError if it does not answer, or the connection is lost. */
  wireOf(session: Session, fullJid: string, isPresent: boolean, limitMs: number): Promise<PeerWire> {
    const known = this.#known.get(fullJid);
    if (known && known.until > this.#now()) return known.wire;
    const asked = ask(session, fullJid, isPresent, Math.min(limitMs, ASK_LIMIT_MS));
    // A peer that is away, or refuses the query, is called by the standard: its refusal says what is wrong.
    const wire = asked.then((said) => said ?? 'http');
    this.#known.set(fullJid, { wire, until: this.#now() + CACHE_MS });
    const forget = (): void => void (this.#known.get(fullJid)?.wire === wire && this.#known.delete(fullJid));
    asked.then((said) => (said === undefined ? forget() : undefined), forget);
    return wire;
  }

  /** True if this session answers within `limitMs`; a refusal counts as an answer. */
  async answers(session: Session, fullJid: string, isPresent: boolean, limitMs: number): Promise<boolean> {
    try {
      return (await ask(session, fullJid, isPresent, limitMs)) !== undefined;
    } catch {
      return false;
    }
  }

  forget(fullJid: string): void {
    this.#known.delete(fullJid);
  }

  clear(): void {
    this.#known.clear();
  }
}

/** Undefined if it does not say. */
async function ask(session: Session, to: string, isPresent: boolean, timeoutMs: number): Promise<PeerWire | undefined> {
  try {
    const answer = await session.ask('get', xml('query', { xmlns: NS_DISCO }), { to, timeoutMs });
    const features = answer.getChild('query', NS_DISCO)?.getChildren('feature') ?? [];
    const can = (name: string): boolean => features.some((feature) => feature.attrs['var'] === name);
    if (can(NS_HTTP)) return can(NS_TEXT) ? 'text' : 'http';
    return can(NS_CANCEL) ? undefined : 'aztm'; // a bridge session that only sends requests accepts neither
  } catch (error) {
    if (!(error instanceof IqError)) throw error;
    if (error.code === 'deadline') return undefined;
    if (error.code !== 'refused') throw error;
    // An old session that is online knows no disco; the server gives the same error for one that is not online.
    const silent = isPresent && error.condition === 'service-unavailable';
    return silent || error.condition === 'feature-not-implemented' ? 'aztm' : undefined;
  }
}
