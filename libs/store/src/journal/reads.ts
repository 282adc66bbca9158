import { RunStatus, type ThreadTurn } from '@switchyard/contracts';
import type { Pool } from 'pg';
import { INPUT_KINDS, type RunInput, type ThreadQuery } from './journal.ts';
import { INPUTS_AFTER, THREAD_TURNS, THREADS_TURNS } from './statements.ts';
import { Batcher, isUndone, ONCE, rows } from '../postgres/index.ts';

const INPUTS_PAGE = 100;
/** `bytes`: bounds the size of the turns, which may be long. */
const TURN_LIMITS = { senders: 2, patienceMs: 25, items: 64, bytes: 1_000, waiting: 10_000 };

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

interface TurnRow {
  run_id: string;
  task: string;
  answer: string | null;
  status: string;
  created_at_ms: number;
}

/** The newest ended runs of a conversation, oldest first. */
async function turnsOfOne(pool: Pool, query: ThreadQuery): Promise<TurnRow[]> {
  const { tenantId, userId, threadId, limit, before } = query;
  return rows(pool, THREAD_TURNS, [tenantId, userId, threadId, before ?? null, limit]);
}

async function turnsOfMany(pool: Pool, queries: readonly ThreadQuery[]): Promise<TurnRow[][]> {
  const found = await rows<TurnRow & { place: number }>(
    pool,
    THREADS_TURNS,
    [
      queries.map(({ tenantId }) => tenantId),
      queries.map(({ userId }) => userId),
      queries.map(({ threadId }) => threadId),
      queries.map(({ before }) => before ?? null),
      queries.map(({ limit }) => limit),
    ],
    ONCE,
  );
  const turns = queries.map((): TurnRow[] => []);
  for (const turn of found) turns[turn.place - 1]?.push(turn);
  return turns;
}

/** Reads conversations. Requests of the same moment share one statement. */
export function threadReader(pool: Pool): (query: ThreadQuery) => Promise<ThreadTurn[]> {
  const batcher = new Batcher<ThreadQuery, TurnRow[]>({
    send: async (queries) => {
      const [first] = queries;
      return first && queries.length === 1 ? [await turnsOfOne(pool, first)] : turnsOfMany(pool, queries);
    },
    isUndone,
    bytesOf: ({ limit }) => limit,
    limits: TURN_LIMITS,
  });
  return async (query) =>
    (await batcher.add(query)).reverse().map((run) => ({
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
