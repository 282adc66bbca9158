import pg from 'pg';
import { type OwnerRights, RIGHTS, type Verb, VERBS } from './rights.ts';
import { primaryUrl, serverUrls } from '../postgres/index.ts';
import { STORE_OWNERS, type StoreOwner } from '../store.ts';

/*
 * Examines PostgreSQL with the login of one service, for the doctor. It reports facts and judges nothing.
 *
 * - The probe tries each right with a statement that touches no row, in a transaction that is rolled back.
 * - The probe waits for no lock, and every statement has a limit.
 */

export interface RightTried {
  readonly verb: Verb;
  readonly table: string;
  /** True if it should be allowed. */
  readonly wanted: boolean;
  readonly allowed: boolean;
  /** Why it could not be determined. */
  readonly failed?: string;
}

interface Refused {
  readonly code: string;
  readonly message: string;
}

export interface DatabaseSeen {
  readonly app: StoreOwner;
  /** Without credentials. */
  readonly server: string;
  readonly refused?: Refused;
  readonly version?: string;
  readonly login?: string;
  /** The login has every right, whatever its role. */
  readonly superuser?: boolean;
  /** Why it may not assume its role. */
  readonly roleRefused?: Refused;
  readonly rights?: readonly RightTried[];
  /** Functions that are granted to it and that it may not call. */
  readonly uncallable?: readonly string[];
}

interface MigrationRow {
  readonly name: string;
  readonly checksum: string;
  readonly state: 'applied' | 'failed';
}

export interface MigrationsSeen {
  /** Undefined: it could not be read. */
  readonly rows?: readonly MigrationRow[];
  readonly refused?: Refused;
}

export const NO_URL = 'NO_URL';
const NOT_ALLOWED = '42501';
const NO_TABLE = '42P01';

export async function probeDatabase(url: string, app: StoreOwner, limitMs: number): Promise<DatabaseSeen> {
  const { role } = RIGHTS[app];
  const server = serverOf(url);
  if (!serverUrls(url).every((one) => URL.canParse(one)))
    return { app, server, refused: { code: NO_URL, message: 'no URL' } };
  return withClient(url, limitMs, async (client): Promise<DatabaseSeen> => {
    const { rows } = await client.query<{ version: string; login: string; superuser: boolean }>(
      `select current_setting('server_version') version, session_user::text login, r.rolsuper superuser
       from pg_roles r where r.rolname = session_user`,
    );
    const seen = { app, server, ...rows[0] };
    const roleRefused = await client.query(`set role ${pg.escapeIdentifier(role)}`).then(() => undefined, refusedOf);
    if (roleRefused) return { ...seen, roleRefused };
    await client.query('begin');
    try {
      const rights = await tryRights(client, RIGHTS[app]);
      return { ...seen, rights, uncallable: await uncallable(client, RIGHTS[app]) };
    } finally {
      await client.query('rollback'); // a trial leaves nothing behind
    }
  }).catch((error: unknown): DatabaseSeen => ({ app, server, refused: refusedOf(error) }));
}

/** `url`: of a login that may read the list, as the owner of the database may. */
export async function probeMigrations(url: string, limitMs: number): Promise<MigrationsSeen> {
  const read = 'select migration_name, checksum, finished_at, rolled_back_at from public._prisma_migrations';
  type Row = { migration_name: string; checksum: string; finished_at: Date | null; rolled_back_at: Date | null };
  return withClient(url, limitMs, async (client): Promise<MigrationsSeen> => {
    const { rows } = await client.query<Row>(`${read} order by started_at`).catch((error: unknown) => {
      if ((error as { code?: unknown }).code === NO_TABLE) return { rows: [] };
      throw error;
    });
    return {
      rows: rows
        .filter(({ rolled_back_at }) => rolled_back_at === null)
        .map(({ migration_name: name, checksum, finished_at }) => ({
          name,
          checksum,
          state: finished_at === null ? 'failed' : 'applied',
        })),
    };
  }).catch((error: unknown): MigrationsSeen => ({ refused: refusedOf(error) }));
}

