import { join } from 'node:path';
import type { RunEvent } from '@switchyard/contracts';
import type { Clock, Logger } from '@switchyard/platform';
import { redactSecrets, truncateForLog } from '@switchyard/platform';
import { eventFolder, logLine, RAW_FOLDER } from './log-tree.ts';
import { appendLines, isCode, makeFolderIn, readSeqs, type Written } from './files.ts';
import { type Accepted, claimFolder, writeEnd } from './run-folder.ts';

/*
 * Writes the log tree: one folder per run, one main.jsonl per agent, the whole payloads under raw/.
 *  - The writer redacts secrets before it writes anything. It cuts the values of a line, but not the payloads under raw/.
 *  - The same run always has the same folder. The writer does not write an event again that the folder already holds.
 *  - The writer never throws and never holds up the audit for longer than `timeoutMs`. After a failure it rests for
 *    `restMs` and logs that once. Events that come in between are missing from the tree, never from the audit log.
 *  - At most `RUNS_AT_ONCE` files are open at any time, whatever the number of runs.
 *  - The tree holds tasks, answers and arguments of all tenants. So only the account of the service may read and write
 *    its folders and files.
 *  - When the pruner (pruner.ts) of this or another process removed a folder meanwhile, the writer makes the folder anew.
 */
const RUNS_AT_ONCE = 4;
const MAX_REMEMBERED_RUNS = 5_000;
const MAX_FILE_BYTES = 33_554_432;

export interface LogTreeParts {
  /** Root of the tree; made where it is missing. */
  readonly dir: string;
  readonly log: Logger;
  readonly clock: Clock;
  /** The first event of a run that was accepted before this process started. */
  readonly findAccepted: (tenantId: string, runId: string) => Promise<Accepted | undefined>;
  /** A file that grows beyond it is put aside. */
  readonly maxFileBytes?: number;
  readonly timeoutMs?: number;
  readonly restMs?: number;
}

interface OpenRun {
  readonly path: string;
  readonly accepted: Accepted;
  /** False where an earlier process may have written some of the events. */
  readonly fresh: boolean;
  /** The folders that are there, with what is written in each. */
  readonly folders: Map<string, Written>;
}

export class LogTreeWriter {
  readonly #runs = new Map<string, OpenRun>();
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
      log.warn({ skipped: this.#skipped }, 'log tree: writing again; the events in between are in the audit log alone');
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
      this.#runs.clear();
      log.error({ err: error, restMs }, 'log tree: cannot write; the audit log goes on without it');
    }
  }

  async #writeRuns(runs: readonly (readonly RunEvent[])[]): Promise<void> {
    const waiting = [...runs];
    const lane = async (): Promise<void> => {
      for (let events = waiting.shift(); events !== undefined; events = waiting.shift()) await this.#writeRun(events);
    };
    const lanes = await Promise.allSettled(Array.from({ length: RUNS_AT_ONCE }, lane));
    const failed = lanes.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
  }

  async #writeRun(events: readonly RunEvent[]): Promise<void> {
    try {
      await this.#writeOpen(events);
    } catch (error) {
      const { runId } = events[0]!;
      if (!isCode(error, 'ENOENT') || !this.#runs.delete(runId)) throw error;
      // The pruner removed the folder: make it anew.
      await this.#writeOpen(events);
    }
  }

  async #writeOpen(events: readonly RunEvent[]): Promise<void> {
    const run = await this.#open(events);
    if (run === undefined) return;
    const byFolder = new Map<string, RunEvent[]>();
    for (const event of events) {
      const folder = eventFolder(event);
      byFolder.set(folder, [...(byFolder.get(folder) ?? []), event]);
    }
    for (const [folder, own] of byFolder) await this.#writeFolder(run, folder, own);
    const last = events.at(-1)!;
    if (last.type === 'orchestrator.task.completed') {
      await writeEnd(run.path, run.accepted, last);
      this.#runs.delete(last.runId);
    }
  }

  async #writeFolder(run: OpenRun, folder: string, events: readonly RunEvent[]): Promise<void> {
    const path = join(run.path, folder);
    const raw = join(path, RAW_FOLDER);
    let there = run.folders.get(folder);
    if (there === undefined) {
      await makeFolderIn(run.path, join(folder, RAW_FOLDER));
      there = run.fresh ? { seqs: new Set(), upTo: 0 } : await readSeqs(raw);
      run.folders.set(folder, there);
    }
    const { seqs, upTo } = there;
    const lines: string[] = [];
    const raws: string[] = [];
    const missing = events.filter(({ seq }) => seq > upTo && !seqs.has(seq));
    for (const event of missing) {
      const data = redactSecrets(event.data);
      lines.push(`${JSON.stringify(logLine(event, truncateForLog(data)))}\n`);
      raws.push(`${JSON.stringify({ ...logLine(event, data), seq: event.seq })}\n`);
    }
    if (lines.length === 0) return;
    const { maxFileBytes = MAX_FILE_BYTES } = this.#parts;
    await appendLines(path, lines.join(''), maxFileBytes);
    // The payloads follow the lines: a payload tells a later writer that its line is there.
    await appendLines(raw, raws.join(''), maxFileBytes);
    for (const { seq } of missing) seqs.add(seq);
  }

  async #open(events: readonly RunEvent[]): Promise<OpenRun | undefined> {
    const first = events[0]!;
    const known = this.#runs.get(first.runId);
    if (known) return known;
    const accepted =
      first.type === 'orchestrator.run.accepted' ? first : await this.#parts.findAccepted(first.tenantId, first.runId);
    if (accepted === undefined) return undefined;
    const { path, created } = await claimFolder(this.#parts.dir, accepted);
    const run: OpenRun = { path, accepted, fresh: created, folders: new Map() };
    if (this.#runs.size >= MAX_REMEMBERED_RUNS) this.#runs.delete(this.#runs.keys().next().value!);
    this.#runs.set(first.runId, run);
    return run;
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
