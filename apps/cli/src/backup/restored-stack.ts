import { setTimeout as sleep } from 'node:timers/promises';
import type { Soundness } from '@switchyard/store';
import { passwordsOf, privateServer } from '../environment/logins.ts';
import type { Workspace } from '../environment/workspace.ts';
import { readStatus } from '../environment/process-files.ts';
import type { RestoreReport } from './restore-report.ts';

/* The checks of a stack that was started from a backup. */

const LOOK_MS = 500;
/** The operator's name in the audit log. */
const PERSON = 'restore';
const READ_LIMIT_MS = 20_000;

const urlOf = (workspace: Workspace, server: string): string => {
  const url = readStatus(workspace).processes.find(({ name }) => name === server)?.url;
  if (!url) throw new Error(`${server} does not run`);
  return url;
};

/** Reads a run of before the backup back, and waits until those that were not ended have ended. */
export async function askRestoredStack(
  workspace: Workspace,
  { sample, unfinished }: Pick<Soundness, 'sample' | 'unfinished'>,
  waitMs: number,
): Promise<NonNullable<RestoreReport['started']>> {
  const { endedOf, recordFacts } = await import('@switchyard/store');
  const readable = sample && (await isReadable(workspace, sample)) ? { readable: sample.runId } : {};
  const database = urlOf(workspace, 'postgres');
  const began = Date.now();
  let ended = await endedOf(database, unfinished);
  while (ended < unfinished.length && Date.now() - began < waitMs) {
    await sleep(LOOK_MS);
    ended = await endedOf(database, unfinished);
  }
  const waitedSeconds = Math.round((Date.now() - began) / 100) / 10;
  return { ...readable, ended, waitedSeconds, effectsInDoubt: (await recordFacts(database)).effects.inDoubt };
}

async function isReadable(
  workspace: Workspace,
  { runId, tenantId }: NonNullable<Soundness['sample']>,
): Promise<boolean> {
  const [{ getRun, OPERATOR_USER_PREFIX }, { connectBus }, { createLogger }, servers] = await Promise.all([
    import('@switchyard/contracts'),
    import('@switchyard/bus'),
    import('@switchyard/platform'),
    import('@switchyard/local-servers'),
  ]);
  const passwords = passwordsOf(workspace);
  const nats = privateServer(workspace, 'nats', urlOf(workspace, 'nats'));
  const access = servers.busAccess('operator', nats, await servers.loadBusKeys(passwords), PERSON);
  const log = createLogger({ app: 'restore', level: 'silent' });
  const bus = await connectBus({ ...access, log, signal: AbortSignal.timeout(READ_LIMIT_MS) });
  try {
    const principal = {
      tenantId,
      userId: `${OPERATOR_USER_PREFIX}${PERSON}`,
      role: 'auditor',
      via: 'operator',
    } as const;
    const run = await bus.request(getRun, { principal, runId }, { timeoutMs: READ_LIMIT_MS });
    return run.runId === runId;
  } finally {
    await bus.close();
  }
}
