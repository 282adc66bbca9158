import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Workspace, readJson, writeJson } from '../environment/workspace.ts';
import { identityOf, isRunning, PidsFile } from '../environment/process-files.ts';

/* The record of a running second organisation, by which any later command can find and end it. */

const STOP_WAIT_MS = 5_000;

const recordOf = (workspace: Workspace): string => join(workspace.state, 'federation.json');

export function noteOfSecond(workspace: Workspace, processes: readonly { name: string; pid: number }[]): void {
  const known = processes.map(({ name, pid }) => ({ name, ...identityOf(pid) }));
  writeJson(recordOf(workspace), { processes: known } satisfies PidsFile);
}

/** Ends what is left of a second organisation; answers the names of what ran. */
export async function stopSecondOrganisation(workspace: Workspace): Promise<string[]> {
  const left = (readJson(recordOf(workspace), PidsFile)?.processes ?? []).filter(isRunning);
  if (left.length === 0) return [];
  // The agent and the bridge before the server that they lean on.
  for (const { pid } of [...left].reverse()) signal(pid, 'SIGTERM');
  for (const deadline = Date.now() + STOP_WAIT_MS; left.some(isRunning) && Date.now() < deadline;) await sleep(50);
  for (const { pid } of left.filter(isRunning)) signal(pid, 'SIGKILL');
  noteOfSecond(workspace, []);
  return left.map(({ name }) => name);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone: that is what was wanted.
  }
}
