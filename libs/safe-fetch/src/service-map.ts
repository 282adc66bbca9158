import { AppError } from '@switchyard/contracts';
import { z } from 'zod';
import { canonicalHostOf } from './canonical-host.ts';
import { type HostPattern, inOrder, matchesHost, parseHostPattern } from './host-pattern.ts';
import { jsonMistake, jsonPlaces } from './json-text.ts';

/**
 * host, host:port or a pattern -> JID of the agent that serves it over XMPP. Hosts are as the URL parser writes them.
 */
export type ServiceMap = ReadonlyMap<string, string> & {
  /** The keys that are patterns, in the order in which they are tried. */
  readonly patterns?: readonly HostPattern[];
  /** JIDs of entries written as `aztm:<jid>`: they speak the messages of the Python library, whatever they announce. */
  readonly aztm?: ReadonlySet<string>;
};

/** How a URL is reached. */
export type Route = 'direct' | { readonly via: 'xmpp'; readonly jid: string };

const MAX_ENTRIES = 1_000;
/** A local part holds no ":" (RFC 7622 §3.3.1), so this is never the beginning of a JID. */
const AZTM = 'aztm:';
/** The value of an entry: a full or bare JID, with or without `aztm:`. */
const ServedBy = z
  .string()
  .regex(/^(aztm:)?[^\s@/:]+@[^\s@/]+(\/\S*)?$/, 'expected a JID such as agent@example.org')
  .max(3_071);
const Entries = z.record(z.string().min(1).max(300), ServedBy);

/**
 * Parses SERVICE_MAP: {"host, host:port or pattern": "jid" or "aztm:jid"}. Empty text is an empty map. Throws
 * `invalid_input` saying where it is wrong; a part of a map is never loaded.
 */
export function parseServiceMap(text: string): ServiceMap {
  if (text.trim() === '') return new Map();
  const entries = Entries.safeParse(parseJson(text));
  if (!entries.success) {
    const issue = entries.error.issues[0];
    throw wrong(`${issue?.path.join('.') || 'top level'}: ${issue?.message ?? 'wrong shape'}`);
  }
  const { repeated } = jsonPlaces(text);
  if (repeated) throw wrong(`"${repeated.name}" comes twice, again in line ${repeated.line}`);
  const pairs = Object.entries(entries.data);
  if (pairs.length > MAX_ENTRIES) throw wrong(`more than ${MAX_ENTRIES} entries`);
  const map = new Map<string, string>();
  for (const [host, jid] of pairs) {
    const key = host.includes('*') ? parseHostPattern(host)?.text : canonicalKey(host);
    if (key === undefined) throw wrong(`"${host}": ${EXPECTED_HOST}`);
    if (map.has(key)) throw wrong(`"${host}" names the same host as an entry before it`);
    map.set(key, jid);
  }
  return served(map);
}

const EXPECTED_HOST = 'expected host or host:port, or one of the patterns *:8080, *.local, pre*, *mid*, *';

/** With what AZTM_DEFAULT_SERVICE and AZTM_LOCALHOST_SERVICE add; an entry of the map itself comes before them. */
export function completeServiceMap(
  map: ServiceMap,
  more: { readonly fallback?: string | undefined; readonly localhost?: string | undefined },
): ServiceMap {
  const { fallback, localhost } = more;
  const entries = new Map([...map].map(([key, jid]) => [key, map.aztm?.has(jid) ? `${AZTM}${jid}` : jid]));
  const add = (key: string, jid: string | undefined): void => {
    if (jid !== undefined && !entries.has(key)) entries.set(key, jid);
  };
  for (const key of ['localhost', '127.0.0.1', '[::1]']) add(key, localhost);
  add('*', fallback);
  return served(entries);
}

/** Without the entry for every other host: what somebody calls by an address of his own choice is not meant by it. */
export function withoutFallback(map: ServiceMap): ServiceMap {
  const entries = [...map].map(([key, jid]): [string, string] => [key, map.aztm?.has(jid) ? `${AZTM}${jid}` : jid]);
  return served(new Map(entries.filter(([key]) => key !== '*')));
}

function served(entries: ReadonlyMap<string, string>): ServiceMap {
  const map = new Map<string, string>();
  const aztm = new Set<string>();
  for (const [key, entry] of entries) {
    const jid = entry.startsWith(AZTM) ? entry.slice(AZTM.length) : entry;
    if (jid !== entry) aztm.add(jid);
    map.set(key, jid);
  }
  const patterns = inOrder([...map.keys()].flatMap((key) => (key.includes('*') ? [parseHostPattern(key)!] : [])));
  return Object.assign(map, { aztm, patterns });
}

/** The JID that serves this URL: host:port first, then host, then the first pattern that matches. */
export function mappedJid(map: ServiceMap, url: URL): string | undefined {
  if (map.size === 0) return undefined;
  const host = canonicalHostOf(url);
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const exact = map.get(`${host}:${port}`) ?? map.get(host);
  if (exact !== undefined || !map.patterns || map.patterns.length === 0) return exact;
  const pattern = map.patterns.find((each) => matchesHost(each, host, port));
  return pattern && map.get(pattern.text);
}

/**
 * The variables of a service that calls hosts: every service has the same ones, so that a host which one of them
 * reaches over XMPP is never called over the network by another. Spread into a schema; made one by serviceMapOf().
 */
export const SERVICE_MAP_VARIABLES = {
  SERVICE_MAP: z
    .string()
    .default('')
    .transform((text, context): ServiceMap => {
      try {
        return parseServiceMap(text);
      } catch (error) {
        context.addIssue({ code: 'custom', message: error instanceof AppError ? error.message : 'not a service map' });
        return z.NEVER;
      }
    })
    .describe('JSON object: host, host:port or pattern -> JID; such hosts are reached over XMPP only')
    .meta({ alias: 'AZTM_SERVICE_MAP', isShown: true }),
  AZTM_DEFAULT_SERVICE: ServedBy.optional().describe('JID of every host that SERVICE_MAP does not name'),
  AZTM_LOCALHOST_SERVICE: ServedBy.optional().describe('JID of localhost, 127.0.0.1 and [::1]'),
};

export function serviceMapOf(env: {
  readonly SERVICE_MAP: ServiceMap;
  readonly AZTM_DEFAULT_SERVICE?: string | undefined;
  readonly AZTM_LOCALHOST_SERVICE?: string | undefined;
}): ServiceMap {
  return completeServiceMap(env.SERVICE_MAP, {
    fallback: env.AZTM_DEFAULT_SERVICE,
    localhost: env.AZTM_LOCALHOST_SERVICE,
  });
}

/** The route of a URL by the map; hosts that it does not name are called directly. */
export function routeByServiceMap(map: ServiceMap): (url: URL) => Route {
  return (url) => {
    const jid = mappedJid(map, url);
    return jid === undefined ? 'direct' : { via: 'xmpp', jid };
  };
}

/** The one spelling of the host (canonical-host.ts), so that another one cannot slip past the map. */
function canonicalKey(host: string): string | undefined {
  const [, port] = /:(\d{1,5})$/.exec(host) ?? [];
  // https://[::1] ends in what looks like a port; brackets tell the two apart.
  const name = port === undefined ? host : host.slice(0, -port.length - 1);
  if (/[/?#@\\\s]/.test(name) || Number(port ?? 1) > 65_535 || !URL.canParse(`http://${name}`)) return undefined;
  const url = new URL(`http://${name}`);
  if (url.port !== '' || /^\.*$/.test(url.hostname)) return undefined;
  const key = canonicalHostOf(url);
  return port === undefined ? key : `${key}:${Number(port)}`;
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
