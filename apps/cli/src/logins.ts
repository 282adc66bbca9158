import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Guarded, Passwords } from '@switchyard/local-servers';
import type { Place } from './place.ts';

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
