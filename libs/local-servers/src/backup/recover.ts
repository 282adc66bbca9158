import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClientConfig } from 'pg';
import { DATABASE_SESSIONS } from '../access/index.ts';
import { type Account, accountFor, ownedFolder } from '../account.ts';
import { withClient } from '../postgres-client.ts';
import { ServerProcess } from '../process.ts';
import { giveTo } from './give-to.ts';
import { dataIn, manifestOf, unpack } from './archive.ts';
import { ensureRoom, verifyCopy } from './base-backup.ts';
import { newGeneration } from './generation.ts';
import { type BackupManifest, digestOf, UnusableBackup } from './manifest.ts';
import { programOf, runProgram } from './programs.ts';
import { walOf } from './wal-archive.ts';
import { reachOf } from './wal-segments.ts';

/*
 * Restores a cluster from a backup, in a folder of its own. Guarantees:
 * - No part of a backup is started before its checksums are verified.
 * - While the cluster recovers, only its own account and root can reach it: it has no port, and its socket is in a
 *   private folder.
 * - The cluster has a new password and begins a new history. The passwords of the backup's stack open nothing.
 * - If the recovery fails, it removes what it created. It never touches another folder.
 */

const RECOVERY_LIMIT_MS = 6 * 3_600_000;
const PORT = 5432;
const ROOM = 1.3;
const OWNER = 'switchyard';

export type RestoreStage = 'unpack' | 'verify' | 'recover';

export interface RecoverOptions {
  readonly file: string;
  /** The folder of the new cluster: missing or empty. */
  readonly dir: string;
  /** A WAL archive to replay; absent: restores the moment of the backup. */
  readonly walDir?: string | undefined;
  /** Replays no change after this moment. Absent: replays everything. */
  readonly to?: Date | undefined;
  readonly log: string;
  readonly onStage?: (stage: RestoreStage, doneBytes?: number, allBytes?: number) => void;
  /** Called while nobody else can reach the database. */
  readonly inspect?: (url: string) => Promise<void>;
}

export interface Recovered {
  /** The folder of the cluster, ready for startPostgres or to be moved into place. */
  readonly dir: string;
  readonly manifest: BackupManifest;
  /** Segments of the archive that were used, and segments behind a gap. */
  readonly wal: { readonly used: number; readonly unreachable: number };
  /** The commit time of the last restored transaction; undefined: none after the backup. */
  readonly lastCommit: string | undefined;
  readonly seconds: Readonly<Record<RestoreStage, number>>;
}

/** Throws UnusableBackup if this machine cannot run the backup, or if it does not reach the requested moment. */
export async function ensureRestorable(manifest: BackupManifest, file: string, to: Date | undefined): Promise<void> {
  const installed = Number(/ (\d+)/.exec(await runProgram('postgres', ['--version'], { limitMs: 10_000 }))?.[1]);
  const { major } = manifest.postgres;
  if (installed !== major)
    throw new UnusableBackup(
      file,
      `it is of PostgreSQL ${major} and here is ${installed}: install PostgreSQL ${major}.`,
    );
  if (to && to.getTime() < Date.parse(manifest.finishedAt))
    throw new UnusableBackup(
      file,
      `it was whole at ${manifest.finishedAt}, which is later than ${to.toISOString()}: take an earlier backup.`,
    );
  if (to && to.getTime() > Date.now()) throw new UnusableBackup(file, `${to.toISOString()} is still to come.`);
}

