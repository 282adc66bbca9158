import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { SERVICE_APPS } from '../environment/environment.ts';
import type { Workspace } from '../environment/workspace.ts';
import { readStatus } from '../environment/process-files.ts';
import { entryOf } from './services.ts';

/* Which services of a stack that runs already are not ready, and why. */

const PROBE_LIMIT_MS = 2_000;
/** One that was started again a moment ago is given this long. */
const GRACE_MS = 3_000;

type Checks = Readonly<
  Record<string, { readonly ok?: boolean; readonly required?: boolean; readonly detail?: string }>
>;

async function why(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${url}/readiness`, { signal: AbortSignal.timeout(PROBE_LIMIT_MS) });
    const { checks = {} } = (await response.json()) as { checks?: Checks };
    if (response.ok) return undefined;
    const bad = Object.entries(checks).filter(([, { ok, required }]) => ok === false && required !== false);
    return bad.map(([name, { detail }]) => detail ?? name).join(' ') || 'it says so';
  } catch {
    return 'it does not answer';
  }
}

async function look(workspace: Workspace): Promise<string[]> {
  const running = readStatus(workspace).processes;
  const told = SERVICE_APPS.filter((app) => existsSync(entryOf(workspace, app))).map(async (app) => {
    const replicas = running.filter(({ name }) => name === app || name.startsWith(`${app}-`));
    if (replicas.length === 0) return [`${app} does not run; ./switchyard logs ${app} tells why`];
    const reasons = await Promise.all(replicas.map(async ({ name, url }) => [name, await why(url)] as const));
    return reasons.flatMap(([name, reason]) => (reason === undefined ? [] : [`${name} is not ready: ${reason}`]));
  });
  return (await Promise.all(told)).flat();
}

export async function notReadyOf(workspace: Workspace): Promise<readonly string[]> {
  for (const end = Date.now() + GRACE_MS; ; await sleep(200)) {
    const found = await look(workspace);
    if (found.length === 0 || Date.now() > end) return found;
  }
}
