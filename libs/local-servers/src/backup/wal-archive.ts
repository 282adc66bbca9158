import { accessSync, constants, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { accountFor } from '../account.ts';
import { logFileOf } from '../local-server.ts';
import { withClient } from '../postgres-client.ts';
import { ServerProcess } from '../process.ts';
import { generationOf, newGeneration } from './generation.ts';
import { programOf, reachedBy } from './programs.ts';
import { segmentOf } from './wal-segments.ts';

/*
 * Copies the WAL of a private PostgreSQL to a folder as it is written, with PostgreSQL's own pg_receivewal. Guarantees:
 * - Whatever PostgreSQL has flushed to its disk is in the folder within moments, also a segment that is not full.
 * - While the folder is unreachable, PostgreSQL keeps WAL for it, up to KEPT_FOR_ARCHIVE. Beyond that PostgreSQL
 *   continues without the archive, so that no work stops. The archive reports the gap and begins a new history, which
 *   needs a new backup.
 * - The folder never exceeds its size limit: the oldest WAL is removed first.
 */

const ARCHIVE_SLOT = 'switchyard_archive';
const KEPT_FOR_ARCHIVE = '2GB';
const STATUS_SECONDS = 1;

/** Settings of a server with an archive: how much WAL it keeps while the folder is unreachable. */
export const ARCHIVE_SETTINGS: readonly string[] = [`max_slot_wal_keep_size=${KEPT_FOR_ARCHIVE}`];

export interface WalArchiveOptions {
  /** The URL of the superuser. */
  readonly url: string;
  /** The archive of this clone, with a folder for each history. */
  readonly dir: string;
  /** The folder of the cluster. */
  readonly cluster: string;
  readonly log: string;
  readonly onNotice: (line: string) => void;
}

export interface WalArchive {
  readonly name: 'wal-archive';
  readonly pid: number;
  readonly dir: string;
  readonly exited: Promise<string>;
  stop(): Promise<void>;
}

/** Throws a message for the user if the folder cannot be used. */
export function ensureArchiveFolder(dir: string): string {
  const folder = resolve(dir);
  try {
    // The parent must exist: an archive meant for another disk must not be created while that disk is not mounted.
    if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 });
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new Error(`${folder} cannot be written (${(error as NodeJS.ErrnoException).code}).`, { cause: error });
  }
  return folder;
}

/**
 * Creates the slot that keeps WAL for the archive. `isWhole`: there is no gap between `dir` and the first WAL of the
 * slot.
 */
async function ensureSlot(url: string, dir: string): Promise<{ isWhole: boolean }> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ wal_status: string | null }>(
      'select wal_status from pg_replication_slots where slot_name = $1',
      [ARCHIVE_SLOT],
    );
    const lost = rows[0]?.wal_status === 'lost';
    if (lost) await client.query('select pg_drop_replication_slot($1)', [ARCHIVE_SLOT]);
    if (rows.length > 0 && !lost) return { isWhole: true };
    await client.query('select pg_create_physical_replication_slot($1, true)', [ARCHIVE_SLOT]);
    return { isWhole: !existsSync(dir) || !readdirSync(dir).some(segmentOf) };
  });
}

/** Drops the slot, so that PostgreSQL keeps no WAL for an archive that is no longer wanted. */
export async function forgetWalArchive(url: string): Promise<void> {
  await withClient(url, (client) =>
    client.query(
      'select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active',
      [ARCHIVE_SLOT],
    ),
  );
}

/** Starts pg_receivewal. It ends when the connection ends; the caller starts it again. */
export async function startWalArchive(options: WalArchiveOptions): Promise<WalArchive> {
  const { url, cluster, onNotice } = options;
  const root = ensureArchiveFolder(options.dir);
  const account = accountFor('postgres');
  let dir = join(root, generationOf(cluster, account));
  if (!(await ensureSlot(url, dir)).isWhole) {
    dir = join(root, newGeneration(cluster, account)); // after a hole a new history begins
    onNotice('the WAL archive has a hole and begins anew; take the backup that it needs: ./switchyard backup');
  }
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const { args, env } = reachedBy(url);
  const how = ['--directory', dir, '--slot', ARCHIVE_SLOT, '--synchronous', '--no-loop'];
  const receiver = new ServerProcess({
    name: 'wal-archive',
    command: programOf('pg_receivewal'),
    args: [...args, ...how, `--status-interval=${STATUS_SECONDS}`],
    cwd: dir,
    log: logFileOf({ dir, log: options.log }),
    env,
    stopSignal: 'SIGTERM',
  });
  return { name: 'wal-archive', pid: receiver.pid, dir, exited: receiver.exited, stop: () => receiver.stop() };
}

/** Removes the oldest WAL until the archive holds at most `mostBytes`; returns how many segments it removed. */
export function boundWalArchive(dir: string, mostBytes: number): number {
  const kept = historiesIn(dir).flatMap((history) =>
    readdirSync(join(dir, history))
      .sort()
      .flatMap((file) => {
        const path = join(dir, history, file);
        // The segment that is being written stays.
        return segmentOf(file)?.isPartial === false ? [{ path, bytes: statSync(path).size }] : [];
      }),
  );
  let bytes = kept.reduce((sum, segment) => sum + segment.bytes, 0);
  let removed = 0;
  for (const segment of kept) {
    if (bytes <= mostBytes) break;
    rmSync(segment.path, { force: true });
    bytes -= segment.bytes;
    removed += 1;
  }
  return removed;
}

/** The histories, oldest first. */
function historiesIn(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() && /^\d{8}T\d{6}Z-[0-9a-f]{8}$/.test(entry.name) ? [entry.name] : []))
    .sort();
}

/** The files of one history in an archive; empty if there is no such folder. */
export function walOf(dir: string, generation: string): string[] {
  try {
    return readdirSync(join(dir, generation));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
