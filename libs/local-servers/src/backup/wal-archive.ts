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
 * A folder that gets the WAL of a private PostgreSQL as it is written, by PostgreSQL's own pg_receivewal. Guarantees:
 * - What PostgreSQL has on its disk is flushed in the folder within moments, also a segment that is not full.
 * - While the folder is away PostgreSQL keeps WAL for it, up to KEPT_FOR_ARCHIVE. Then PostgreSQL goes on without the
 *   archive: work is not stopped for it. The hole is told, and a new history begins, which needs a new backup.
 * - The folder holds at most the size that it may: the oldest WAL goes first.
 */

export const ARCHIVE_SLOT = 'switchyard_archive';
const KEPT_FOR_ARCHIVE = '2GB';
const STATUS_SECONDS = 1;

/** Settings of a server whose WAL is archived: how much WAL it keeps while the folder is away. */
export const ARCHIVE_SETTINGS: readonly string[] = [`max_slot_wal_keep_size=${KEPT_FOR_ARCHIVE}`];

export interface WalArchiveOptions {
  /** Of the superuser. */
  readonly url: string;
  /** The archive of this clone; each history has a folder of its own in it. */
  readonly dir: string;
  /** Where the cluster is. */
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

/** Throws a sentence where the folder cannot be used. */
export function ensureArchiveFolder(dir: string): string {
  const folder = resolve(dir);
  try {
    // Its parent must be there: what is to be on another disk is not made where that disk is not mounted.
    if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 });
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new Error(`${folder} cannot be written (${(error as NodeJS.ErrnoException).code}).`, { cause: error });
  }
  return folder;
}

/** Makes the slot that keeps WAL for the archive. `isWhole`: nothing is missing between `dir` and what it will give. */
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

/** Ends what PostgreSQL keeps for an archive that is not wanted any more. */
export async function forgetWalArchive(url: string): Promise<void> {
  await withClient(url, (client) =>
    client.query(
      'select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active',
      [ARCHIVE_SLOT],
    ),
  );
}

/** Starts receiving. It ends when the connection ends: whoever keeps it alive starts it again. */
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

/** Removes the oldest WAL until the archive holds at most `mostBytes`; answers how many segments went. */
export function boundWalArchive(dir: string, mostBytes: number): number {
  const kept = historiesIn(dir).flatMap((history) =>
    readdirSync(join(dir, history))
      .sort()
      .flatMap((file) => {
        const path = join(dir, history, file);
        // What is being written stays.
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

/** Histories in the order in which they began. */
function historiesIn(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() && /^\d{8}T\d{6}Z-[0-9a-f]{8}$/.test(entry.name) ? [entry.name] : []))
    .sort();
}

/** The files of one history in an archive; none where there is no such folder. */
export function walOf(dir: string, generation: string): string[] {
  try {
    return readdirSync(join(dir, generation));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
