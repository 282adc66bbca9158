import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { dataFolder } from '@switchyard/local-servers';
import type { Workspace } from '../environment/workspace.ts';
import { isRunning, readPids, runningSupervisor } from '../environment/process-files.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';

/*
 * Moves the data of this clone's servers out of the way of a restored database. Guarantees:
 *  - No data is moved while a process of this clone runs, and no data is overwritten unless the caller asks for it.
 *  - The data that was there is kept, whole, in a folder that the caller is told.
 *  - The data of NATS and Redis is never left beside an older database: it may speak of events that the database does
 *    not have.
 */

/** Servers whose data belongs together. Prosody's accounts are created again at every start. */
const TOGETHER = ['postgres', 'nats', 'redis'] as const;

const dataOf = (workspace: Workspace, server: string): string => join(workspace.state, 'data', server);

/** Throws a message for people while a process of this clone runs. */
export function ensureStopped(workspace: Workspace): void {
  const lives = runningSupervisor(workspace) !== undefined || readPids(workspace).processes.some(isRunning);
  if (lives)
    throw new UserError(
      'A stack runs in this clone, and nothing was done. Stop it first: ./switchyard down',
      EXIT.unavailable,
    );
}

export function ensureReplaceable(workspace: Workspace, replace: boolean): void {
  if (replace || !existsSync(join(dataFolder(dataOf(workspace, 'postgres')), 'data', 'PG_VERSION'))) return;
  throw new UserError(
    'This clone has data already, and nothing was done. With --replace it is put aside, kept, and the backup takes its place.',
    EXIT.usage,
  );
}

/**
 * Puts a recovered cluster where the stack looks for it. Moves the earlier data of all three servers to one folder and
 * keeps it there. Answers that folder, or undefined where there was no data.
 */
export function takePlace(workspace: Workspace, stagedAt: string, now = new Date()): string | undefined {
  ensureStopped(workspace);
  const aside = join(workspace.state, `data-before-${now.toISOString().replace(/[-:]|\.\d+/g, '')}`);
  const kept = TOGETHER.filter((server) => {
    const from = dataOf(workspace, server);
    if (!existsSync(from) || readdirSync(from).length === 0) return false;
    mkdirSync(aside, { recursive: true, mode: 0o700 });
    renameSync(from, join(aside, server)); // A note of data elsewhere goes with it.
    return true;
  });
  const home = dataOf(workspace, 'postgres');
  rmSync(home, { recursive: true, force: true });
  renameSync(stagedAt, home);
  // Where its account cannot reach the clone, the data is elsewhere and the note that came along says where.
  if (!existsSync(join(dataFolder(home), 'data', 'PG_VERSION'))) throw new Error(`the restored data is not in ${home}`);
  rmSync(join(workspace.state, 'stamps', 'migrations'), { force: true });
  return kept.length > 0 ? aside : undefined;
}
