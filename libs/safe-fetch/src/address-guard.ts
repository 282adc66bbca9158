import { BlockList, isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/*
 * Which addresses may be called. Pure.
 *
 * H1 Only public unicast addresses pass; everything that is private, local, reserved or a way of writing one
 *    of these (IPv4 in IPv6, NAT64, 6to4, Teredo) is refused.
 * H2 Exceptions are named by the operator as host or host:port, compared with what the URL says, not with
 *    what a name resolves to.
 */

/** True for an address that anybody on the public internet may have. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.kind() === 'ipv4') return parsed.range() === 'unicast' && !EXTRA.check(address, 'ipv4');
  const v6 = parsed as ipaddr.IPv6;
  if (v6.isIPv4MappedAddress()) return isPublicAddress(v6.toIPv4Address().toString());
  return v6.range() === 'unicast' && !EXTRA.check(address, 'ipv6');
}

/** What ipaddr.js counts as unicast and is no place to call. */
const EXTRA = new BlockList();
EXTRA.addSubnet('192.88.99.0', 24, 'ipv4'); // 6to4 relay, RFC 7526
EXTRA.addSubnet('100.64.0.0', 10, 'ipv4'); // carrier NAT, RFC 6598
EXTRA.addSubnet('64:ff9b::', 96, 'ipv6'); // NAT64, RFC 6052
EXTRA.addSubnet('64:ff9b:1::', 48, 'ipv6'); // local NAT64, RFC 8215
EXTRA.addSubnet('fec0::', 10, 'ipv6'); // site-local, RFC 3879

export type UrlVerdict = { ok: true; trusted: boolean } | { ok: false; why: string };

/** Judges a URL by its text alone; `trusted`: the operator named this host. The URL parser made it canonical. */
export function judgeUrl(url: URL, allowHosts: ReadonlySet<string>): UrlVerdict {
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return { ok: false, why: 'only http and https are called' };
  if (url.username !== '' || url.password !== '') return { ok: false, why: 'a URL may not hold credentials' };
  if (allowHosts.has(hostAndPort(url)) || allowHosts.has(url.hostname)) return { ok: true, trusted: true };
  const literal = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(literal) !== 0 && !isPublicAddress(literal)) return { ok: false, why: 'the address is not public' };
  if (/(^|\.)localhost\.?$/i.test(url.hostname)) return { ok: false, why: 'the address is not public' };
  return { ok: true, trusted: false };
}

/** host:port with the port always written out. */
export function hostAndPort(url: URL): string {
  return `${url.hostname}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`;
}
