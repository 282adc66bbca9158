import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Place, readJson, writeJson } from '../environment/place.ts';
import { identityOf, isRunning, PidsFile } from '../environment/records.ts';

/* What is written down of a running second organisation, so that it is found and ended whoever started it. */

const STOP_WAIT_MS = 5_000;

const recordOf = (place: Place): string => join(place.state, 'federation.json');

export function noteOfSecond(place: Place, processes: readonly { name: string; pid: number }[]): void {
  const known = processes.map(({ name, pid }) => ({ name, ...identityOf(pid) }));
  writeJson(recordOf(place), { processes: known } satisfies PidsFile);
}

/** Ends what is left of a second organisation; answers the names of what ran. */
export async function stopSecondOrganisation(place: Place): Promise<string[]> {
  const left = (readJson(recordOf(place), PidsFile)?.processes ?? []).filter(isRunning);
  if (left.length === 0) return [];
  // The agent and the bridge before the server that they lean on.
  for (const { pid } of [...left].reverse()) signal(pid, 'SIGTERM');
  for (const deadline = Date.now() + STOP_WAIT_MS; left.some(isRunning) && Date.now() < deadline;) await sleep(50);
  for (const { pid } of left.filter(isRunning)) signal(pid, 'SIGKILL');
  noteOfSecond(place, []);
  return left.map(({ name }) => name);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone: that is what was wanted.
  }
}
