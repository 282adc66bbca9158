import type { Pool } from 'pg';
import { rows, type Statement } from '../postgres/index.ts';

/** A place in the order in which runs were accepted. */
export interface AcceptedPlace {
  /** Milliseconds since 1970. */
  readonly acceptedAt: number;
  readonly runId: string;
}

export interface AcceptedRun extends AcceptedPlace {
  readonly tenantId: string;
}

/** The runs of all tenants in the order of their acceptance; without those whose events have expired. */
export interface AcceptedRuns {
  /** At most `limit` after a place, of those accepted at least `minAgeMs` ago by the database's clock. */
  after(place: AcceptedPlace, options: { minAgeMs: number; limit: number }): Promise<AcceptedRun[]>;
}

const COLUMNS =
  'run_id as "runId", tenant_id as "tenantId", orchestrator.millis(created_at) as "acceptedAt", created_at';
const WITHIN = `(created_at, run_id) > (to_timestamp($1::float8 / 1000)::timestamptz(3), $2)
      and created_at < clock_timestamp() - $3::int * interval '1 millisecond'
    order by created_at, run_id limit $4`;

/** $1 and $2 the place (ms, run id), $3 age in ms, $4 most rows. Each half is written like the condition of its index. */
const AFTER: Statement = {
  name: 'accepted_after',
  text: `select "runId", "tenantId", "acceptedAt" from (
    (select ${COLUMNS} from orchestrator.runs where settled and expired_at is null and ${WITHIN})
    union all
    (select ${COLUMNS} from orchestrator.runs where not settled and ${WITHIN})
  ) r order by created_at, "runId" limit $4`,
};

export class SqlAcceptedRuns implements AcceptedRuns {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  after(
    { acceptedAt, runId }: AcceptedPlace,
    { minAgeMs, limit }: { minAgeMs: number; limit: number },
  ): Promise<AcceptedRun[]> {
    return rows<AcceptedRun & Record<string, unknown>>(this.#pool, AFTER, [acceptedAt, runId, minAgeMs, limit]);
  }
}