async function tryRights(client: pg.Client, own: OwnerRights): Promise<RightTried[]> {
  const tried: RightTried[] = [];
  for (const [table, verbs] of Object.entries(own.tables))
    for (const verb of VERBS) tried.push(await tryRight(client, verb, table, verbs.includes(verb)));
  for (const [table, columns] of Object.entries(own.columns)) {
    const right = await tryStatement(
      client,
      `update ${table} set ${columns.map((c) => `${c} = ${c}`).join()} where false`,
    );
    tried.push({ verb: 'update', table: `${table} (${columns.join(', ')})`, wanted: true, ...right });
  }
  // Tables of another service may not even be read, but for those that are granted.
  const others = new Set(STORE_OWNERS.flatMap((owner) => Object.keys(RIGHTS[owner].tables)));
  for (const table of others) if (!(table in own.tables)) tried.push(await tryRight(client, 'select', table, false));
  return tried;
}

async function tryRight(client: pg.Client, verb: Verb, table: string, wanted: boolean): Promise<RightTried> {
  return { verb, table, wanted, ...(await tryStatement(client, await statementOf(client, verb, table))) };
}

async function tryStatement(client: pg.Client, text: string): Promise<Pick<RightTried, 'allowed' | 'failed'>> {
  await client.query('savepoint trial');
  const failed = await client.query(text).then(() => undefined, refusedOf);
  await client.query('rollback to savepoint trial');
  if (!failed) return { allowed: true };
  if (failed.code === NOT_ALLOWED) return { allowed: false };
  return { allowed: false, failed: `${failed.code} ${failed.message}` };
}

/** A statement that needs the right and touches no row. */
async function statementOf(client: pg.Client, verb: Verb, table: string): Promise<string> {
  switch (verb) {
    case 'select':
      return `select from ${table} where false`;
    case 'delete':
      return `delete from ${table} where false`;
    case 'insert':
      return `insert into ${table} select * from ${table} where false`;
    case 'update': {
      const { rows } = await client.query<{ name: string }>(
        `select quote_ident(attname) name from pg_attribute a join pg_class c on c.oid = a.attrelid
         join pg_namespace n on n.oid = c.relnamespace
         where n.nspname || '.' || c.relname = $1 and attnum > 0 and not attisdropped and attidentity <> 'a' order by attnum limit 1`,
        [table],
      );
      const column = rows[0]?.name ?? 'ctid';
      return `update ${table} set ${column} = ${column} where false`;
    }
  }
}

/** Of those that are granted: what only functions and triggers call is for no login. */
async function uncallable(client: pg.Client, { functions }: OwnerRights): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select name from pg_proc p join pg_namespace n on n.oid = p.pronamespace,
       format('%I.%I(%s)', n.nspname, p.proname, replace(oidvectortypes(p.proargtypes), ', ', ',')) name
     where name = any($1) and not has_function_privilege(p.oid, 'execute')`,
    [functions],
  );
  return rows.map(({ name }) => name);
}

async function withClient<T>(url: string, limitMs: number, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: await primaryUrl(url, limitMs),
    application_name: 'switchyard-doctor',
    connectionTimeoutMillis: limitMs,
    query_timeout: limitMs,
    statement_timeout: limitMs,
    lock_timeout: Math.min(limitMs, 1_000), // gives up if the lock is taken
  });
  client.on('error', () => undefined); // The statement that waits rejects as well.
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Where several addresses were tried, the first says what all say. */
function refusedOf(error: unknown): Refused {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const { code, message } = first as { code?: unknown; message?: unknown };
  return { code: typeof code === 'string' ? code : '', message: typeof message === 'string' ? message : 'no answer' };
}

function serverOf(url: string): string {
  const servers = serverUrls(url);
  if (!servers.every((one) => URL.canParse(one))) return 'what is no URL';
  const { pathname } = new URL(servers[0]!);
  return `${servers.map((one) => new URL(one).host).join(',')}${pathname}`;
}
