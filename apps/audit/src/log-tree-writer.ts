import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunEvent } from '@switchyard/contracts';
import type { Clock, Logger } from '@switchyard/platform';
import { redactSecrets, truncateForLog } from '@switchyard/platform';
import { eventFolder, folderNames, type LoggedRun, logLine, RAW_FILE, taskHash } from './log-tree.ts';

/*
 * Writes the log tree: one folder per run, one main.jsonl per agent, the whole payloads under raw/.
 *  T1 Secrets are redacted before anything is written; lines are cut per value, payloads under raw/ are not.
 *  T2 The same run always has the same folder; an event that is there already is not written again.
 *  T3 It never throws and never holds up the audit for longer than `timeoutMs`: after a failure it rests for
 *     `restMs`, says so once, and what comes in between is missing from the tree (never from the audit log).
 *  T4 At most `RUNS_AT_ONCE` files are open at any time, whatever the number of runs.
 *  T5 Tasks, answers and arguments of all tenants stand in it: its folders and files are for its own account alone.
 */
const RUNS_AT_ONCE = 4;
const MAX_REMEMBERED_RUNS = 5_000;
/** T5 */
const PRIVATE_FOLDER = { recursive: true, mode: 0o700 };
const PRIVATE_FILE = { mode: 0o600 };

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
  readonly path: string;
  readonly accepted: Accepted;
  /** False where an earlier process may have written some of the events. */
  readonly fresh: boolean;
  /** The folders that are there, with the numbers of the events that each one has. */
  readonly folders: Map<string, Set<number>>;
}

export class LogTreeWriter {
  private readonly runs = new Map<string, OpenRun>();
  private restUntil = 0;
  private busy = false;
  private skipped = 0;

  constructor(private readonly parts: LogTreeParts) {}

  /** Writes what came of some runs, each in order of its seq. One call at a time. Never throws (T3). */
  async write(runs: readonly (readonly RunEvent[])[]): Promise<void> {
    const { clock, timeoutMs = 5_000, restMs = 30_000, log } = this.parts;
    const work = runs.filter((events) => events.length > 0);
    const count = work.reduce((sum, events) => sum + events.length, 0);
    if (count === 0) return;
    if (this.busy || clock.now() < this.restUntil) {
      this.skipped += count;
      return;
    }
    if (this.skipped > 0) {
      log.warn({ skipped: this.skipped }, 'log tree: writing again; the events in between are in the audit log alone');
      this.skipped = 0;
    }
    this.busy = true;
    const written = this.writeRuns(work).finally(() => {
      this.busy = false;
    });
    try {
      await within(written, timeoutMs);
    } catch (error) {
      this.restUntil = clock.now() + restMs;
      this.skipped += count;
      this.runs.clear();
      log.error({ err: error, restMs }, 'log tree: cannot write; the audit log goes on without it');
    }
  }

  private async writeRuns(runs: readonly (readonly RunEvent[])[]): Promise<void> {
    const waiting = [...runs];
    const lane = async (): Promise<void> => {
      for (let events = waiting.shift(); events !== undefined; events = waiting.shift()) await this.writeRun(events);
    };
    const lanes = await Promise.allSettled(Array.from({ length: RUNS_AT_ONCE }, lane));
    const failed = lanes.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
  }

  private async writeRun(events: readonly RunEvent[]): Promise<void> {
    const run = await this.open(events);
    if (run === undefined) return;
    const byFolder = new Map<string, RunEvent[]>();
    for (const event of events) {
      const folder = eventFolder(event);
      byFolder.set(folder, [...(byFolder.get(folder) ?? []), event]);
    }
    for (const [folder, own] of byFolder) await this.writeFolder(run, folder, own);
    const last = events.at(-1)!;
    if (last.type === 'orchestrator.task.completed') {
      await replaceFile(join(run.path, 'metadata.json'), metadata(run.accepted, last));
      this.runs.delete(last.runId);
    }
  }

  private async writeFolder(run: OpenRun, folder: string, events: readonly RunEvent[]): Promise<void> {
    const path = join(run.path, folder);
    const rawFile = join(path, RAW_FILE);
    let there = run.folders.get(folder);
    if (there === undefined) {
      await mkdir(join(path, 'raw'), PRIVATE_FOLDER);
      there = run.fresh ? new Set() : await seqsIn(rawFile);
      run.folders.set(folder, there);
    }
    const lines: string[] = [];
    const raws: string[] = [];
    const missing = events.filter((event) => !there.has(event.seq));
    for (const event of missing) {
      const data = redactSecrets(event.data);
      lines.push(`${JSON.stringify(logLine(event, truncateForLog(data)))}\n`);
      raws.push(`${JSON.stringify({ ...logLine(event, data), seq: event.seq })}\n`);
    }
    if (lines.length === 0) return;
    await appendFile(join(path, 'main.jsonl'), lines.join(''), PRIVATE_FILE);
    // After the lines: the payload says that its line is there (T2).
    await appendFile(rawFile, raws.join(''), PRIVATE_FILE);
    for (const event of missing) there.add(event.seq);
  }

  private async open(events: readonly RunEvent[]): Promise<OpenRun | undefined> {
    const first = events[0]!;
    const known = this.runs.get(first.runId);
    if (known) return known;
    const accepted =
      first.type === 'orchestrator.run.accepted' ? first : await this.parts.findAccepted(first.tenantId, first.runId);
    if (accepted === undefined) return undefined;
    const { path, created } = await claimFolder(this.parts.dir, accepted);
    const run: OpenRun = { path, accepted, fresh: created, folders: new Map() };
    if (this.runs.size >= MAX_REMEMBERED_RUNS) this.runs.delete(this.runs.keys().next().value!);
    this.runs.set(first.runId, run);
    return run;
  }
}

/** Finds or makes the folder of a run: the first of its names that no other run has (T2). */
async function claimFolder(dir: string, accepted: Accepted): Promise<{ path: string; created: boolean }> {
  for (const name of folderNames(loggedRun(accepted))) {
    const path = join(dir, name);
    await mkdir(path, PRIVATE_FOLDER);
    const file = join(path, 'metadata.json');
    try {
      await writeFile(file, metadata(accepted, undefined), { ...PRIVATE_FILE, flag: 'wx' });
      return { path, created: true };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if ((await ownerOf(file)) === accepted.runId) return { path, created: false };
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
  await writeFile(`${path}.new`, text, PRIVATE_FILE);
  await rename(`${path}.new`, path);
}

/** The numbers of the events whose payloads are in a raw file; a line that a crash cut off counts as absent. */
async function seqsIn(rawFile: string): Promise<Set<number>> {
  const text = await readFile(rawFile, 'utf8').catch(() => '');
  const seqs = new Set<number>();
  for (const line of text.split('\n')) {
    try {
      if (line !== '') seqs.add((JSON.parse(line) as { seq: number }).seq);
    } catch {
      continue;
    }
  }
  return seqs;
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
