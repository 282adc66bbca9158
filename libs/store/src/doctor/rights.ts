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
  /** On whole rows. Names have their schema, as in "audit.positions". */
  readonly tables: Readonly<Record<string, readonly Verb[]>>;
  /** Tables of which only these columns may be changed. */
  readonly columns: Readonly<Record<string, readonly string[]>>;
  /** Those that it may call, with the types of their arguments. */
  readonly functions: readonly string[];
}

type Granted = Readonly<
  Record<string, { readonly verbs: readonly string[]; readonly columns?: { readonly update?: readonly string[] } }>
>;

function rightsOf(owner: StoreOwner): OwnerRights {
  const { role, functions, functionsAsOwner } = GRANTED[owner];
  const tables: Record<string, readonly Verb[]> = {};
  const columns: Record<string, readonly string[]> = {};
  for (const [table, granted] of Object.entries<Granted[string]>(GRANTED[owner].tables)) {
    tables[table] = VERBS.filter((verb) => granted.verbs.includes(verb));
    if (granted.columns?.update) columns[table] = granted.columns.update;
  }
  return { role, tables, columns, functions: [...functions, ...functionsAsOwner] };
}

export const RIGHTS = Object.fromEntries(STORE_OWNERS.map((owner) => [owner, rightsOf(owner)])) as Readonly<
  Record<StoreOwner, OwnerRights>
>;
