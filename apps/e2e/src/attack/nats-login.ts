import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/* nats-server as a deployment has it: the generated permissions, a password for each login. */

const GENERATED = fileURLToPath(new URL('../../../../infra/nats/permissions.conf', import.meta.url));
/** Sees and does everything; no service has it. The suite looks with it at what became of an attempt. */
export const EYE = 'eye';

export interface BusLogins {
  readonly config: string;
  /** `user:password` by login. */
  readonly credentials: ReadonlyMap<string, string>;
}

/** The configuration of nats-server, and the passwords in it. `edit`: a mutant's change of the permissions. */
export function busLogins(edit: (permissions: string) => string = (text) => text): BusLogins {
  const generated = edit(readFileSync(GENERATED, 'utf8'));
  const logins = [...generated.matchAll(/\{ user: "([^"]+)"/g)].map(([, login]) => login!);
  const credentials = new Map([...logins, EYE].map((login) => [login, `${login}:${randomBytes(18).toString('hex')}`]));
  const passwordOf = (login: string) => JSON.stringify(credentials.get(login)?.split(':')[1]);
  const filled = logins.reduce(
    (text, login) => text.replaceAll(`$NATS_${login.toUpperCase().replaceAll('-', '_')}_PASSWORD`, passwordOf(login)),
    generated,
  );
  const config = filled.replace('users: [', `users: [\n    { user: "${EYE}", password: ${passwordOf(EYE)} }`);
  return { config, credentials };
}
