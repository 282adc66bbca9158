import { AppError } from '@switchyard/contracts';
import { z } from 'zod';
import { hostAndPort, hostOf } from './address-guard.ts';
import { jsonMistake } from './json-mistake.ts';

/** host or host:port -> JID of the agent that serves it over XMPP. Hosts are as the URL parser writes them. */
export type ServiceMap = ReadonlyMap<string, string> & {
  /** JIDs of entries written as `aztm:<jid>`: they speak the messages of the Python library, whatever they announce. */
  readonly aztm?: ReadonlySet<string>;
};

/** How a URL is reached. */
export type Route = 'direct' | { readonly via: 'xmpp'; readonly jid: string };

const MAX_ENTRIES = 1_000;
/** A local part holds no ":" (RFC 7622 §3.3.1), so this is never the beginning of a JID. */
const AZTM = 'aztm:';
const Entries = z.record(
  z.string().min(1).max(300),
  z
    .string()
    .regex(/^(aztm:)?[^\s@/:]+@[^\s@/]+(\/\S*)?$/, 'expected a JID such as agent@example.org')
    .max(3_071),
);

/**
 * Parses SERVICE_MAP: {"host[:port]": "jid" or "aztm:jid"}. Empty text is an empty map. Throws `invalid_input` saying where it
 * is wrong; a part of a map is never loaded.
 */
export function parseServiceMap(text: string): ServiceMap {
  if (text.trim() === '') return new Map();
  const entries = Entries.safeParse(parseJson(text));
  if (!entries.success) {
    const issue = entries.error.issues[0];
    throw wrong(`${issue?.path.join('.') || 'top level'}: ${issue?.message ?? 'wrong shape'}`);
  }
  const pairs = Object.entries(entries.data);
  if (pairs.length > MAX_ENTRIES) throw wrong(`more than ${MAX_ENTRIES} entries`);
  const map = new Map<string, string>();
  const aztm = new Set<string>();
  for (const [host, entry] of pairs) {
    const key = canonicalKey(host);
    if (key === undefined) throw wrong(`"${host}": expected host or host:port`);
    if (map.has(key)) throw wrong(`"${host}" names the same host as an entry before it`);
    const jid = entry.startsWith(AZTM) ? entry.slice(AZTM.length) : entry;
    if (jid !== entry) aztm.add(jid);
    map.set(key, jid);
  }
  return Object.assign(map, { aztm });
}

/** The JID that serves this URL: host:port first, then host. */
export function mappedJid(map: ServiceMap, url: URL): string | undefined {
  return map.size === 0 ? undefined : (map.get(hostAndPort(url)) ?? map.get(hostOf(url)));
}

/** What a map says of a URL; hosts that it does not name are reached directly. */
export function routeByServiceMap(map: ServiceMap): (url: URL) => Route {
  return (url) => {
    const jid = mappedJid(map, url);
    return jid === undefined ? 'direct' : { via: 'xmpp', jid };
  };
}

/** As the URL parser writes the host, so that another spelling of it cannot slip past the map. */
function canonicalKey(host: string): string | undefined {
  const [, port] = /:(\d{1,5})$/.exec(host) ?? [];
  // https://[::1] ends in what looks like a port; brackets tell the two apart.
  const name = port === undefined ? host : host.slice(0, -port.length - 1);
  if (/[/?#@\\\s]/.test(name) || Number(port ?? 1) > 65_535 || !URL.canParse(`http://${name}`)) return undefined;
  const url = new URL(`http://${name}`);
  if (url.port !== '' || url.hostname === '') return undefined;
  return port === undefined ? hostOf(url) : `${hostOf(url)}:${Number(port)}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const { line, column, expected } = jsonMistake(text) ?? { line: 1, column: 1, expected: 'JSON' };
    throw wrong(`not valid JSON at line ${line}, column ${column}: expected ${expected}`, error);
  }
}

function wrong(what: string, cause?: unknown): AppError {
  return new AppError('invalid_input', `SERVICE_MAP: ${what} (nothing was loaded).`, { cause });
}
