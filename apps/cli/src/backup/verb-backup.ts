import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { BackupDone } from '@switchyard/local-servers';
import { sourceOf } from '../stack/index.ts';
import type { Workspace } from '../environment/workspace.ts';
import { readStatus, runningSupervisor } from '../environment/process-files.ts';
import { stageLine } from '../command-line/stage-line.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';
import type { VerbContext } from '../command-line/verb.ts';

/** The default folder of backups. */
export const backupFolder = (workspace: Workspace): string => join(workspace.state, 'backups');

export const fileName = (now: Date): string => `switchyard-${now.toISOString().replace(/[-:]|\.\d+/g, '')}.tar.gz`;

/** The file of a backup: as it was said, or a new name in the folder that was said. */
export function targetOf(workspace: Workspace, said: string | undefined, now = new Date()): string {
  if (said === undefined) return join(backupFolder(workspace), fileName(now));
  const path = resolve(said);
  const isFolder = said.endsWith('/') || (existsSync(path) && statSync(path).isDirectory());
  if (isFolder) return join(path, fileName(now));
  if (existsSync(path)) throw new UserError(`${path} is there already; a backup overwrites nothing.`, EXIT.usage);
  return path;
}

/** The private PostgreSQL of the running stack, as its superuser. Throws a message for people. */
export function ownDatabase({ workspace, environment }: Pick<VerbContext, 'workspace' | 'environment'>): string {
  if (!runningSupervisor(workspace))
    throw new UserError('Nothing is running in this clone. Start it: ./switchyard up --detach', EXIT.unavailable);
  const url = readStatus(workspace).processes.find(({ name }) => name === 'postgres')?.url;
  if (url) return url;
  const whose = sourceOf('postgres', environment) === 'environment' ? 'the one of DATABASE_URL' : 'not a private one';
  throw new UserError(
    `PostgreSQL of this stack is ${whose}: back it up with its own means; docs/ha-dr.md says what it needs.`,
    EXIT.unavailable,
  );
}

export function versionOf(workspace: Workspace): string {
  return (JSON.parse(readFileSync(join(workspace.root, 'package.json'), 'utf8')) as { version: string }).version;
}

/** `backup [FILE|DIR]`: everything that the running stack remembers, as one file. */
export async function backup(context: VerbContext): Promise<number> {
  const { workspace, positionals, values, print, remark } = context;
  const file = targetOf(workspace, positionals[0]);
  const url = ownDatabase(context);
  const began = performance.now();
  const done = await takeBackupOf(context, url, file).catch((error: unknown) => {
    throw new UserError(`No backup was made: ${(error as Error).message}`);
  });
  const seconds = Math.round(performance.now() - began) / 1_000;
  if (values['json'] === true) {
    const { manifest, ...rest } = done;
    print(JSON.stringify({ ...rest, seconds, manifest }, null, 2));
    return EXIT.ok;
  }
  const { megabytes } = await import('@switchyard/local-servers');
  const { runs, vaultKeys } = done.manifest.record;
  print(`Backup: ${done.file}`);
  print(`  ${megabytes(done.bytes)}, verified, ${seconds.toFixed(1)} s; sha256 ${done.sha256}`);
  print(
    `  ${runs.total} runs (${runs.unfinished} under way, ${runs.waiting} waiting), whole at ${done.manifest.finishedAt}`,
  );
  remark('Its owner alone may read it. Keep it on another disk, encrypted where others reach it.');
  remark('Not in it: passwords, keys and settings (.env). A restore makes new passwords for the private servers.');
  if (vaultKeys.length > 0)
    remark(`Credentials of users in it open with the vault's keys ${vaultKeys.join(', ')} alone: keep VAULT_KEYS.`);
  return EXIT.ok;
}

async function takeBackupOf(context: VerbContext, url: string, file: string): Promise<BackupDone> {
  const { workspace } = context;
  const [{ dataFolder, accountFor, generationOf, takeBackup }, { recordFacts }] = await Promise.all([
    import('@switchyard/local-servers'),
    import('@switchyard/store'),
  ]);
  return takeBackup({
    url,
    file,
    generation: generationOf(dataFolder(join(workspace.state, 'data', 'postgres')), accountFor('postgres')),
    version: versionOf(workspace),
    settings: Object.keys(runningSupervisor(workspace)?.settings ?? {}),
    facts: () => recordFacts(url),
    onStage: stageLine(context),
  });
}
