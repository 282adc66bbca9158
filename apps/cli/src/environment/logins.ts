import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  certificatesIn,
  type Guarded,
  guarded,
  type GuardedServer,
  Passwords,
  type StackCertificates,
  stackCertificates,
  type Watchers,
} from '@switchyard/local-servers';
import { z } from 'zod';
import type { Environment } from './environment.ts';
import type { Workspace } from './workspace.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';

/*
 * The passwords of this clone's private servers. Who has a login there, and what each may do, is the same for every
 * stack: libs/local-servers/src/access.
 */

const folderOf = (workspace: Workspace): string => join(workspace.state, 'logins');

export const passwordsOf = (workspace: Workspace): Passwords => new Passwords(folderOf(workspace));

const certificatesFolder = (workspace: Workspace): string => join(workspace.state, 'tls');

/** The paths of the certificates of this clone's private servers and of those that log in there. */
export const certificatesOf = (workspace: Workspace): StackCertificates =>
  certificatesIn(certificatesFolder(workspace));

/** The same certificates, made where there are no valid ones: for the process that starts the servers. */
export const ensureCertificates = (workspace: Workspace): Promise<StackCertificates> =>
  stackCertificates(certificatesFolder(workspace));

/** A private server that runs, as those who log in see it. `url`: as status.json has it. */
export function privateServer(
  workspace: Workspace,
  server: GuardedServer,
  url: string,
  passwords: Pick<Passwords, 'of'> = passwordsOf(workspace),
): Guarded {
  const plain = new URL(url);
  const speaksTls = /^(tls|rediss):$/.test(plain.protocol) || plain.searchParams.has('sslmode');
  plain.search = '';
  const seen = guarded(server, plain.href, passwords);
  return speaksTls ? { ...seen, tlsFor: certificatesOf(workspace).of } : seen;
}

/** Whether the private servers are to speak TLS alone. Throws a message for people. */
export function wantsTls(environment: Environment): boolean {
  const text = environment['SWITCHYARD_TLS'] || 'false';
  if (text === 'true' || text === 'false') return text === 'true';
  throw new UserError(`SWITCHYARD_TLS: expected true or false; it is "${text}"`, EXIT.config);
}

/** The logins of people at a terminal: one that watches and one that asks. */
const FOR_PEOPLE = ['watcher', 'operator'] as const;

/** The file with the URL of the message bus for a person. */
export const natsUrlFile = (workspace: Workspace, login: (typeof FOR_PEOPLE)[number]): string =>
  join(folderOf(workspace), `nats-${login}.url`);

/** Writes down the URLs with which people reach the message bus, where the owner of the clone alone reads them. */
export function writeNatsUrls(workspace: Workspace, nats: Guarded): void {
  mkdirSync(folderOf(workspace), { recursive: true, mode: 0o700 });
  for (const login of FOR_PEOPLE)
    writeFileSync(natsUrlFile(workspace, login), `${nats.urlFor(login)}\n`, { mode: 0o600 });
}

const WatcherMap = z.record(
  z.string().regex(/^watcher-[a-z0-9-]{1,48}$/),
  z.union([z.literal('all'), z.array(z.string().regex(/^[A-Za-z0-9_-]{1,64}$/)).min(1)]),
);

/** The watchers of some tenants that the person wants on the private server. Throws a message for people. */
export function watchersOf(environment: Environment): Watchers {
  const text = environment['NATS_WATCHERS'];
  if (!text) return {};
  try {
    return WatcherMap.parse(JSON.parse(text));
  } catch {
    const example = '{"watcher-acme": ["acme"]}';
    throw new UserError(`NATS_WATCHERS: expected names and tenants as JSON, such as ${example}`, EXIT.config);
  }
}
