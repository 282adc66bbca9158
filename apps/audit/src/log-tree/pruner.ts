import { readdir, realpath, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Logger, type Metrics, sleep } from '@switchyard/platform';
import type { AuditLog } from '@switchyard/store';
import { logEvent } from '../log-events.ts';
import { sizeOf } from './folder-size.ts';
import { FOLDER_NAME } from './log-tree.ts';
import { isCode } from './files.ts';
import { TreeLock } from './lock.ts';
import { type FolderOfRun, type Limits, whatGoes } from './retention.ts';
import { readMetadata } from './metadata.ts';

/*
 * Keeps the log tree within an age and a size.
 *  - retention.ts decides which folders go; it never chooses the folder of a run that is under way.
 *  - The pruner looks only at folders of the tree that have the name of a run's folder: no link, no other file, nothing
 *    outside the tree.
 *  - The pruner renames a folder before it removes it, so no process reads or writes a half-removed folder.
 *  - One process prunes at a time. It looks at STEP folders, then pauses. It measures a folder whose run has ended once.
 */
const STEP = 50;
const PAUSE_MS = 20;
const LOCK_STALE_MS = 300_000;
/** Prefix of a folder's name while it is being removed. */
const GOING = '.pruned-';

export interface PrunerParts {
  readonly dir: string;
  readonly limits: Limits;
  /** Knows which runs have ended, even if the tree missed it. */
  readonly auditLog: Pick<AuditLog, 'summaries'>;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Logger;
}

export class LogTreePruner {
  readonly #pruned;
  readonly #prunedBytes;
  readonly #failures;
  readonly #bytes;
  readonly #folders;
  /** Folders whose run has ended: they do not change. */
  #known = new Map<string, FolderOfRun>();

  readonly #parts: PrunerParts;

  constructor(parts: PrunerParts) {
    this.#parts = parts;
    const { metrics } = parts;
    this.#pruned = metrics.counter('log_tree_pruned_total', 'Folders of runs removed from the log tree', ['why']);
    this.#prunedBytes = metrics.counter('log_tree_pruned_bytes_total', 'Bytes removed from the log tree', []);
    this.#failures = metrics.counter('log_tree_prune_failures_total', 'Rounds of pruning the log tree that failed', []);
    this.#bytes = metrics.gauge('log_tree_bytes', 'Bytes of the log tree when it was looked at last', []);
    this.#folders = metrics.gauge('log_tree_folders', 'Folders of the log tree when it was looked at last', []);
  }

  /** One round. Returns how many folders were removed; 0 also if another process prunes. */
  async prune(signal: AbortSignal): Promise<number> {
    const { clock, limits } = this.#parts;
    if (limits.keepMs === 0 && limits.maxBytes === 0) return 0;
    try {
      const dir = await realpath(this.#parts.dir).catch(unlessMissing);
      if (dir === undefined) return 0;
      const lock = new TreeLock(dir, LOCK_STALE_MS, () => clock.now());
      if (!(await lock.take())) return 0;
      try {
        return await this.#pruneLocked(dir, lock, signal);
      } finally {
        await lock.release();
      }
    } catch (error) {
      this.#failures.inc();
      throw error;
    }
  }

  async #pruneLocked(dir: string, lock: TreeLock, signal: AbortSignal): Promise<number> {
    const { clock, limits, log } = this.#parts;
    const { names, left } = await entriesOf(dir);
    for (const name of left) await rm(join(dir, name), { recursive: true, force: true });
    const found = await this.#look(dir, names, lock, signal);
    if (signal.aborted) return 0;
    const going = whatGoes(found, limits, clock.now());
    let bytes = found.reduce((sum, folder) => sum + folder.bytes, 0);
    let removed = 0;
    for (const { folder, why } of going) {
      if (signal.aborted) break;
      if (removed % STEP === STEP - 1) await this.#pause(lock);
      if (!(await remove(dir, folder.name))) continue;
      this.#known.delete(folder.name);
      this.#pruned.inc({ why });
      this.#prunedBytes.inc(folder.bytes);
      bytes -= folder.bytes;
      removed += 1;
    }
    this.#bytes.set(bytes);
    this.#folders.set(found.length - removed);
    if (removed > 0) logEvent(log, 'log_tree_pruned', { removed, bytes });
    if (limits.maxBytes > 0 && bytes > limits.maxBytes)
      logEvent(log, 'log_tree_over_limit', { bytes, maxBytes: limits.maxBytes });
    return removed;
  }

  /** The present folders, the oldest run first. */
  async #look(dir: string, names: readonly string[], lock: TreeLock, signal: AbortSignal) {
    const known = new Map<string, FolderOfRun>();
    const found: FolderOfRun[] = [];
    for (let from = 0; from < names.length && !signal.aborted; from += STEP) {
      for (const folder of await this.#lookAt(dir, names.slice(from, from + STEP))) {
        found.push(folder);
        if (folder.endedAt !== undefined) known.set(folder.name, folder);
      }
      await this.#pause(lock);
    }
    if (!signal.aborted) this.#known = known;
    return found;
  }

  async #lookAt(dir: string, names: readonly string[]): Promise<FolderOfRun[]> {
    const looked = [];
    for (const name of names) {
      const before = this.#known.get(name);
      if (before !== undefined) looked.push({ folder: before, runId: undefined });
      else {
        const path = join(dir, name);
        const metadata = await readMetadata(path);
        const size = await sizeOf(path);
        looked.push({ folder: { name, endedAt: metadata?.endedAt, ...size }, runId: metadata?.runId });
      }
    }
    const open = looked.flatMap(({ folder, runId }) => (folder.endedAt === undefined && runId ? [runId] : []));
    const runs = new Map((open.length > 0 ? await this.#parts.auditLog.summaries(open) : []).map((s) => [s.runId, s]));
    return looked.map(({ folder, runId }) => {
      const run = runId === undefined ? undefined : runs.get(runId);
      if (folder.endedAt !== undefined || run === undefined) return folder;
      return { ...folder, underWay: run.endedAt === null, endedAt: run.endedAt ?? undefined };
    });
  }

  async #pause(lock: TreeLock): Promise<void> {
    await lock.renew();
    await sleep(PAUSE_MS);
  }
}

/** The folders of runs, by the time of their acceptance, and those that an earlier round began to remove. Skips all else. */
async function entriesOf(dir: string): Promise<{ names: string[]; left: string[] }> {
  const entries = (await readdir(dir, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const names = entries.map(({ name }) => name);
  return {
    names: names.filter((name) => FOLDER_NAME.test(name)).sort(),
    left: names.filter((name) => name.startsWith(GOING) && FOLDER_NAME.test(name.slice(GOING.length))),
  };
}

/** Renames the folder, then removes it. False where the folder is gone already. */
async function remove(dir: string, name: string): Promise<boolean> {
  const going = join(dir, `${GOING}${name}`);
  try {
    await rename(join(dir, name), going);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false;
    throw error;
  }
  await rm(going, { recursive: true, force: true });
  return true;
}

function unlessMissing(error: unknown): undefined {
  if (!isCode(error, 'ENOENT')) throw error;
  return undefined;
}
