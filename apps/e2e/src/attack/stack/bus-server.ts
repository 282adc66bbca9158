import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ADMIN, guarded, natsAuthorization, type Passwords, startNats, watcherLogins } from '@switchyard/local-servers';

const GENERATED = fileURLToPath(new URL('../../../../../infra/nats/permissions.conf', import.meta.url));

/** A login that may see and do everything; no service has it. The attack uses it to see what an attempt caused. */
export const EYE = ADMIN;

/** A watcher of one tenant, which is not the victim's. */
const WATCHERS = { 'watcher-of-evil': ['evil'] };

export interface BusServerOptions {
  readonly dir: string;
  readonly passwords: Passwords;
  /** A mutant's change of the permissions. */
  readonly edit: ((permissions: string) => string) | undefined;
}

/** nats-server as every stack has it, or with the permissions of a mutant. */
export async function startBus({ dir, passwords, edit }: BusServerOptions) {
  const generated = readFileSync(GENERATED, 'utf8');
  const edited = edit?.(generated) ?? generated;
  const own =
    edited === generated
      ? {}
      : {
          withoutPermissions: 'a mutant brings permissions of its own',
          config: natsAuthorization(passwords, await watcherLogins(WATCHERS), edited),
        };
  const server = await startNats({ dir, durable: false, passwords, watchers: WATCHERS, ...own });
  const generatedLogins = [...generated.matchAll(/\{ user: "([^"]+)"/g)].map(([, login]) => login!);
  const logins = [ADMIN, ...generatedLogins, ...Object.keys(WATCHERS)];
  const passwordOf = (login: string) => passwords.of(`nats.${login}`);
  return {
    server,
    /** The URL for a login, whoever brought the permissions. */
    access: guarded('nats', `nats://127.0.0.1:${server.port}`, passwords, Object.keys(WATCHERS)),
    /** `user:password` of every login. */
    credentials: new Map(logins.map((login) => [login, `${login}:${passwordOf(login)}`])),
  };
}
