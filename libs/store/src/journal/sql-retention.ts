import type { Pool } from 'pg';
import { row, rows, type Statement } from '../postgres/index.ts';
import type { Retention } from './retention.ts';

const statement = (name: string, text: string): Statement => ({ name: `retention_${name}`, text });

/** $1 most runs, $2 age in ms. Runs are found by their acceptance, for the index, and are due by their end. */
const DUE = statement(
  'due',
  `select run_id from orchestrator.runs
   where settled and expired_at is null and created_at < orchestrator.keep_at_least($2)
     and ended_at < orchestrator.keep_at_least($2)
   order by created_at limit $1`,
);
const EXPIRE = statement('expire', 'select orchestrator.expire_run($1, $2, $3) as expired');
const SNAPSHOT = statement(
  'snapshot',
  'select snapshot from orchestrator.runs where run_id = $1 and expired_at is not null',
);
const REMOVE = statement('remove', 'select orchestrator.remove_runs($1, $2) as removed');

/** Retention over PostgreSQL. The functions in prisma/migrations decide what may be removed. */
export class SqlRetention implements Retention {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async due(limit: number, keepMs: number): Promise<string[]> {
    const found = await rows<{ run_id: string }>(this.#pool, DUE, [limit, keepMs]);
    return found.map((run) => run.run_id);
  }

  async expire(runId: string, snapshot: string, keepMs: number): Promise<boolean> {
    return (await row<{ expired: boolean }>(this.#pool, EXPIRE, [runId, snapshot, keepMs])).expired;
  }

  async snapshot(runId: string): Promise<string | undefined> {
    const [found] = await rows<{ snapshot: string }>(this.#pool, SNAPSHOT, [runId]);
    return found?.snapshot;
  }

  async remove(limit: number, keepMs: number): Promise<number> {
    return (await row<{ removed: number }>(this.#pool, REMOVE, [limit, keepMs])).removed;
  }
}
