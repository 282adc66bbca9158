import type { AppName } from '@switchyard/contracts';

/*
 * Which login each service has on each server. Guarantees:
 * - A service logs in as itself, with a password of its own on each server.
 * - A service has no login on a server that it does not use.
 */

/** The servers that require a login. */
export type GuardedServer = 'nats' | 'postgres' | 'redis';

/** The login with every right, for the harness and the doctor. On PostgreSQL it is the owner. */
export const ADMIN = 'admin';

/** The apps that own tables, and the role that the migrations give each. */
export const DATABASE_ROLES: Readonly<Partial<Record<AppName, string>>> = {
  orchestrator: 'switchyard_orchestrator',
  'mcp-tool': 'switchyard_mcp_tool',
  'computer-use': 'switchyard_computer_use',
  audit: 'switchyard_audit',
};

/** The login of a role: a member of it, without further rights. */
export const databaseLogin = (role: string): string => `${role}_login`;

/** The name of a login's password. */
export const passwordName = (server: GuardedServer, login: string): string => `${server}.${login}`;

/** The login of an app, or of a person (`operator`), on a server; undefined if it has none. */
export function loginOf(server: GuardedServer, app: string, logins: readonly string[]): string | undefined {
  const role = DATABASE_ROLES[app as AppName];
  const login = server === 'postgres' ? role && databaseLogin(role) : app;
  return login !== undefined && logins.includes(login) ? login : undefined;
}

const ADDRESS = /^([a-z][a-z0-9+.-]*:\/\/)(?:[^@/?#]*@)?(.*?)\/?$/i;

/** The URL of the same server, or of the same servers, for another login. */
export function asLogin(url: string, login: string, password: string): string {
  const [, scheme, rest] = ADDRESS.exec(url) ?? [];
  if (scheme === undefined) throw new Error('An address of a server is a URL: scheme://host:port');
  return `${scheme}${encodeURIComponent(login)}:${encodeURIComponent(password)}@${rest}`;
}
