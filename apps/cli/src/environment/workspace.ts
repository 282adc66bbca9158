import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { z } from 'zod';

/** The paths of one clone's state. */
export interface Workspace {
  readonly root: string;
  readonly state: string;
  /** The processes, for people and programs. */
  readonly statusFile: string;
  /** Pids with start times, so that a reused pid is never signalled. */
  readonly pidsFile: string;
  readonly portsFile: string;
  readonly supervisorFile: string;
  readonly logDir: string;
  /** Short name of this clone, for what is shared by the machine. */
  readonly id: string;
}

export function workspaceOf(root: string): Workspace {
  const state = join(root, '.switchyard');
  return {
    root,
    state,
    statusFile: join(state, 'status.json'),
    pidsFile: join(state, 'pids.json'),
    portsFile: join(state, 'ports.json'),
    supervisorFile: join(state, 'supervisor.json'),
    logDir: join(state, 'log'),
    id: createHash('sha256').update(root).digest('hex').slice(0, 8),
  };
}

/** Absolute path of a process's log. */
export function logFile(workspace: Workspace, name: string): string {
  return join(workspace.logDir, `${name}.log`);
}

/** Writes JSON so that a reader sees the old or the new text, never a part. */
export function writeJson(file: string, value: unknown): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const unfinished = `${file}.${process.pid}.new`;
  writeFileSync(unfinished, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(unfinished, file);
}

/** Reads JSON of a known shape; undefined where it is missing or not of that shape. */
export function readJson<S extends z.ZodType>(file: string, shape: S): z.output<S> | undefined {
  try {
    return shape.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}
