import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { SERVICE_APPS, type ServiceApp } from './environment.ts';
import { type Place, readJson, writeJson } from './place.ts';

/*
 * A login of its own for each service on the private nats-server, with the permissions that the contracts give it:
 * what a service may not claim in production it cannot claim here either. People and tools get `admin`.
 */

const Passwords = z.record(z.string(), z.string());
const ADMIN = 'admin';

export interface NatsLogins {
  /** Configuration for nats-server. Contains the passwords. */
  readonly config: string;
  /** `user:password` of the login with every right. */
  readonly admin: string;
  /** `user:password` of one service. */
  of(app: ServiceApp): string;
}

/** The variable that stands for a login's password in the generated configuration. */
function variableOf(login: string): string {
  return `$NATS_${login.toUpperCase().replaceAll('-', '_')}_PASSWORD`;
}

/** The generated permissions with real passwords, and one login more: `admin`. */
export function withPasswords(permissions: string, passwords: Readonly<Record<string, string>>): string {
  const filled = Object.entries(passwords).reduce(
    (text, [login, password]) => text.replaceAll(variableOf(login), JSON.stringify(password)),
    permissions,
  );
  return filled.replace(
    'users: [',
    `users: [\n    { user: "${ADMIN}", password: ${JSON.stringify(passwords[ADMIN])} }`,
  );
}

/** The logins of this clone, their passwords made once; undefined where there are no generated permissions. */
export function natsLogins(place: Place): NatsLogins | undefined {
  const generated = join(place.root, 'infra', 'nats', 'permissions.conf');
  if (!existsSync(generated)) return undefined;
  const file = join(place.state, 'nats-passwords.json');
  const known = readJson(file, Passwords) ?? {};
  const passwords = Object.fromEntries(
    [ADMIN, 'operator', ...SERVICE_APPS].map((login) => [login, known[login] ?? randomBytes(18).toString('hex')]),
  );
  writeJson(file, passwords);
  const credentials = (login: string): string => `${login}:${passwords[login]}`;
  return {
    config: withPasswords(readFileSync(generated, 'utf8'), passwords),
    admin: credentials(ADMIN),
    of: credentials,
  };
}

/** The same server as seen by another login. */
export function asLogin(url: string, credentials: string): string {
  const [user = '', password = ''] = credentials.split(':');
  const own = new URL(url);
  own.username = user;
  own.password = password;
  return own.href.replace(/\/$/, '');
}
