import { BlockList, isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/*
 * Which addresses may be called. Pure.
 *
 * - Only public unicast addresses pass. Every address that is private, local, reserved or a way of writing one of these
 *   (IPv4 in IPv6, NAT64, 6to4, Teredo) is refused.
 * - The operator names exceptions as host or host:port. They are compared with what the URL says, not with what a name
 *   resolves to.
 */

/** True for an address that anybody on the public internet may have. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return ipaddr.IPv4.parse(address).range() === 'unicast' && !EXTRA.check(address, 'ipv4');
  if (family !== 6 || address.includes('%')) return false;
  const v6 = ipaddr.IPv6.parse(address);
  // ::ffff:a.b.c.d is what a socket that speaks both families calls an IPv4 peer.
  if (v6.isIPv4MappedAddress() && MAPPED.check(address, 'ipv6')) return isPublicAddress(v6.toIPv4Address().toString());
  return GLOBAL.check(address, 'ipv6') && v6.range() === 'unicast';
}

/** Addresses that ipaddr.js counts as unicast and that must not be called. */
const EXTRA = new BlockList();
EXTRA.addSubnet('192.88.99.0', 24, 'ipv4'); // 6to4 relay, RFC 7526
EXTRA.addSubnet('100.64.0.0', 10, 'ipv4'); // carrier NAT, RFC 6598
const MAPPED = new BlockList();
MAPPED.addSubnet('::ffff:0:0', 96, 'ipv6');
/** The only block that is given out for global unicast, RFC 4291 and IANA. */
const GLOBAL = new BlockList();
GLOBAL.addSubnet('2000::', 3, 'ipv6');

export type UrlVerdict = { ok: true; trusted: boolean } | { ok: false; why: string };

/** Judges a URL by its text alone; `trusted`: the operator named this host. The URL parser made it canonical. */
export function judgeUrl(url: URL, allowHosts: ReadonlySet<string>): UrlVerdict {
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return { ok: false, why: 'only http and https are called' };
  if (url.username !== '' || url.password !== '') return { ok: false, why: 'a URL may not hold credentials' };
  if (allowHosts.has(hostAndPort(url)) || allowHosts.has(url.hostname)) return { ok: true, trusted: true };
  const literal = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(literal) !== 0 && !isPublicAddress(literal)) return { ok: false, why: 'the address is not public' };
  if (/(^|\.)localhost\.?$/.test(url.hostname)) return { ok: false, why: 'the address is not public' };
  return { ok: true, trusted: false };
}

/** host:port with the port always written out; the dot that may end a name is left out. */
export function hostAndPort(url: URL): string {
  return `${hostOf(url)}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`;
}

/** `host.` and `host` are one host: the dot only says that the name is complete. */
export function hostOf(url: URL): string {
  return url.hostname.endsWith('.') ? url.hostname.slice(0, -1) : url.hostname;
}
