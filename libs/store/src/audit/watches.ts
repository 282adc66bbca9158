import type { Pool } from 'pg';
import { rows, type Statement } from '../postgres/index.ts';

/** A run that was asked to stop because no client watches it any more. */
export interface Unwatched {
  readonly runId: string;
  readonly tenantId: string;
  /** True if it had an owner, who must be told. */
  readonly owned: boolean;
}

/** Watches of runs, by the database's clock (see the promises in prisma/migrations, `watches`). */
export interface Watches {
  /**
   * Watches the run for `forMs` from now on, or longer if a longer watch exists. False: it has ended, or does not
   * exist.
   */
  watch(runId: string, forMs: number): Promise<boolean>;
  /** Renews an existing watch for the same duration. */
  rewatch(runId: string): Promise<void>;
  /** Stores a cancel, with this body, for every run whose watch expired. */
  stopUnwatched(body: unknown, limit: number): Promise<Unwatched[]>;
}

/** $1 run id, $2 ms. */
const WATCH: Statement = {
  name: 'watches_watch',
  text: `update orchestrator.runs
   set watched_until = greatest(watched_until, clock_timestamp() + $2::int * interval '1 millisecond'),
       watch_ms = greatest(watch_ms, $2::int)
   where run_id = $1 and phase <> 'ended' returning run_id`,
};

/** $1 run id. */
const REWATCH: Statement = {
  name: 'watches_rewatch',
  text: `update orchestrator.runs
   set watched_until = greatest(watched_until, clock_timestamp() + watch_ms * interval '1 millisecond')
   where run_id = $1 and watched_until is not null and phase <> 'ended'`,
};

/** $1 body, $2 most runs. */
const STOP_UNWATCHED: Statement = {
  name: 'watches_stop',
  text: 'select * from orchestrator.stop_unwatched($1, $2)',
};

export class SqlWatches implements Watches {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async watch(runId: string, forMs: number): Promise<boolean> {
    return (await rows(this.#pool, WATCH, [runId, forMs])).length > 0;
  }

  async rewatch(runId: string): Promise<void> {
    await rows(this.#pool, REWATCH, [runId]);
  }

  async stopUnwatched(body: unknown, limit: number): Promise<Unwatched[]> {
    const stopped = await rows<{ run_id: string; tenant_id: string; owned: boolean }>(this.#pool, STOP_UNWATCHED, [
      JSON.stringify(body),
      limit,
    ]);
    return stopped.map((run) => ({ runId: run.run_id, tenantId: run.tenant_id, owned: run.owned }));
  }
}
