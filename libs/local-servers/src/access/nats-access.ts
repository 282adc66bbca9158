import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ADMIN, passwordName } from './logins.ts';
import type { Passwords } from './passwords.ts';

/*
 * Who may log in to NATS, and which subjects each login may publish and subscribe to: the generated permissions, as
 * production includes them.
 */

const GENERATED = fileURLToPath(new URL('../../../../infra/nats/permissions.conf', import.meta.url));
const LOGIN = /user: "([^"]+)", password: \$NATS_[A-Z0-9_]+_PASSWORD/g;

/** The permissions that `npm run gen` wrote from the contracts. */
function generatedPermissions(): string {
  return readFileSync(GENERATED, 'utf8');
}

/** The logins that the permissions name. */
export function natsLogins(permissions = generatedPermissions()): string[] {
  return [...permissions.matchAll(LOGIN)].map((match) => match[1]!);
}

/**
 * The `authorization` block for nats-server: the permissions with real passwords, and one more login with every right
 * for the operator of the server. Nobody enters without a login.
 */
export function natsAuthorization(
  passwords: Pick<Passwords, 'of'>,
  more: readonly NatsLogin[] = [],
  permissions: string = generatedPermissions(),
): string {
  const passwordOf = (login: string): string => JSON.stringify(passwords.of(passwordName('nats', login)));
  const filled = permissions.replace(LOGIN, (_, login: string) => `user: "${login}", password: ${passwordOf(login)}`);
  const left = /\$NATS_[A-Z0-9_]+_PASSWORD/.exec(filled);
  if (left) throw new Error(`infra/nats/permissions.conf names a password in a place that is not known: ${left[0]}`);
  const users = [
    `{ user: "${ADMIN}", password: ${passwordOf(ADMIN)} }`,
    ...more.map(
      ({ login, permissions: own }) => `{ user: "${login}", password: ${passwordOf(login)}, permissions: ${own} }`,
    ),
  ];
  return filled.replace('users: [', `users: [\n    ${users.join('\n    ')}`);
}

/** An additional login of one stack, with its permissions in the syntax of nats-server. */
export interface NatsLogin {
  readonly login: string;
  readonly permissions: string;
}

/** Name of a login -> the tenants whose runs it may read; `all`: every tenant, and the system events. */
export type Watchers = Readonly<Record<string, 'all' | readonly string[]>>;

const WATCHER_NAME = /^watcher-[a-z0-9-]{1,48}$/;

/** The logins of these watchers. Throws a message for the user if a name or a tenant is invalid. */
export async function watcherLogins(watchers: Watchers): Promise<NatsLogin[]> {
  if (Object.keys(watchers).length === 0) return [];
  // Loaded here, because most commands need no login of a watcher and a user waits for each command.
  const { ID_PATTERN, inboxPrefix, natsPermissions, watcherPermissions } = await import('@switchyard/contracts');
  return Object.entries(watchers).map(([login, tenants]) => {
    if (!WATCHER_NAME.test(login))
      throw new Error(`"${login}" is no name of a watcher: watcher-<letters, digits, "-">`);
    const wrong = tenants === 'all' ? undefined : tenants.find((tenant) => !ID_PATTERN.test(tenant));
    if (wrong !== undefined || tenants.length === 0) throw new Error(`${login}: name the ids of its tenants, or all`);
    return { login, permissions: natsPermissions(watcherPermissions(tenants, inboxPrefix(login))) };
  });
}
