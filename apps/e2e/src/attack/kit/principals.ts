import type { Person } from './world.ts';

/** The attackers over HTTP: each may do everything in its own tenant, and nothing in another. */
export const MALLORY: Person = { tenant: 'evil', user: 'mallory', role: 'admin' };

/** Principals that must not see what `ada` of `acme` owns, each related to her in another way. */
export const INTRUDERS: Readonly<Record<string, Person>> = {
  'another user of the tenant': { tenant: 'acme', user: 'bob', role: 'user' },
  'an admin of another tenant': MALLORY,
  'a namesake in another tenant': { tenant: 'evil', user: 'ada', role: 'user' },
  'an auditor of another tenant': { tenant: 'evil', user: 'inspector', role: 'auditor' },
};
