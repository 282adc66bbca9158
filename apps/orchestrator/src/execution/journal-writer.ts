import { AppError, type RunEvent, type RunFactDraft } from '@switchyard/contracts';
import { backoffMs, type Clock, type Logger, sleep } from '@switchyard/platform';
import { evolve, factStepId, foresee, type RunState } from '@switchyard/run';
import type { Journal } from '@switchyard/store';
import { logEvent } from '../log-events.ts';
import type { Lease } from './lease.ts';
import type { Publisher } from './publisher.ts';
import type { RunMetrics } from './run-metrics.ts';

/*
 * The only way in which an owner writes to its run.
 *
 * - Writes are serial. Facts that arrive during a write are committed together by the next write.
 * - `state` changes only through committed events.
 * - A refused write (another owner has the run, or the run has ended) closes the writer: every waiting and later write
 *   throws `fenced`.
 * - While PostgreSQL is away, the writer repeats the same write. The journal answers an ambiguous commit as success, so
 *   the write happens once.
 * - Some effects cannot be fenced by an append (sending a step, streaming text). Before such an effect the owner
 *   confirms that its lease still holds.
 */

export interface WriterParts {
  readonly journal: Journal;
  readonly publisher: Publisher;
  readonly checkTask: (task: string) => string | null;
  readonly clock: Clock;
  readonly log: Logger;
  readonly leaseMs: number;
}

interface Waiting {
  readonly drafts: readonly RunFactDraft[];
  readonly inboxTaken: number | undefined;
  readonly resolve: () => void;
  readonly reject: (error: AppError) => void;
}

export class JournalWriter {
  #state: RunState;
  #queue: Waiting[] = [];
  #running = false;
  #closed: AppError | null = null;
  #inboxLast = 0;
  #nextRun: string | null = null;
  announce = true;

  readonly #parts: WriterParts;
  readonly #metrics: RunMetrics;
  readonly #signal: AbortSignal;

  constructor(
    parts: WriterParts,
    metrics: RunMetrics,
    state: RunState,
    readonly epoch: number,
    signal: AbortSignal,
    readonly lease: Lease,
  ) {
    this.#parts = parts;
    this.#metrics = metrics;
    this.#signal = signal;
    this.#state = state;
  }

  get state(): RunState {
    return this.#state;
  }

  /** The number of the newest input that the last write reported. */
  get inboxLast(): number {
    return this.#inboxLast;
  }

  /** After the terminal event: the id of the next run of the same thread. */
  get nextRun(): string | null {
    return this.#nextRun;
  }

  /**
   * Commits the facts and the facts that follow from them. Resolves after the commit; throws `fenced` or `cancelled`.
   */
  write(drafts: readonly RunFactDraft[], inboxTaken?: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(this.#closed);
      this.#queue.push({ drafts, inboxTaken, resolve, reject });
      if (!this.#running) void this.#drain();
    });
  }

  /**
   * Releases the lease while the run waits for a person; an input, or the time `until` (ms since 1970), wakes the run.
   * This is the last write of this owner: it closes the writer. Returns whether an input arrived in between.
   */
  async park(until: number, inboxTaken: number): Promise<{ inputsWait: boolean }> {
    await this.write([]); // what was handed in before is out
    if (this.#closed) throw this.#closed;
    this.#closed = new AppError('fenced');
    const { runId, seq } = this.#state;
    const { journal, publisher } = this.#parts;
    const outcome = await this.#untilAnswered(() =>
      journal.append({
        runId,
        epoch: this.epoch,
        expectedSeq: seq,
        facts: [],
        leaseMs: 0,
        phase: 'waiting',
        wakeAt: until,
        ...publisher.publishedSoFar(runId),
      }),
    );
    // A refusal means that the reply to a first try was lost and the lease is released already; the sweeper sees the
    // inputs.
    return { inputsWait: outcome.kind === 'appended' && outcome.inboxLast > inboxTaken };
  }

  /** Resolves if the database confirms that this replica is the owner; throws `fenced` if it is not. */
  async confirmOwner(): Promise<void> {
    if (this.#closed) throw this.#closed;
    if (this.lease.holds) return;
    const { journal, leaseMs, log } = this.#parts;
    const { runId } = this.#state;
    const askedAt = this.lease.now();
    const mine = await this.#untilAnswered(() => journal.renew([{ runId, epoch: this.epoch }], leaseMs));
    if (mine.has(runId)) return this.lease.renewed(askedAt);
    logEvent(log, 'run_owner_lost', { runId, epoch: this.epoch });
    this.#closed ??= new AppError('fenced');
    throw this.#closed;
  }

  async #drain(): Promise<void> {
    this.#running = true;
    while (this.#queue.length > 0 && !this.#closed) {
      const batch = this.#queue.splice(0);
      try {
        await this.#commit(batch);
        for (const waiting of batch) waiting.resolve();
      } catch (error) {
        this.#closed = error instanceof AppError ? error : new AppError('internal', undefined, { cause: error });
        for (const waiting of [...batch, ...this.#queue.splice(0)]) waiting.reject(this.#closed);
      }
    }
    this.#running = false;
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    const { clock, log, journal, publisher, leaseMs } = this.#parts;
    const drafts = batch.flatMap((waiting) => waiting.drafts);
    const taken = batch.map((waiting) => waiting.inboxTaken).filter((n) => n !== undefined);
    const inboxTaken = taken.length > 0 ? Math.max(...taken) : undefined;
    const { facts, refused } = foresee(this.#state, drafts, {
      now: clock.now(),
      epoch: this.epoch,
      checkTask: this.#parts.checkTask,
      announce: this.announce,
    });
    for (const { type, reason } of refused)
      logEvent(log, 'run_event_refused', { runId: this.#state.runId, type, reason });
    if (facts.length === 0 && inboxTaken === undefined) return;

    const { runId } = this.#state;
    const askedAt = this.lease.now();
    const outcome = await this.#untilAnswered(() =>
      journal.append({
        runId,
        epoch: this.epoch,
        expectedSeq: this.#state.seq,
        facts: facts.map((fact) => ({ ...fact, stepId: factStepId(fact) })),
        leaseMs,
        ...publisher.publishedSoFar(runId),
        ...(inboxTaken === undefined ? {} : { inboxTaken }),
      }),
    );
    if (outcome.kind !== 'appended') {
      logEvent(log, 'run_write_refused', { runId, epoch: this.epoch, outcome: outcome.kind });
      if (outcome.kind !== 'ended') this.#metrics.fencedWrites.inc();
      throw new AppError(outcome.kind === 'ended' ? 'run_ended' : 'fenced');
    }
    this.lease.renewed(askedAt);
    this.#inboxLast = outcome.inboxLast;
    this.#nextRun = outcome.nextRun;
    this.#take(outcome.events);
    publisher.publish(outcome.events);
  }

  #take(events: readonly RunEvent[]): void {
    for (const event of events) {
      const before = this.#state;
      this.#state = evolve(before, event);
      if (this.#state === before)
        throw new AppError('internal', undefined, {
          cause: new Error(`event ${event.seq} of ${event.runId} cannot follow`),
        });
      this.#metrics.committed(event, this.#state.acceptedAt);
    }
  }

  async #untilAnswered<T>(attempt: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== 'unavailable') throw error;
        logEvent(this.#parts.log, 'journal_unavailable', { runId: this.#state.runId, err: error, tries });
        await sleep(backoffMs(tries, { baseMs: 50, maxMs: 1_000 }), this.#signal);
      }
    }
  }
}
