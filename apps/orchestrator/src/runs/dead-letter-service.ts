import { randomUUID } from 'node:crypto';
import {
  AppError,
  formatCursor,
  type InputOf,
  type listDeadLetters,
  type OutputOf,
  parseCursor,
  type Principal,
  type requeueDeadLetter,
  roleSuffices,
  runIdsFor,
  type RunSpec,
} from '@switchyard/contracts';
import type { DeadLetter, DeadLetters, Journal } from '@switchyard/store';
import type { RunService } from './run-service.ts';

/*
 * Lists dead letters and requeues them, for admins of their tenant. Another tenant's letter answers like one that does
 * not exist.
 * However often a letter is requeued, it becomes one run: the key of the new run is derived from the letter's run.
 */

const TASK_CHARS = 500;

interface DeadLetterParts {
  readonly journal: Pick<Journal, 'head' | 'read'>;
  readonly deadLetters: DeadLetters;
  readonly runs: Pick<RunService, 'start'>;
}

export class DeadLetterService {
  readonly #parts: DeadLetterParts;

  constructor(parts: DeadLetterParts) {
    this.#parts = parts;
  }

  async list(input: InputOf<typeof listDeadLetters>): Promise<OutputOf<typeof listDeadLetters>> {
    const { principal, cursor, limit } = input;
    adminOrThrow(principal);
    const after = cursor === undefined ? undefined : parseCursor(cursor);
    if (cursor !== undefined && !after) throw new AppError('invalid_cursor', 'The cursor is not one of this list.');
    const place = after && (await this.#placeOf(principal.tenantId, after.runId));
    const found = await this.#parts.deadLetters.list(principal.tenantId, limit, place);
    const last = found.at(-1);
    return {
      letters: found.map(toLetter),
      nextCursor: last && found.length === limit ? formatCursor(last.runId, 0) : null,
    };
  }

  async requeue(input: InputOf<typeof requeueDeadLetter>): Promise<OutputOf<typeof requeueDeadLetter>> {
    const { principal } = input;
    adminOrThrow(principal);
    const { deadLetters, runs } = this.#parts;
    const letter = await this.#letterOf(principal.tenantId, input.runId);
    if (!letter) throw new AppError('not_found', 'There is no such dead letter for you.');
    const { runId } = letter;
    if (letter.requeuedAs !== null) return { runId, requeuedAs: letter.requeuedAs, created: false };
    const run = await this.#specOf(runId);
    const started = await runs.start({ runId: randomUUID(), run, idempotencyKey: `requeue:${runId}` });
    await deadLetters.markRequeued(runId, started.runId);
    return { runId, requeuedAs: started.runId, created: started.created };
  }

  async #letterOf(tenantId: string, asked: string): Promise<DeadLetter | undefined> {
    for (const runId of runIdsFor(tenantId, asked)) {
      const letter = await this.#parts.deadLetters.get(tenantId, runId);
      if (letter) return letter;
    }
    return undefined;
  }

  async #placeOf(tenantId: string, runId: string): Promise<DeadLetter> {
    const letter = await this.#letterOf(tenantId, runId);
    if (!letter) throw new AppError('invalid_cursor', 'The cursor is not one of this list.');
    return letter;
  }

  /** The spec with which the run was accepted. */
  async #specOf(runId: string): Promise<RunSpec> {
    const [first] = await this.#parts.journal.read(runId, 0, 1);
    if (first?.type === 'orchestrator.run.accepted' && first.seq === 1) return first.data.run;
    if (first !== undefined) throw new AppError('conflict', 'The journal of this run cannot be read; start it anew.');
    throw new AppError('history_expired', 'The events of this run are no longer kept; start it anew.');
  }
}

function adminOrThrow(principal: Principal): void {
  if (!roleSuffices(principal.role, 'admin')) throw new AppError('forbidden', 'Dead letters are for admins.');
}

function toLetter({ runId, userId, task, reason, error, attempts, at, requeuedAs }: DeadLetter) {
  return {
    runId,
    userId,
    task: task.slice(0, TASK_CHARS),
    error,
    attempts,
    at,
    requeuedAs,
    reason: reason === 'unreadable' ? ('unreadable' as const) : ('no_progress' as const),
  };
}
