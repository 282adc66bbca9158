import { appendFile, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunEvent } from '@switchyard/contracts';
import type { Clock, Logger } from '@switchyard/platform';
import { redactSecrets, truncateForLog } from '@switchyard/platform';
import { eventFolder, folderNames, type LoggedRun, logLine, rawFileName, taskHash } from './log-tree.ts';

/*
 * Writes the log tree: one folder per run, one main.jsonl per agent, the whole payloads under raw/.
 *  T1 Secrets are redacted before anything is written; lines are cut per value, raw files are not.
 *  T2 The same run always has the same folder; an event that is there already is not written again.
 *  T3 It never throws and never holds up the audit for longer than `timeoutMs`: after a failure it rests for
 *     `restMs`, says so once, and what comes in between is missing from the tree (never from the audit log).
 *  T4 At most one file of a main.jsonl and `RAW_AT_ONCE` raw files are open at any time.
 */
const RAW_AT_ONCE = 8;
const MAX_REMEMBERED_RUNS = 5_000;

type Accepted = Extract<RunEvent, { type: 'orchestrator.run.accepted' }>;
type Completed = Extract<RunEvent, { type: 'orchestrator.task.completed' }>;

export interface LogTreeParts {
  /** Root of the tree; made where it is missing. */
  readonly dir: string;
  readonly log: Logger;
  readonly clock: Clock;
  /** The first event of a run that was accepted before this process started. */
  readonly findAccepted: (tenantId: string, runId: string) => Promise<Accepted | undefined>;
  readonly timeoutMs?: number;
  readonly restMs?: number;
}

interface OpenRun {
  readonly folder: string;
  readonly accepted: Accepted;
  /** Events up to here are in the files. */
  lastSeq: number;
  /** False where an earlier process may have written some of the events. */
  readonly fresh: boolean;
}

export class LogTreeWriter {
  private readonly runs = new Map<string, OpenRun>();
  private restUntil = 0;
  private busy = false;
  private skipped = 0;

  constructor(private readonly parts: LogTreeParts) {}

  /** Writes events of one run, in order of their seq. Never throws (T3). */
  async write(events: readonly RunEvent[]): Promise<void> {
    const { clock, timeoutMs = 5_000, restMs = 30_000, log } = this.parts;
    if (events.length === 0) return;
    if (this.busy || clock.now() < this.restUntil) {
      this.skipped += events.length;
      return;
    }
    if (this.skipped > 0) {
      log.warn({ skipped: this.skipped }, 'log tree: writing again; the events in between are in the audit log alone');
      this.skipped = 0;
    }
    this.busy = true;
    const work = this.writeRun(events).finally(() => {
      this.busy = false;
    });
    try {
      await within(work, timeoutMs);
    } catch (error) {
      this.restUntil = clock.now() + restMs;
      this.skipped += events.length;
      this.runs.delete(events[0]!.runId);
      log.error({ err: error, restMs }, 'log tree: cannot write; the audit log goes on without it');
    }
  }

  private async writeRun(events: readonly RunEvent[]): Promise<void> {
    const run = await this.open(events);
    if (run === undefined) return;
    const lines = new Map<string, string[]>();
    const raws: { path: string; text: string }[] = [];
    for (const event of events) {
      if (event.seq <= run.lastSeq) continue;
      const folder = join(run.folder, eventFolder(event));
      const raw = join(folder, 'raw', rawFileName(event));
      if (!run.fresh && (await exists(raw))) continue;
      const data = redactSecrets(event.data);
      const line = `${JSON.stringify(logLine(event, truncateForLog(data)))}\n`;
      lines.set(folder, [...(lines.get(folder) ?? []), line]);
      raws.push({ path: raw, text: JSON.stringify({ ...logLine(event, data), seq: event.seq }, null, 2) });
    }
    for (const [folder, texts] of lines) {
      await mkdir(join(folder, 'raw'), { recursive: true });
      await appendFile(join(folder, 'main.jsonl'), texts.join(''));
    }
    // After the lines: a raw file says that its line is there (T2).
    for (let i = 0; i < raws.length; i += RAW_AT_ONCE) {
      await Promise.all(raws.slice(i, i + RAW_AT_ONCE).map(({ path, text }) => writeFile(path, text)));
    }
    const last = events.at(-1)!;
    run.lastSeq = last.seq;
    if (last.type === 'orchestrator.task.completed') {
      await replaceFile(join(run.folder, 'metadata.json'), metadata(run.accepted, last));
      this.runs.delete(last.runId);
    }
  }

  private async open(events: readonly RunEvent[]): Promise<OpenRun | undefined> {
    const first = events[0]!;
    const known = this.runs.get(first.runId);
    if (known) return known;
    const accepted =
      first.type === 'orchestrator.run.accepted' ? first : await this.parts.findAccepted(first.tenantId, first.runId);
    if (accepted === undefined) return undefined;
    const { folder, created } = await claimFolder(this.parts.dir, accepted);
    const run: OpenRun = { folder, accepted, lastSeq: 0, fresh: created };
    if (this.runs.size >= MAX_REMEMBERED_RUNS) this.runs.delete(this.runs.keys().next().value!);
    this.runs.set(first.runId, run);
    return run;
  }
}

/** Finds or makes the folder of a run: the first of its names that no other run has (T2). */
async function claimFolder(dir: string, accepted: Accepted): Promise<{ folder: string; created: boolean }> {
  for (const name of folderNames(loggedRun(accepted))) {
    const folder = join(dir, name);
    await mkdir(folder, { recursive: true });
    const file = join(folder, 'metadata.json');
    try {
      await writeFile(file, metadata(accepted, undefined), { flag: 'wx' });
      return { folder, created: true };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if ((await ownerOf(file)) === accepted.runId) return { folder, created: false };
  }
  throw new Error(`no folder for run ${accepted.runId}`);
}

async function ownerOf(metadataFile: string): Promise<string | undefined> {
  try {
    return (JSON.parse(await readFile(metadataFile, 'utf8')) as { run_id?: string }).run_id;
  } catch {
    return undefined;
  }
}

function metadata(accepted: Accepted, completed: Completed | undefined): string {
  const { run } = accepted.data;
  const value = {
    run_id: accepted.runId,
    tenant_id: accepted.tenantId,
    user_id: run.principal.userId,
    thread_id: run.thread_id,
    task: run.task,
    task_hash: taskHash(run.task),
    accepted_at: new Date(accepted.ts).toISOString(),
    ended_at: completed ? new Date(completed.ts).toISOString() : null,
    status: completed?.data.status ?? null,
    completion_reason: completed?.data.completion_reason ?? null,
    total_steps: completed?.data.total_steps ?? null,
  };
  return `${JSON.stringify(redactSecrets(value), null, 2)}\n`;
}

function loggedRun(accepted: Accepted): LoggedRun {
  return { runId: accepted.runId, acceptedAt: accepted.ts, task: accepted.data.run.task };
}

/** A reader sees the old file or the new one, never a half. */
async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
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
