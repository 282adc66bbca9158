import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Guarded, Passwords, type Watchers } from '@switchyard/local-servers';
import { z } from 'zod';
import type { Environment } from './environment.ts';
import type { Place } from './place.ts';
import { EXIT, UserError } from './user-error.ts';

/*
 * The passwords of this clone's private servers. Who has a login there, and what each may do, is the same for every
 * stack: libs/local-servers/src/access.
 */

const folderOf = (place: Place): string => join(place.state, 'logins');

export const passwordsOf = (place: Place): Passwords => new Passwords(folderOf(place));

/** The logins of people at a terminal: one that watches and one that asks. */
const FOR_PEOPLE = ['watcher', 'operator'] as const;

/** The file with the URL of the message bus for a person. */
export const natsUrlFile = (place: Place, login: (typeof FOR_PEOPLE)[number]): string =>
  join(folderOf(place), `nats-${login}.url`);

/** Writes down the URLs with which people reach the message bus, where the owner of the clone alone reads them. */
export function writeNatsUrls(place: Place, nats: Guarded): void {
  mkdirSync(folderOf(place), { recursive: true, mode: 0o700 });
  for (const login of FOR_PEOPLE) writeFileSync(natsUrlFile(place, login), `${nats.urlFor(login)}\n`, { mode: 0o600 });
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
