import pg from 'pg';
import { migrations } from './migrate.ts';

/*
 * Counts the content of a whole database and checks its consistency, before a backup and after a restore, with the
 * login that owns the database. It changes nothing.
 */

/** Reading every run of a large database takes a while. */
const LIMIT_MS = 600_000;

export interface RecordFacts {
  readonly migrations: string[];
  readonly runs: {
    readonly total: number;
    readonly ended: number;
    readonly unfinished: number;
    readonly waiting: number;
  };
  readonly events: number;
  readonly auditRecords: number;
  readonly effects: { readonly total: number; readonly open: number; readonly inDoubt: number };
  /** The names of the vault's keys that seal the credentials. */
  readonly vaultKeys: string[];
}

const FACTS = `select
  (select json_agg(migration_name order by migration_name) from public._prisma_migrations
    where finished_at is not null and rolled_back_at is null) as migrations,
  (select json_build_object('total', count(*), 'ended', count(*) filter (where phase = 'ended'),
     'unfinished', count(*) filter (where phase in ('queued', 'running')),
     'waiting', count(*) filter (where phase = 'waiting')) from orchestrator.runs) as runs,
  (select count(*)::int8 from orchestrator.run_events)::text as events,
  (select count(*)::int8 from audit.audit_events)::text as audit_records,
  (select json_build_object('total', count(*), 'open', count(*) filter (where state in ('intent', 'dispatched')),
     'inDoubt', count(*) filter (where state = 'in_doubt')) from mcp_tool.effects) as effects,
  (select coalesce(json_agg(kid order by kid), '[]') from (select kid from mcp_tool.provider_connections
     union select kid from mcp_tool.provider_registrations) keys) as vault_keys`;

interface Row {
  migrations: string[] | null;
  runs: RecordFacts['runs'];
  events: string;
  audit_records: string;
  effects: RecordFacts['effects'];
  vault_keys: string[];
}

/** All facts are of the same moment. */
export async function recordFacts(url: string): Promise<RecordFacts> {
  const [row] = await asked<Row>(url, FACTS);
  if (row === undefined) throw new Error('the database answered nothing');
  return {
    migrations: row.migrations ?? [],
    runs: row.runs,
    events: Number(row.events),
    auditRecords: Number(row.audit_records),
    effects: row.effects,
    vaultKeys: row.vault_keys,
  };
}

export interface Soundness {
  /** Runs whose journal has a gap, or a length other than the run's row says. */
  readonly broken: string[];
  /** Migrations in the database that this version does not have, because a later version wrote it. */
  readonly unknownMigrations: string[];
  /** Migrations that are still to be applied. */
  readonly missingMigrations: string[];
  /** An ended run with a complete journal, to be read back. */
  readonly sample: { readonly runId: string; readonly tenantId: string } | undefined;
  /** Accepted, not ended, and not waiting for a person: an owner should take them. */
  readonly unfinished: string[];
}

const SHOWN = 1_000;
const BROKEN = `select r.run_id from orchestrator.runs r
  left join (select run_id, count(*) as n, min(seq) as first, max(seq) as last from orchestrator.run_events group by run_id) e
    on e.run_id = r.run_id
  where r.expired_at is null and (e.n is distinct from r.last_seq or e.first <> 1 or e.last <> r.last_seq)
  order by r.run_id limit ${SHOWN}`;
const SAMPLE = `select run_id, tenant_id from orchestrator.runs where phase = 'ended' and expired_at is null
  order by ended_at desc limit 1`;
const UNFINISHED = `select run_id from orchestrator.runs where phase in ('queued', 'running') order by created_at limit ${SHOWN}`;

/** Compares every journal with its run's row, and the schema with that of this version. */
export async function soundness(url: string): Promise<Soundness> {
  const ids = async (text: string): Promise<string[]> =>
    (await asked<{ run_id: string }>(url, text)).map((row) => row.run_id);
  const { migrations: applied } = await recordFacts(url);
  const known = [...migrations()].map(([name]) => name);
  const [sample] = await asked<{ run_id: string; tenant_id: string }>(url, SAMPLE);
  return {
    broken: await ids(BROKEN),
    unknownMigrations: applied.filter((name) => !known.includes(name)),
    missingMigrations: known.filter((name) => !applied.includes(name)),
    sample: sample && { runId: sample.run_id, tenantId: sample.tenant_id },
    unfinished: await ids(UNFINISHED),
  };
}

/** How many of these runs have ended. */
export async function endedOf(url: string, runIds: readonly string[]): Promise<number> {
  const text = `select count(*)::int4 as n from orchestrator.runs where phase <> 'queued' and phase <> 'running' and run_id = any($1)`;
  const [row] = await asked<{ n: number }>(url, text, [[...runIds]]);
  return row?.n ?? 0;
}

async function asked<Row extends pg.QueryResultRow>(url: string, text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 5_000,
    statement_timeout: LIMIT_MS,
    query_timeout: LIMIT_MS + 1_500,
    application_name: 'switchyard-backup',
  });
  client.on('error', () => undefined); // the statement that waits for the connection rejects as well
  try {
    await client.connect();
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}
