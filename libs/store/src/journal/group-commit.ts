import { AppError } from '@switchyard/contracts';
import type { Pool } from 'pg';
import { type AcceptRow, acceptedOf, acceptMany, acceptOne, storedAccept, type StoredAccept } from './accepts.ts';
import { type AppendRow, appendedOf, appendMany, appendOne, storedAppend, type StoredAppend } from './appends.ts';
import type { Accept, Accepted, Append, Appended } from './journal.ts';
import type { StoredEvent } from './rows.ts';
import { Batcher, isUndone } from '../postgres/index.ts';

/*
 * Writes of several runs that are ready at the same moment, in one transaction. Invariants:
 * - A run has the outcome that it would have alone.
 * - What may wait for another writer goes alone, and nobody waits for it: large parts, turns of a thread, what is long.
 */

/** Events of more than this go alone. */
const LONG = 64 * 1024;
/** `patienceMs`: longer than a commit takes, much shorter than what a run notices. */
const LIMITS = { senders: 2, patienceMs: 25, items: 64, bytes: 512 * 1024, waiting: 10_000 };

export class GroupCommit {
  readonly #pool: Pool;
  readonly #accepts: Batcher<StoredAccept, AcceptRow>;
  readonly #appends: Batcher<StoredAppend, AppendRow>;

  constructor(pool: Pool) {
    this.#pool = pool;
    this.#accepts = new Batcher({
      send: (batch) =>
        together(
          batch,
          (one) => acceptOne(pool, one),
          (all) => acceptMany(pool, all),
        ),
      isUndone,
      bytesOf: ({ first, opening }) => first.size + sizeOf(opening),
      limits: LIMITS,
    });
    this.#appends = new Batcher({
      send: (batch) =>
        together(
          batch,
          (one) => appendOne(pool, one),
          (all) => appendMany(pool, all),
        ),
      isUndone,
      bytesOf: ({ events }) => sizeOf(events),
      limits: LIMITS,
    });
  }

  async accept(input: Accept): Promise<Accepted> {
    const run = storedAccept(input);
    const alone = input.run.thread_concurrency !== undefined || isLong([run.first, ...run.opening]);
    return acceptedOf(run, await (alone ? acceptOne(this.#pool, run) : this.#accepts.add(run)));
  }

  async append(input: Append): Promise<Appended> {
    const stored = storedAppend(input);
    const alone = isLong(stored.events);
    return appendedOf(stored, await (alone ? appendOne(this.#pool, stored) : this.#appends.add(stored)));
  }
}

/** The rows of a batch, one for each in its order. One alone is sent as it was always sent. */
async function together<Item, Row>(
  batch: readonly Item[],
  one: (item: Item) => Promise<Row>,
  all: (items: readonly Item[]) => Promise<Row[]>,
): Promise<Row[]> {
  const [first] = batch;
  if (first !== undefined && batch.length === 1) return [await one(first)];
  const found = await all(batch);
  if (found.length === batch.length) return found;
  throw new AppError('internal', undefined, { cause: new Error(`${found.length} answers to ${batch.length} writes`) });
}

function isLong(events: readonly StoredEvent[]): boolean {
  return sizeOf(events) > LONG || events.some(({ parts }) => parts.length > 0);
}

function sizeOf(events: readonly StoredEvent[]): number {
  return events.reduce((sum, { size }) => sum + size, 0);
}
