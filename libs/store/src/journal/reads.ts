import { RunStatus, type ThreadTurn } from '@switchyard/contracts';
import type { Pool } from 'pg';
import { INPUT_KINDS, type RunInput, type ThreadQuery } from './journal.ts';
import { INPUTS_AFTER, THREAD_TURNS } from './statements.ts';
import { rows } from '../postgres/index.ts';

const INPUTS_PAGE = 100;

/** Inputs of a run after number `n`, in order. */
export async function inputsAfter(pool: Pool, runId: string, n: number, limit = INPUTS_PAGE): Promise<RunInput[]> {
  const found = await rows<{ n: number; kind: string; dedup_key: string; body: string; created_at_ms: number }>(
    pool,
    INPUTS_AFTER,
    [runId, n, limit],
  );
  return found.map((input) => ({
    n: input.n,
    kind: kindOf(input.kind),
    dedupKey: input.dedup_key,
    body: JSON.parse(input.body) as unknown,
    createdAt: input.created_at_ms,
  }));
}

/** The newest ended runs of a conversation, oldest first. */
export async function threadTurns(pool: Pool, query: ThreadQuery): Promise<ThreadTurn[]> {
  const { tenantId, userId, threadId, limit, before } = query;
  const found = await rows<{
    run_id: string;
    task: string;
    answer: string | null;
    status: string;
    created_at_ms: number;
  }>(pool, THREAD_TURNS, [tenantId, userId, threadId, before ?? null, limit]);
  return found.reverse().map((run) => ({
    runId: run.run_id,
    task: run.task,
    answer: run.answer,
    status: RunStatus.parse(run.status),
    createdAt: run.created_at_ms,
  }));
}

function kindOf(stored: string): RunInput['kind'] {
  const kind = INPUT_KINDS.find((known) => known === stored);
  if (kind === undefined) throw new Error(`the inbox holds an input of an unknown kind: ${stored}`);
  return kind;
}
