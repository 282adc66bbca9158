import { AppError } from '@switchyard/contracts';
import type { RunInput } from './journal.ts';
import type { MemoryRun, MemoryTables } from './memory-tables.ts';

/** The inputs of a run, from anybody. A repeated input is stored once; an ended run takes none. */
export type Said = Pick<RunInput, 'kind' | 'dedupKey' | 'body'>;

/** Stores one input in the inbox of a run, unless `limit` inputs wait there already. */
export function putInput(
  tables: MemoryTables,
  run: MemoryRun,
  { kind, dedupKey, body }: Said,
  limit: number,
): { n: number; created: boolean; ended: boolean } {
  const ended = run.phase === 'ended';
  const known = run.inbox.find((input) => input.dedupKey === dedupKey);
  if (known) return { n: known.n, created: false, ended };
  if (ended) return { n: 0, created: false, ended };
  if (run.inboxLast - run.inboxTaken >= limit) {
    throw new AppError('overloaded', 'This run has too many inputs that wait to be taken.');
  }
  const n = (run.inboxLast += 1);
  run.updatedAt = Math.max(tables.now(), run.updatedAt);
  const kept: unknown = JSON.parse(JSON.stringify(body ?? null));
  run.inbox.push({ n, kind, dedupKey, body: kept, createdAt: run.updatedAt });
  return { n, created: true, ended };
}
