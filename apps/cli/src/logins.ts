import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureLogins } from '@switchyard/local-servers';
import { z } from 'zod';
import { DATABASE_ROLES, SERVICE_APPS, type ServiceApp } from './environment.ts';
import { type Place, readJson, writeJson } from './place.ts';

/*
 * A login of its own for each service on the private servers, with the permissions that the contracts (NATS) and the
 * migrations (PostgreSQL) give it: what a service may not do in production it cannot do here either. People and
 * tools get the rights of the whole clone.
 */

const Passwords = z.record(z.string(), z.string());

/** The passwords of this clone's logins, each made once and kept where only its owner reads. */
export function passwordsFor(place: Place, logins: readonly string[]): Record<string, string> {
  const file = join(place.state, 'passwords.json');
  const known = readJson(file, Passwords) ?? {};
  for (const login of logins) known[login] ??= randomBytes(18).toString('hex');
  writeJson(file, known);
  return known;
}
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
  const users = filled.replace(
    'users: [',
    `users: [\n    { user: "${ADMIN}", password: ${JSON.stringify(passwords[ADMIN])} }`,
  );
  // Whoever connects from this machine without a login may watch and ask, as an operator: `nats sub 'run.>'`.
  return `no_auth_user: "operator"\n${users}`;
}

/** The logins of this clone, their passwords made once; undefined where there are no generated permissions. */
export function natsLogins(place: Place): NatsLogins | undefined {
  const generated = join(place.root, 'infra', 'nats', 'permissions.conf');
  if (!existsSync(generated)) return undefined;
  const passwords = passwordsFor(place, [ADMIN, 'operator', 'watcher', ...SERVICE_APPS]);
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

/**
 * Gives each app that owns tables a login of its own on the private PostgreSQL. Answers the URL for an app; undefined
 * for one that owns none.
 */
export async function databaseLogins(place: Place, url: string): Promise<(app: ServiceApp) => string | undefined> {
  const wanted = SERVICE_APPS.flatMap((app) => {
    const role = DATABASE_ROLES[app];
    return role ? [{ app, login: `${role}_login`, memberOf: role }] : [];
  });
  const passwords = passwordsFor(
    place,
    wanted.map(({ login }) => login),
  );
  const urls = await ensureLogins(
    url,
    wanted.map(({ login, memberOf }) => ({ login, memberOf, password: passwords[login]! })),
  );
  return (app) => {
    const login = wanted.find((known) => known.app === app)?.login;
    return login ? urls.get(login) : undefined;
  };
}
