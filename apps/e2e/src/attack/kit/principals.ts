import type { Person } from './world.ts';

/** Who attacks over HTTP: everything in a tenant, and nothing in another. */
export const MALLORY: Person = { tenant: 'evil', user: 'mallory', role: 'admin' };

/** Who has no business with what `ada` of `acme` has, each by another kinship. */
export const INTRUDERS: Readonly<Record<string, Person>> = {
  'another user of the tenant': { tenant: 'acme', user: 'bob', role: 'user' },
  'an admin of another tenant': MALLORY,
  'a namesake in another tenant': { tenant: 'evil', user: 'ada', role: 'user' },
  'an auditor of another tenant': { tenant: 'evil', user: 'inspector', role: 'auditor' },
};