export async function recoverBackup(options: RecoverOptions): Promise<Recovered> {
  const { file, walDir, to, onStage = () => undefined } = options;
  const manifest = await manifestOf(file);
  await ensureRestorable(manifest, file, to);
  const account = accountFor('postgres');
  const dir = ownedFolder(options.dir, account);
  const seconds = { unpack: 0, verify: 0, recover: 0 };
  const timed = async <T>(stage: RestoreStage, work: () => Promise<T>): Promise<T> => {
    const began = performance.now();
    onStage(stage);
    const result = await work();
    seconds[stage] = Math.round(performance.now() - began) / 1_000;
    return result;
  };
  try {
    ensureRoom(dir, manifest.postgres.bytes * ROOM);
    let read = 0;
    const packed = statSync(file).size;
    await timed('unpack', () => unpack(file, dir, (bytes) => onStage('unpack', (read += bytes), packed)));
    await timed('verify', () => verify(file, dir, manifest));
    const wal = stageWal(dir, manifest, walDir);
    giveTo(dir, account);
    const lastCommit = await timed('recover', () => recover(options, dir, account));
    for (const made of ['wal', 'manifest.json', 'manifest.sha256'])
      rmSync(join(dir, made), { recursive: true, force: true });
    newGeneration(dir, account);
    return { dir, manifest, wal, lastCommit, seconds };
  } catch (error) {
    for (const folder of [dir, options.dir]) rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Throws UnusableBackup if a checksum is wrong, before any part of the backup is started. */
async function verify(file: string, dir: string, manifest: BackupManifest): Promise<void> {
  const data = dataIn(dir);
  const list = join(data, 'backup_manifest');
  if (!existsSync(list) || digestOf(readFileSync(list)) !== manifest.postgres.manifestSha256)
    throw new UnusableBackup(file, 'the backup is damaged: its list of checksums is not what was written.');
  chmodSync(data, 0o700);
  await verifyCopy(data).catch((error: unknown) => {
    const why = (error as Error).message.replaceAll(`${data}/`, '');
    throw new UnusableBackup(file, `the backup is damaged: ${why}.`, { cause: error });
  });
}

/** Copies the usable segments to where the recovery looks for them, each under its full name. */
function stageWal(dir: string, manifest: BackupManifest, walDir: string | undefined): Recovered['wal'] {
  const staged = join(dir, 'wal');
  mkdirSync(staged, { recursive: true });
  if (walDir === undefined) return { used: 0, unreachable: 0 };
  const { generation, firstSegment, lastSegment } = manifest.wal;
  const { segments, unreachable } = reachOf(walOf(walDir, generation), firstSegment, lastSegment);
  for (const { file, name } of segments) copyFileSync(join(walDir, generation, file), join(staged, name));
  return { used: segments.length, unreachable };
}

async function recover(
  options: RecoverOptions,
  dir: string,
  account: Account | undefined,
): Promise<string | undefined> {
  const data = dataIn(dir);
  // The path of a socket must be short, and so is the system's folder of temporary files.
  const socket = mkdtempSync(join(tmpdir(), 'sy-'));
  const hba = join(socket, 'hba.conf');
  writeFileSync(hba, 'local all all trust\n', { mode: 0o600 }); // the socket's folder is closed to others
  writeFileSync(join(data, 'recovery.signal'), '', { mode: 0o600 });
  giveTo(socket, account);
  giveTo(join(data, 'recovery.signal'), account);
  const settings = [
    'listen_addresses=',
    `unix_socket_directories=${socket}`,
    `hba_file=${hba}`,
    'logging_collector=off',
    `max_connections=${DATABASE_SESSIONS.server}`, // a recovery refuses fewer than the server had
    'restore_command=cp "../wal/%f" "%p"', // relative, so that no shell reads a path of this machine
    'recovery_target_timeline=current',
    'recovery_target_action=promote',
    ...(options.to ? [`recovery_target_time=${options.to.toISOString().replace('T', ' ').replace('Z', '+00')}`] : []),
  ];
  const server = new ServerProcess({
    name: 'postgres',
    command: programOf('postgres'),
    args: ['-D', data, '-p', String(PORT), ...settings.flatMap((setting) => ['-c', setting])],
    cwd: dir,
    log: options.log,
    account,
    stopSignal: 'SIGINT',
  });
  const at = { host: socket, port: PORT, user: OWNER, database: 'postgres' };
  try {
    await server
      .waitUntilReady(
        // A connection before it is ready would fill its log with refusals.
        async () => /database system is ready to accept connections/.test(server.tail) && !(await isRecovering(at)),
        RECOVERY_LIMIT_MS,
      )
      .catch((error: unknown) => {
        throw explained(options, server.tail, error);
      });
    const lastCommit = lastCommitIn(server.tail);
    const password = randomBytes(18).toString('base64url');
    await withClient(at, (client) =>
      client.query(`alter role ${client.escapeIdentifier(OWNER)} password ${client.escapeLiteral(password)}`),
    );
    const url = `postgresql://${OWNER}@/${OWNER}?host=${encodeURIComponent(socket)}&port=${PORT}`;
    await options.inspect?.(url);
    writeFileSync(join(dir, 'password'), `${password}\n`, { mode: 0o600 });
    giveTo(join(dir, 'password'), account);
    return lastCommit;
  } finally {
    await server.stop();
    rmSync(socket, { recursive: true, force: true });
  }
}

function isRecovering(at: ClientConfig): Promise<boolean> {
  return withClient(at, async (client) => {
    const { rows } = await client.query<{ busy: boolean }>('select pg_is_in_recovery() busy');
    return rows[0]?.busy !== false;
  });
}

const lastCommitIn = (log: string): string | undefined =>
  /last completed transaction was at log time ([^\n]+)/.exec(log)?.[1]?.trim();

function explained({ file, to, walDir }: RecoverOptions, log: string, error: unknown): unknown {
  if (!/recovery ended before configured recovery target was reached/.test(log)) return error;
  const last = lastCommitIn(log);
  const where = walDir === undefined ? 'the backup alone (no WAL archive was named)' : 'the backup and its WAL archive';
  const reach = last ? ` reaches to ${last}` : ' holds no change after the backup';
  return new UnusableBackup(
    file,
    `${where}${reach}, not to ${to?.toISOString()}. Without --to all of it is restored.`,
    {
      cause: error,
    },
  );
}
