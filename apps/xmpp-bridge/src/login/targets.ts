import { lookup, resolveSrv } from 'node:dns/promises';
import type { TlsMode } from './tls.ts';

/*
 * Finds the servers of a domain, and how to connect (RFC 6120 §3.2, XEP-0368).
 *
 * - A configured host is used as it is. The bridge asks DNS only if no host is configured.
 * - `auto` means TLS in one of its two ways, never clear text.
 */

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly mode: TlsMode;
}

export interface Where {
  readonly domain: string;
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly tls: 'auto' | TlsMode;
}

interface Srv {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

export interface Dns {
  resolveSrv(name: string): Promise<Srv[]>;
  lookup(name: string): Promise<unknown>;
}

const DNS: Dns = { resolveSrv, lookup };
const PLAIN_PORT = 5222;
const DIRECT_PORT = 5223;
/** Ports on which a server speaks TLS from the first byte. */
const DIRECT_PORTS: ReadonlySet<number> = new Set([443, DIRECT_PORT]);

/** The target without DNS: the configured host, or null if DNS is needed. */
export function configuredTarget({ host, port, tls }: Where): Target | null {
  if (host === undefined) return null;
  const guessed = port !== undefined && DIRECT_PORTS.has(port) ? 'direct' : 'starttls';
  const mode = tls === 'auto' ? guessed : tls;
  return { host, port: port ?? (mode === 'direct' ? DIRECT_PORT : PLAIN_PORT), mode };
}

export type Lookup = { readonly targets: readonly Target[] } | { readonly none: string };

/** The servers of a domain, best first. `none`: why there is none. */
export async function findTargets(where: Where, dns: Dns = DNS): Promise<Lookup> {
  const configured = configuredTarget(where);
  if (configured) return { targets: [configured] };
  const { domain, port, tls } = where;
  const [direct, plain] = await Promise.all([
    tls === 'starttls' || tls === 'off' ? [] : srv(dns, `_xmpps-client._tcp.${domain}`),
    tls === 'direct' ? [] : srv(dns, `_xmpp-client._tcp.${domain}`),
  ]);
  const found = [...ordered(direct, 'direct'), ...ordered(plain, tls === 'off' ? 'off' : 'starttls')];
  if (found.length > 0) return { targets: found.map((target) => ({ ...target, port: port ?? target.port })) };
  // "." as the only direct target says that TLS begins with STARTTLS here (XEP-0368 §3).
  if ((tls === 'direct' ? direct : plain).some(({ name }) => name === '' || name === '.'))
    return { none: `SRV says ".": the domain ${domain} offers no XMPP.` };
  const known = await dns.lookup(domain).then(
    () => true,
    () => false,
  );
  if (!known)
    return { none: `No SRV record _xmpp-client._tcp.${domain}, and ${domain} has no address; set AZTM_HOST.` };
  return { targets: [configuredTarget({ ...where, host: domain })!] };
}

function ordered(records: readonly Srv[], mode: TlsMode): Target[] {
  return records
    .filter(({ name }) => name !== '' && name !== '.')
    .sort((a, b) => a.priority - b.priority || b.weight - a.weight)
    .map(({ name, port }) => ({ host: name, port, mode }));
}

async function srv(dns: Dns, name: string): Promise<Srv[]> {
  return dns.resolveSrv(name).catch(() => []);
}
