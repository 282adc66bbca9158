import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunEvent } from '@switchyard/contracts';
import { redactSecrets } from '@switchyard/platform';
import { folderNames, type LoggedRun, taskHash } from './log-tree.ts';
import { createFile, makeFolder, replaceFile } from './files.ts';

/* The folder of a run, and what its metadata.json says of it. */

export type Accepted = Extract<RunEvent, { type: 'orchestrator.run.accepted' }>;
export type Completed = Extract<RunEvent, { type: 'orchestrator.task.completed' }>;

const FILE = 'metadata.json';

/** What a folder says of its run. */
export interface FolderMetadata {
  readonly runId: string;
  /** Milliseconds since 1970; undefined: its end is not written. */
  readonly endedAt: number | undefined;
}

/** Finds or makes the folder of a run: the first of its names that no other run has. */
export async function claimFolder(dir: string, accepted: Accepted): Promise<{ path: string; created: boolean }> {
  for (const name of folderNames(loggedRun(accepted))) {
    const path = join(dir, name);
    await makeFolder(path);
    if (await createFile(join(path, FILE), metadata(accepted, undefined))) return { path, created: true };
    if ((await readMetadata(path))?.runId === accepted.runId) return { path, created: false };
  }
  throw new Error(`no folder for run ${accepted.runId}`);
}

export async function writeEnd(path: string, accepted: Accepted, completed: Completed): Promise<void> {
  await replaceFile(join(path, FILE), metadata(accepted, completed));
}

/** Undefined where there is none, or none that can be read. */
export async function readMetadata(path: string): Promise<FolderMetadata | undefined> {
  try {
    const { run_id: runId, ended_at: ended } = JSON.parse(await readFile(join(path, FILE), 'utf8')) as {
      run_id?: unknown;
      ended_at?: unknown;
    };
    if (typeof runId !== 'string') return undefined;
    const endedAt = typeof ended === 'string' ? Date.parse(ended) : NaN;
    return { runId, endedAt: Number.isNaN(endedAt) ? undefined : endedAt };
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
