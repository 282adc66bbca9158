/*
 * The address of Redis: redis://user:password@host:6379, or several Sentinels that know the primary:
 * redis-sentinel://user:password@one:26379,two:26379,three:26379/0#group, with rediss-sentinel:// for TLS to both.
 * The login is that at Redis; sentinel_username and sentinel_password are parameters where the Sentinels ask for a login.
 */

export interface SentinelAddress {
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  /** The group, as in `sentinel monitor`. */
  readonly name: string;
  readonly tls: boolean;
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
}

const SENTINEL = /^(rediss?)-sentinel:\/\/(?:([^@/?#]*)@)?([^/?#]+)(?:\/(\d*))?(?:\?([^#]*))?(?:#(.+))?$/i;
const DEFAULT_PORT = 26_379;

/** Undefined: the address of one Redis. Throws a sentence for people if an address of Sentinels is not complete. Pure. */
export function sentinelAddress(url: string): SentinelAddress | undefined {
  if (!/^rediss?-sentinel:/i.test(url)) return undefined;
  const [, scheme, login = '', hosts, db, query, name] = SENTINEL.exec(url) ?? [];
  if (scheme === undefined || hosts === undefined || name === undefined)
    throw new Error('an address of Sentinels is redis-sentinel://user:password@host:26379,host:26379/0#group');
  const [username, password] = login.split(':', 2).map((part) => decodeURIComponent(part));
  const parameters = new URLSearchParams(query);
  const [sentinelUsername, sentinelPassword] = ['sentinel_username', 'sentinel_password'].map((key) =>
    parameters.get(key),
  );
  return {
    sentinels: hosts.split(',').map((host) => {
      const { hostname, port } = new URL(`redis://${host.trim()}`);
      return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || DEFAULT_PORT) };
    }),
    name: decodeURIComponent(name),
    tls: scheme.toLowerCase() === 'rediss',
    db: Number(db || 0),
    ...(username ? { username } : {}),
    ...(password ? { password } : {}),
    ...(sentinelUsername ? { sentinelUsername } : {}),
    ...(sentinelPassword ? { sentinelPassword } : {}),
  };
}

/** The servers that an address names, without credentials; undefined where it is none. Pure. */
export function redisServers(url: string): string | undefined {
  try {
    const several = sentinelAddress(url);
    if (several) return several.sentinels.map(({ host, port }) => `${host}:${port}`).join(',');
    return /^rediss?:$/.test(new URL(url).protocol) ? new URL(url).host : undefined;
  } catch {
    return undefined;
  }
}

/** What a setting with an address of Redis has to be. */
export const REDIS_ADDRESS_FORM = 'redis://host:6379, or redis-sentinel://host:26379,other:26379/0#group';

/** Whether a setting, if there is one, is an address that a client can be made of. Pure. */
export const isRedisAddress = (url: string | undefined): boolean =>
  url === undefined || redisServers(url) !== undefined;
