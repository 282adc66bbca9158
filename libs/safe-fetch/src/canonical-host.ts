import ipaddr from 'ipaddr.js';
import { hostOf } from './address-guard.ts';

/*
 * One spelling for each host, so that a map of hosts cannot be passed by another spelling. Pure.
 *
 * The URL parser has made hex, octal and short IPv4 addresses, letters and Unicode plain already. What it leaves are the
 * ways of writing an IPv4 address as an IPv6 one and dots at the end.
 */

/** Prefixes (in groups of 16 bits) before an IPv4 address in the last 32 bits. */
const BEFORE_IPV4: readonly (readonly number[])[] = [
  [0, 0, 0, 0, 0, 0xffff], // IPv4-mapped, RFC 4291: a socket connects it to the IPv4 address itself
  [0, 0, 0, 0, 0xffff, 0], // IPv4-translated, RFC 2765
  [0x64, 0xff9b, 0, 0, 0, 0], // NAT64, RFC 6052
];
/** NAT64 of a network of one's own, RFC 8215: a /48 that ends in the IPv4 address. */
const LOCAL_NAT64 = [0x64, 0xff9b, 1];
const SIX_TO_FOUR = 0x2002;

/** The host of a URL; of an IPv6 address that stands for an IPv4 address, the latter. */
export function canonicalHostOf(url: URL): string {
  const host = hostOf(url).replace(/\.+$/, '');
  const literal = /^\[(.*)\]$/.exec(host)?.[1];
  return (literal !== undefined && ipv4Within(literal)) || host;
}

function ipv4Within(literal: string): string | undefined {
  if (!ipaddr.IPv6.isValid(literal)) return undefined;
  const { parts } = ipaddr.IPv6.parse(literal);
  const begins = (prefix: readonly number[]): boolean => prefix.every((part, at) => parts[at] === part);
  if (BEFORE_IPV4.some(begins) || begins(LOCAL_NAT64)) return dotted(parts[6]!, parts[7]!);
  return parts[0] === SIX_TO_FOUR ? dotted(parts[1]!, parts[2]!) : undefined;
}

function dotted(high: number, low: number): string {
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}
