import type { Pool } from 'pg';
import type { DeadLetter, DeadLetterPlace, DeadLetters } from './dead-letters.ts';
import * as sql from './statements.ts';
import { rows } from '../postgres/index.ts';

interface LetterRow {
  run_id: string;
  tenant_id: string;
  user_id: string;
  task: string;
  reason: string;
  error: string | null;
  attempts: number;
  at_ms: number;
  requeued_as: string | null;
}

export class SqlDeadLetters implements DeadLetters {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async list(tenantId: string, limit: number, after?: DeadLetterPlace): Promise<DeadLetter[]> {
    const values = [tenantId, after?.at ?? null, after?.runId ?? null, limit];
    return (await rows<LetterRow>(this.#pool, sql.DEAD_LETTERS, values)).map(toLetter);
  }

  async get(tenantId: string, runId: string): Promise<DeadLetter | undefined> {
    const [found] = await rows<LetterRow>(this.#pool, sql.DEAD_LETTER, [tenantId, runId]);
    return found && toLetter(found);
  }

  async markRequeued(runId: string, requeuedAs: string): Promise<void> {
    await rows(this.#pool, sql.REQUEUED, [runId, requeuedAs]);
  }
}

function toLetter(row: LetterRow): DeadLetter {
  const { run_id, tenant_id, user_id, task, reason, error, attempts, at_ms, requeued_as } = row;
  return {
    runId: run_id,
    tenantId: tenant_id,
    userId: user_id,
    task,
    reason,
    error,
    attempts,
    at: at_ms,
    requeuedAs: requeued_as,
  };
}
