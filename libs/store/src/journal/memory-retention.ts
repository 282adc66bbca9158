import type { MemoryRun, MemoryTables } from './memory-tables.ts';
import type { Retention } from './retention.ts';

const HOUR_MS = 3_600_000;

/** Retention as in `SqlRetention`, for the journal in memory. */
export class MemoryRetention implements Retention {
  readonly #tables: MemoryTables;

  constructor(tables: MemoryTables) {
    this.#tables = tables;
  }

  async due(limit: number, keepMs: number): Promise<string[]> {
    return [...this.#tables.runs.values()]
      .filter((run) => this.#mayExpire(run, keepMs))
      .slice(0, limit)
      .map(({ runId }) => runId);
  }

  async expire(runId: string, snapshot: string, keepMs: number): Promise<boolean> {
    const run = this.#tables.runs.get(runId);
    if (!run || !this.#mayExpire(run, keepMs)) return false;
    Object.assign(run, { snapshot, events: [], inbox: [] });
    return true;
  }

  async snapshot(runId: string): Promise<string | undefined> {
    return this.#tables.runs.get(runId)?.snapshot ?? undefined;
  }

  async remove(limit: number, keepMs: number): Promise<number> {
    const old = [...this.#tables.runs.values()]
      .filter((run) => run.snapshot !== null && this.#isOld(run.endedAt, keepMs))
      .slice(0, limit);
    for (const { runId } of old) this.#tables.runs.delete(runId);
    return old.length;
  }

  #mayExpire(run: MemoryRun, keepMs: number): boolean {
    return run.publishedSeq === run.lastSeq && run.snapshot === null && this.#isOld(run.endedAt, keepMs);
  }

  #isOld(endedAt: number | null, keepMs: number): boolean {
    return endedAt !== null && endedAt < this.#tables.now() - Math.max(keepMs, HOUR_MS);
  }
}
