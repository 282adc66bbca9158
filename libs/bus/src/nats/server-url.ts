export interface ServerUrl {
  /** host:port of each server. */
  readonly server: string[];
  readonly user?: string;
  readonly pass?: string;
  readonly token?: string;
  /** Requested by `tls://`; a server that demands TLS gets it in any case. */
  readonly tls?: true;
}

/** nats://user:password@host:port or nats://token@host:port; several servers separated by commas. */
export function parseUrl(text: string): ServerUrl {
  const urls = text.split(',').map((part) => new URL(part.includes('://') ? part.trim() : `nats://${part.trim()}`));
  const server = urls.map((url) => `${url.hostname}:${url.port || '4222'}`);
  const tls = urls.some(({ protocol }) => protocol === 'tls:') ? { tls: true as const } : {};
  const first = urls[0];
  if (!first?.username) return { server, ...tls };
  const user = decodeURIComponent(first.username);
  return first.password
    ? { server, user, pass: decodeURIComponent(first.password), ...tls }
    : { server, token: user, ...tls };
}
