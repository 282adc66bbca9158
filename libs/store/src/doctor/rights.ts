import { GRANTED } from './granted.ts';
import { STORE_OWNERS, type StoreOwner } from '../store.ts';

/*
 * What the role of each owner may do with each of its tables, for the doctor, which tries it. It follows from what the
 * migrations grant (granted.ts), which a test holds against a migrated database.
 */

export const VERBS = ['select', 'insert', 'update', 'delete'] as const;
export type Verb = (typeof VERBS)[number];

export interface OwnerRights {
  readonly role: string;
  readonly schema: string;
  /** On whole rows. */
  readonly tables: Readonly<Record<string, readonly Verb[]>>;
  /** Of a table of which only some columns may be changed: these. */
  readonly columns: Readonly<Record<string, readonly string[]>>;
}

type Granted = Readonly<
  Record<string, { readonly verbs: readonly string[]; readonly columns?: { readonly update?: readonly string[] } }>
>;

function rightsOf(owner: StoreOwner): OwnerRights {
  const { role, schema } = GRANTED[owner];
  const tables: Record<string, readonly Verb[]> = {};
  const columns: Record<string, readonly string[]> = {};
  for (const [name, granted] of Object.entries<Granted[string]>(GRANTED[owner].tables)) {
    const table = name.slice(schema.length + 1);
    tables[table] = VERBS.filter((verb) => granted.verbs.includes(verb));
    if (granted.columns?.update) columns[table] = granted.columns.update;
  }
  return { role, schema, tables, columns };
}

export const RIGHTS = Object.fromEntries(STORE_OWNERS.map((owner) => [owner, rightsOf(owner)])) as Readonly<
  Record<StoreOwner, OwnerRights>
>;
