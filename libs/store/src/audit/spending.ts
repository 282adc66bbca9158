import type { Pool } from 'pg';
import { SPENT_SINCE } from '../journal/index.ts';
import { rows } from '../postgres/index.ts';

/** One user's usage of the language model. */
export interface Spent {
  readonly userId: string;
  readonly tokens: number;
  readonly usd: number;
}

/** Money and tokens, from the journal. Not for the hot path: it reads every planning of the requested time. */
export interface Spending {
  /** By user, of one tenant; `since` in ms since 1970. */
  since(tenantId: string, since: number): Promise<Spent[]>;
}

export class SqlSpending implements Spending {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async since(tenantId: string, since: number): Promise<Spent[]> {
    const found = await rows<{ user_id: string; tokens: number; usd: number }>(this.#pool, SPENT_SINCE, [
      tenantId,
      since,
    ]);
    return found.map(({ user_id: userId, tokens, usd }) => ({ userId, tokens, usd }));
  }
}
