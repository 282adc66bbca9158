import { hostname } from 'node:os';
import { clearAccount } from './account-slot.ts';
import { bootId, isAlive, killProcess } from './process-id.ts';
import { removeFolder } from './session-folder.ts';
import type { SessionRow, SessionRows } from './session-rows.ts';
import { removeTraces } from './x-server.ts';

/*
 * Ends what a service left behind that died: processes, locks, sockets, mounts and folders of its sessions.
 *
 * - It works from the rows alone and kills by pid and start time, or by the account that only that session had, never by
 *   name: what is not of a dead service is not touched.
 * - After another boot only files are left, and pids mean nothing.
 * - A row goes when what it names is gone, so that a reaper that dies as well leaves the rest to the next.
 */

/** The rows whose service is gone. */
export function orphans(rows: readonly SessionRow[], boot: string, alive = isAlive): SessionRow[] {
  return rows.filter((row) => row.bootId !== boot || !alive(row.owner));
}

async function reap(row: SessionRow, rows: SessionRows): Promise<void> {
  if (row.bootId === bootId()) {
    for (const each of row.processes) killProcess(each);
    // A program that was started in the very moment may be in no row; its account tells whose it is.
    if (row.uid !== undefined) await clearAccount(row.uid);
  }
  for (const each of row.processes) removeTraces(each.pid);
  await removeFolder(row.folder);
  await rows.remove(row.sessionId);
}

/** Reaps the orphans of this machine and answers with their ids. */
export async function reapOrphans(rows: SessionRows): Promise<string[]> {
  const found = orphans(await rows.ofHost(hostname()), bootId());
  for (const row of found) await reap(row, rows);
  return found.map(({ sessionId }) => sessionId);
}
