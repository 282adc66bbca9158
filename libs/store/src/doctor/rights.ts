import { GRANTED } from './granted.ts';
import { STORE_OWNERS, type StoreOwner } from '../store.ts';

/*
 * The rights of each owner's role on its tables, which the doctor tries. They are derived from the grants of the
 * migrations (granted.ts), which a test compares with a migrated database.
 */

export const VERBS = ['select', 'insert', 'update', 'delete'] as const;
export type Verb = (typeof VERBS)[number];

export interface OwnerRights {
  readonly role: string;
  readonly schema: string;
  /** On whole rows. */
  readonly tables: Readonly<Record<string, readonly Verb[]>>;
  /** Tables of which only these columns may be changed. */
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
