import { join } from 'node:path';
import pg from 'pg';
import type { Evidence, JournalRow, LedgerRow, RunRow } from './evidence-rows.ts';
import { readWhole, type SeenFrame, type Transcript } from '../load/index.ts';
import type { Stack } from '../stack/stack.ts';
import { type AgentMessage, type Effect, readTruth } from '../stack/index.ts';

/** Reads the tables of a round directly, without a service. */
export class Tables {
  readonly #pool: pg.Pool;

  constructor(url: string) {
    this.#pool = new pg.Pool({ connectionString: url, max: 2, connectionTimeoutMillis: 2_000, query_timeout: 20_000 });
    this.#pool.on('error', () => undefined);
  }

  async openRuns(): Promise<{ tenantId: string; runId: string }[]> {
    return this.#rows(
      `select tenant_id as "tenantId", run_id as "runId" from orchestrator.runs where phase <> 'ended'`,
    );
  }

  /** Events of runs that the audit log does not have. */
  async unaudited(): Promise<number> {
    const [row] = await this.#rows<{ count: string }>(
      `select count(*) from orchestrator.run_events e
       where not exists (select 1 from audit.audit_events a where a.id = e.run_id || ':' || e.seq)`,
    );
    return Number(row?.count ?? 0);
  }

  /** Calls whose outcome the ledger does not know yet. */
  async openEffects(): Promise<number> {
    const [row] = await this.#rows<{ count: string }>(
      `select count(*) from mcp_tool.effects where state = 'dispatched'`,
    );
    return Number(row?.count ?? 0);
  }

  async all(): Promise<{ runs: RunRow[]; events: JournalRow[]; ledger: LedgerRow[]; audited: Set<string> }> {
    const runs = await this.#rows<RunRow>(
      `select run_id as "runId", user_id as "userId", idempotency_key as "idempotencyKey", phase, status,
              last_seq as "lastSeq" from orchestrator.runs`,
    );
    const events = await this.#rows<Omit<JournalRow, 'data'> & { body: string }>(
      `select run_id as "runId", seq, epoch, type, step_id as "stepId", body,
              (extract(epoch from ts) * 1000)::float8 as ts from orchestrator.run_events order by run_id, seq`,
    );
    const ledger = await this.#rows<LedgerRow>(
      `select run_id as "runId", step_id as "stepId", idempotency_key as key, state
       from mcp_tool.effects where run_id is not null`,
    );
    const audited = await this.#rows<{ id: string }>(
      `select id from audit.audit_events where run_id is not null and id not like 'sys.%'`,
    );
    return {
      runs,
      events: events.map(({ body, ...row }) => ({ ...row, data: JSON.parse(body) as Record<string, unknown> })),
      ledger,
      audited: new Set(audited.map(({ id }) => id)),
    };
  }

  close(): Promise<void> {
    return this.#pool.end();
  }

  async #rows<Row extends pg.QueryResultRow>(text: string): Promise<Row[]> {
    return (await this.#pool.query<Row>(text)).rows;
  }
}

/** Everything that the checker judges. */
export async function gather(
  stack: Stack,
  tables: Tables,
  transcripts: readonly Transcript[],
  faults: Evidence['faults'],
): Promise<Evidence> {
  const whole = new Map<number, readonly SeenFrame[]>();
  for (const { n, dialect, runIds, user, complete } of transcripts) {
    const [runId] = runIds;
    if (runId !== undefined && complete) whole.set(n, await readWhole(stack.gateways[n % 2]!, dialect, runId, user));
  }
  const defectDeaths = [...stack.services.values()].flatMap(({ name, deaths }) =>
    deaths
      .filter(({ asked }) => !asked)
      .map(({ how }) => `${name} ended by itself: ${how}; see ${join(stack.files.logs, `${name}.log`)}`),
  );
  return {
    transcripts,
    ...(await tables.all()),
    effects: readTruth<Effect>(stack.files.effects),
    messages: readTruth<AgentMessage>(stack.files.messages),
    faults,
    whole,
    defectDeaths,
  };
}
