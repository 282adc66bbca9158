import type { Card } from './canonical.ts';
import { keyAddresses } from './check-card.ts';

/** Where the keys of a card that nobody pinned may be read, and what else the card names. */
export interface KeySource {
  /** Addresses at the card's own host, or at an allowed one, in the order of trying. */
  readonly addresses: readonly string[];
  /** Addresses that the card names at other hosts. They are not read: whoever changes a card could name their own. */
  readonly foreign: readonly string[];
}

const PUBLISHED_AT = '/.well-known/jwks.json';
const MAX_ADDRESSES = 3;

/**
 * Judges where the keys of a card may be read. Pure. A signed card that names no address is tried at the usual one of its
 * own origin.
 */
export function keySourceOf(card: Card, cardUrl: string, allowedHosts: readonly string[]): KeySource {
  const named = keyAddresses(card);
  const [own, foreign] = [
    named.filter((url) => leadsToAllowed(url, cardUrl, allowedHosts)),
    named.filter((url) => !leadsToAllowed(url, cardUrl, allowedHosts)),
  ];
  const usual = named.length === 0 && card.signatures.length > 0 ? [new URL(PUBLISHED_AT, cardUrl).href] : [];
  return { addresses: [...own, ...usual].slice(0, MAX_ADDRESSES), foreign };
}

/**
 * True for an http(s) address without credentials at the card's own origin, or at a host on `allowedHosts` (`host` or
 * `host:port`). Pure.
 */
export function leadsToAllowed(url: string, cardUrl: string, allowedHosts: readonly string[]): boolean {
  if (!URL.canParse(url)) return false;
  const target = new URL(url);
  if (target.protocol !== 'http:' && target.protocol !== 'https:') return false;
  if (target.username !== '' || target.password !== '') return false;
  if (target.origin === new URL(cardUrl).origin) return true;
  const hostAndPort = `${target.hostname}:${target.port || (target.protocol === 'https:' ? '443' : '80')}`;
  return allowedHosts.some((host) => host === hostAndPort || host === target.hostname);
}
