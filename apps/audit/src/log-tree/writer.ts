import type { RunEvent } from '@switchyard/contracts';
import { BoundedMap, type Clock, type Logger } from '@switchyard/platform';
import { logEvent } from '../log-events.ts';
import { type Accepted, linesOf } from './run-lines.ts';
import type { RunLines } from './tree-disk.ts';

/*
 * Writes the log tree: one folder per run, one main.jsonl per agent, the whole payloads under raw/.
 *  - The writer never throws and never holds up the audit for longer than `timeoutMs`. After a failure it rests for
 *    `restMs` and logs that once. Events that come in between are missing from the tree, never from the audit log.
 *  - The tree holds tasks, answers and arguments of all tenants. So only the account of the service may read and write
 *    its folders and files (files.ts).
 */
const MAX_REMEMBERED_RUNS = 5_000;

export interface LogTreeParts {
  /** Writes lines to the disk; one call at a time. */
  readonly disk: { write(runs: readonly RunLines[]): Promise<void> };
  readonly log: Logger;
  readonly clock: Clock;
  /** The first event of a run that was accepted before this process started. */
  readonly findAccepted: (tenantId: string, runId: string) => Promise<Accepted | undefined>;
  readonly timeoutMs?: number;
  readonly restMs?: number;
}

export class LogTreeWriter {
  /** The first event of each run that is under way, the oldest first. */
  readonly #accepted = new BoundedMap<string, Accepted>(MAX_REMEMBERED_RUNS);
  #restUntil = 0;
  #busy = false;
  #skipped = 0;

  readonly #parts: LogTreeParts;

  constructor(parts: LogTreeParts) {
    this.#parts = parts;
  }

  /** Writes new events of some runs, those of each run in order of seq. One call at a time. Never throws. */
  async write(runs: readonly (readonly RunEvent[])[]): Promise<void> {
    const { clock, timeoutMs = 5_000, restMs = 30_000, log } = this.#parts;
    const work = runs.filter((events) => events.length > 0);
    const count = work.reduce((sum, events) => sum + events.length, 0);
    if (count === 0) return;
    if (this.#busy || clock.now() < this.#restUntil) {
      this.#skipped += count;
      return;
    }
    if (this.#skipped > 0) {
      logEvent(log, 'log_tree_write_resumed', { skipped: this.#skipped });
      this.#skipped = 0;
    }
    this.#busy = true;
    const written = this.#writeRuns(work).finally(() => {
      this.#busy = false;
    });
    try {
      await within(written, timeoutMs);
    } catch (error) {
      this.#restUntil = clock.now() + restMs;
      this.#skipped += count;
      logEvent(log, 'log_tree_write_failed', { err: error, restMs });
    }
  }

  async #writeRuns(runs: readonly (readonly RunEvent[])[]): Promise<void> {
    const lines: RunLines[] = [];
    for (const events of runs) {
      const accepted = await this.#acceptedOf(events[0]!);
      if (accepted === undefined) continue;
      const own = linesOf(accepted, events);
      if (own.ended !== undefined) this.#accepted.delete(own.runId);
      lines.push(own);
    }
    if (lines.length > 0) await this.#parts.disk.write(lines);
  }

  async #acceptedOf(event: RunEvent): Promise<Accepted | undefined> {
    const known = this.#accepted.get(event.runId);
    if (known) return known;
    const accepted =
      event.type === 'orchestrator.run.accepted' ? event : await this.#parts.findAccepted(event.tenantId, event.runId);
    if (accepted === undefined) return undefined;
    this.#accepted.set(event.runId, accepted);
    return accepted;
  }
}

async function within<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer from the file system in ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
