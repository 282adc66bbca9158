import { processStartTime } from '@switchyard/local-servers';
import { z } from 'zod';
import { type Workspace, readJson, writeJson } from './workspace.ts';

/** `.switchyard/status.json`: every process, for people and programs. */
export const StatusFile = z.object({
  processes: z.array(z.object({ name: z.string(), pid: z.number().int(), url: z.string(), log: z.string() })),
});
export type StatusFile = z.infer<typeof StatusFile>;

/** A process beyond doubt: a pid alone may meanwhile belong to somebody else. */
const Identity = z.object({ pid: z.number().int().positive(), startTime: z.string().optional() });
export type Identity = z.infer<typeof Identity>;

export const PidsFile = z.object({ processes: z.array(Identity.extend({ name: z.string() })) });
export type PidsFile = z.infer<typeof PidsFile>;

/** `.switchyard/supervisor.json`: the background process that owns all others, and what it was started with. */
export const SupervisorFile = Identity.extend({
  state: z.enum(['starting', 'ready', 'stopping']),
  gatewayUrl: z.string(),
  model: z.string(),
  /** The stamp of the build that its services run. */
  build: z.string(),
  /** Name -> fingerprint of the value, for the settings that came from the environment. Never the value. */
  settings: z.record(z.string(), z.string()),
});
export type SupervisorFile = z.infer<typeof SupervisorFile>;

export function identityOf(pid: number): Identity {
  const startTime = processStartTime(pid);
  return startTime === undefined ? { pid } : { pid, startTime };
}

/** True while exactly that process lives. */
export function isRunning({ pid, startTime }: Identity): boolean {
  if (process.platform === 'linux') return startTime !== undefined && processStartTime(pid) === startTime;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export const readStatus = (workspace: Workspace): StatusFile =>
  readJson(workspace.statusFile, StatusFile) ?? { processes: [] };
export const readPids = (workspace: Workspace): PidsFile => readJson(workspace.pidsFile, PidsFile) ?? { processes: [] };

/** The supervisor's record, where the supervisor lives. */
export function runningSupervisor(workspace: Workspace): SupervisorFile | undefined {
  const record = readJson(workspace.supervisorFile, SupervisorFile);
  return record && isRunning(record) ? record : undefined;
}

export const writeSupervisor = (workspace: Workspace, record: SupervisorFile): void =>
  writeJson(workspace.supervisorFile, record);

/** Writes both views of the same processes; the log is named relative to the clone. */
export function writeProcesses(
  workspace: Workspace,
  processes: readonly { name: string; pid: number; url: string }[],
): void {
  writeJson(workspace.pidsFile, {
    processes: processes.map(({ name, pid }) => ({ name, ...identityOf(pid) })),
  } satisfies PidsFile);
  writeJson(workspace.statusFile, {
    processes: processes.map(({ name, pid, url }) => ({ name, pid, url, log: `.switchyard/log/${name}.log` })),
  } satisfies StatusFile);
}
