import {
  DATABASE_ROLES,
  type CertificateFiles,
  type Guarded,
  type GuardedServer,
  SERVERS,
  type ServerName,
  tlsQuery,
} from '@switchyard/local-servers';
import { type Environment, SERVICE_APPS, type ServiceApp } from '../environment/environment.ts';
import { passwordsOf, privateServer } from '../environment/logins.ts';
import type { Workspace } from '../environment/workspace.ts';
import { readStatus } from '../environment/process-files.ts';

/*
 * With which logins the doctor asks the servers: each service's own on the private servers of a clone that runs, else
 * the ones of the person's environment. It makes no login and changes no password.
 */

export interface ServerLogins {
  /** The URL, and whose login it is; undefined: the person's, used for every service. */
  readonly logins: readonly {
    readonly app: ServiceApp | undefined;
    readonly url: string;
    readonly tls?: CertificateFiles;
  }[];
  /** Why there is nothing to ask, where there is not. */
  readonly none?: string;
}

function given(name: ServerName, environment: Environment): string | undefined {
  const variable = SERVERS.find((server) => server.name === name)?.replacedBy ?? '';
  return environment[variable] || (name === 'postgres' ? environment['SUPABASE_DATABASE_URL'] : undefined) || undefined;
}

/** Where a server of this clone listens; undefined where it does not run, or is the person's own. */
function running(workspace: Workspace, name: ServerName): string | undefined {
  return readStatus(workspace).processes.find((process) => process.name === name)?.url;
}

const nothing = (name: string, variable: string, environment: Environment): ServerLogins => ({
  logins: [],
  none: environment['SWITCHYARD_COMPOSE']
    ? `${name} runs in Docker Compose: set ${variable} to its address to have it checked.`
    : `Nothing runs in this clone, and ${variable} is not set: ./switchyard up --detach starts it.`,
});

/** A private server as its services see it; a password that nobody has made yet is left empty, and refused there. */
function seenBy(workspace: Workspace, name: GuardedServer, url: string): Guarded {
  const passwords = passwordsOf(workspace);
  return privateServer(workspace, name, url, { of: (login) => passwords.known(login) ?? '' });
}

const at = ({ urlFor, tlsFor }: Guarded, app: ServiceApp) => ({
  url: urlFor(app),
  ...(tlsFor ? { tls: tlsFor(app) } : {}),
});

export function natsLoginsFor(workspace: Workspace, environment: Environment): ServerLogins {
  const own = given('nats', environment);
  if (own) return { logins: [{ app: undefined, url: own }] };
  const url = running(workspace, 'nats');
  if (!url) return nothing('NATS', 'NATS_URL', environment);
  const seen = seenBy(workspace, 'nats', url);
  return { logins: SERVICE_APPS.map((app) => ({ app, ...at(seen, app) })) };
}

export interface DatabaseLogins extends ServerLogins {
  /** The one that owns the database, for the list of migrations. */
  readonly owner?: string;
}

export function databaseLoginsFor(workspace: Workspace, environment: Environment): DatabaseLogins {
  const own = given('postgres', environment);
  const apps = SERVICE_APPS.filter((app) => DATABASE_ROLES[app]);
  if (own) return { owner: own, logins: apps.map((app) => ({ app, url: own })) };
  const url = running(workspace, 'postgres');
  if (!url) return nothing('PostgreSQL', 'DATABASE_URL', environment);
  const { urlFor, tlsFor } = seenBy(workspace, 'postgres', url);
  const query = (app: ServiceApp): string => (tlsFor ? `?${tlsQuery(tlsFor(app))}` : '');
  return { owner: url, logins: apps.map((app) => ({ app, url: `${urlFor(app)}${query(app)}` })) };
}

export function redisLoginFor(workspace: Workspace, environment: Environment): ServerLogins {
  const own = given('redis', environment);
  if (own) return { logins: [{ app: undefined, url: own }] };
  const url = running(workspace, 'redis');
  if (!url) return nothing('Redis', 'REDIS_URL', environment);
  // The doctor asks as the orchestrator, whose counts of the day must not be lost.
  return { logins: [{ app: 'orchestrator', ...at(seenBy(workspace, 'redis', url), 'orchestrator') }] };
}
