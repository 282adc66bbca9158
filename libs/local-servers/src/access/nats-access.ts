import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ADMIN, passwordName } from './logins.ts';
import type { Passwords } from './passwords.ts';

/* Who may log in to NATS, and what each may say and hear there: the generated permissions, as production includes them. */

const GENERATED = fileURLToPath(new URL('../../../../infra/nats/permissions.conf', import.meta.url));
const LOGIN = /user: "([^"]+)", password: \$NATS_[A-Z0-9_]+_PASSWORD/g;

/** The text that `npm run gen` made of the contracts. */
export function generatedPermissions(): string {
  return readFileSync(GENERATED, 'utf8');
}

/** The logins that the permissions name. */
export function natsLogins(permissions = generatedPermissions()): string[] {
  return [...permissions.matchAll(LOGIN)].map((match) => match[1]!);
}

/**
 * The `authorization` block for nats-server: the permissions with real passwords, and one login more, with every right,
 * for whoever keeps the server. Nobody enters without a login.
 */
export function natsAuthorization(
  passwords: Pick<Passwords, 'of'>,
  permissions: string = generatedPermissions(),
): string {
  const passwordOf = (login: string): string => JSON.stringify(passwords.of(passwordName('nats', login)));
  const filled = permissions.replace(LOGIN, (_, login: string) => `user: "${login}", password: ${passwordOf(login)}`);
  const left = /\$NATS_[A-Z0-9_]+_PASSWORD/.exec(filled);
  if (left) throw new Error(`infra/nats/permissions.conf names a password in a place that is not known: ${left[0]}`);
  return filled.replace('users: [', `users: [\n    { user: "${ADMIN}", password: ${passwordOf(ADMIN)} }`);
}
