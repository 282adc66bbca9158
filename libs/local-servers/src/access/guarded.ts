import { databaseLogins } from './database-access.ts';
import { ADMIN, asLogin, type GuardedServer, loginOf, passwordName } from './logins.ts';
import { natsLogins } from './nats-access.ts';
import type { Passwords } from './passwords.ts';
import { redisLogins } from './redis-access.ts';

/** A server that requires a login, with a URL for each login. */
export interface Guarded {
  /** The URL for an app, or for another login of the server. Throws if the server has no such login. */
  urlFor(app: string): string;
  /** The certificate that an app presents to the server; absent: the server speaks without TLS. */
  tlsFor?(app: string): { readonly ca: string; readonly cert: string; readonly key: string };
}

/** The server at `url`, with the logins of every stack and the additional logins in `more`. */
export function guarded(
  server: GuardedServer,
  url: string,
  passwords: Pick<Passwords, 'of'>,
  more: readonly string[] = [],
): Guarded {
  return {
    urlFor: (app) => {
      const login = loginOf(server, app, [...loginsOn(server, passwords), ...more]);
      if (login === undefined) throw new Error(`${app} has no login on ${server}`);
      return asLogin(url, login, passwords.of(passwordName(server, login)));
    },
  };
}

function loginsOn(server: GuardedServer, passwords: Pick<Passwords, 'of'>): string[] {
  if (server === 'nats') return [ADMIN, ...natsLogins()];
  return server === 'redis' ? redisLogins() : databaseLogins(passwords).map(({ login }) => login);
}
