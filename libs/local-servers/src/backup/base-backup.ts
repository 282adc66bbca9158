import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { dataIn, manifestFiles, manifestOf, pack } from './archive.ts';
import { BACKUP_FORMAT, type BackupManifest, digestOf, type RecordFacts } from './manifest.ts';
import { reachedBy, runProgram } from './programs.ts';
import { withClient } from '../postgres-client.ts';
import { segmentBefore } from './wal-segments.ts';
import { z } from 'zod';

/*
 * Backs up a running PostgreSQL. Guarantees:
 * - A backup is the whole database at one moment. It holds everything that was committed before the copy began, however
 *   much is written meanwhile.
 * - Every file of the copy is checked against its checksum (pg_verifybackup) before the backup gets a name.
 * - The backup holds no passwords and no keys of the stack. It holds what the database holds: rows as they are,
 *   credentials sealed.
 */

const COPY_LIMIT_MS = 6 * 3_600_000;
/** The copy, and the packed file beside it. */
const ROOM = 1.6;

export type Stage = 'copy' | 'verify' | 'pack';
type OnStage = (stage: Stage, doneBytes?: number, allBytes?: number) => void;

export interface BaseBackupOptions {
  /** The URL of the superuser. */
  readonly url: string;
  readonly file: string;
  readonly generation: string;
  readonly version: string;
  readonly settings: readonly string[];
  /** Called before the copy begins. */
  readonly facts: () => Promise<RecordFacts>;
  readonly onStage?: OnStage;
}

export interface BackupDone {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly manifest: BackupManifest;
}

const CONTAINS = ['PostgreSQL: every database of the cluster, with the WAL that makes the copy whole'];
const LEFT_OUT = [
  'NATS JetStream: rebuilt from PostgreSQL',
  'Redis: counts are made anew from PostgreSQL, lists are made anew',
  'passwords, keys of the bus and of the vault, .env and other settings: keep them elsewhere',
  'the log tree of audit, and the files that settings name',
];

function bytesUnder(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name);
    return sum + (entry.isDirectory() ? bytesUnder(path) : statSync(path).size);
  }, 0);
}

/** Throws a message for the user if the disk has no room for a copy of `bytes`. */
export function ensureRoom(folder: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  if (free < bytes)
    throw new Error(`${folder} has room for ${megabytes(free)}; about ${megabytes(bytes)} are needed for a while.`);
}

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

async function databaseSize(url: string): Promise<{ bytes: number; version: string; major: number }> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ bytes: string; version: string; number: string }>(
      `select (select sum(pg_database_size(oid)) from pg_database)::text bytes,
         current_setting('server_version') as version, current_setting('server_version_num') as number`,
    );
    const { bytes, version, number } = rows[0]!;
    return { bytes: Number(bytes), version, major: Math.floor(Number(number) / 10_000) };
  });
}

/** Copies, verifies and packs. If that fails, no file is left behind. */
export async function takeBackup(options: BaseBackupOptions): Promise<BackupDone> {
  const { url, generation, version, onStage = () => undefined } = options;
  const file = resolve(options.file);
  if (!existsSync(dirname(file))) mkdirSync(dirname(file), { mode: 0o700 });
  const server = await databaseSize(url);
  ensureRoom(dirname(file), server.bytes * ROOM);
  const staging = mkdtempSync(join(dirname(file), '.backup-'));
  try {
    const record = await options.facts();
    const startedAt = new Date().toISOString();
    await copy(url, dataIn(staging), onStage);
    const finishedAt = new Date().toISOString();
    onStage('verify');
    await verifyCopy(dataIn(staging));
    const bytes = bytesUnder(staging);
    const manifest: BackupManifest = {
      format: BACKUP_FORMAT,
      product: { name: 'switchyard', version },
      startedAt,
      finishedAt,
      postgres: {
        major: server.major,
        version: server.version,
        bytes,
        manifestSha256: digestOf(readFileSync(join(dataIn(staging), 'backup_manifest'))),
      },
      wal: { generation, firstSegment: firstSegment(dataIn(staging)), lastSegment: lastSegment(dataIn(staging)) },
      record,
      settings: [...options.settings].sort(),
      contains: CONTAINS,
      leftOut: LEFT_OUT,
    };
    const texts = manifestFiles(manifest);
    for (const [name, text] of Object.entries(texts)) writeFileSync(join(staging, name), text, { mode: 0o600 });
    let packed = 0;
    const names = [...Object.keys(texts), 'data'];
    const done = await pack(staging, names, file, (chunk) => onStage('pack', (packed += chunk), bytes));
    await manifestOf(file); // reads it as a restore does
    return { file, ...done, manifest };
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

async function copy(url: string, data: string, onStage: OnStage): Promise<void> {
  const { args, env } = reachedBy(url);
  const how = ['--pgdata', data, '--format=plain', '--wal-method=stream', '--checkpoint=fast'];
  await runProgram('pg_basebackup', [...args, ...how, '--manifest-checksums=SHA256', '--progress'], {
    env,
    limitMs: COPY_LIMIT_MS,
    onText: (text) => {
      const [, done, all] = /(\d+)\/(\d+) kB/.exec(text) ?? [];
      if (done && all) onStage('copy', Number(done) * 1024, Number(all) * 1024);
    },
  });
}

/** Throws with the name of a file whose content differs from what was written. */
export async function verifyCopy(data: string): Promise<void> {
  await runProgram('pg_verifybackup', ['--exit-on-error', '--quiet', data], { limitMs: COPY_LIMIT_MS });
}

/** The first WAL segment that a recovery of this copy reads. */
function firstSegment(data: string): string {
  const label = readFileSync(join(data, 'backup_label'), 'utf8');
  const name = /^START WAL LOCATION: .*\(file ([0-9A-F]{24})\)/m.exec(label)?.[1];
  if (!name) throw new Error('the copy has no label that says where its WAL begins');
  return name;
}

const CopyManifest = z.object({
  'WAL-Ranges': z.array(z.object({ Timeline: z.number().int(), 'End-LSN': z.string() })).min(1),
});

/** The last WAL segment that the copy needs to be complete. */
function lastSegment(data: string): string {
  const { 'WAL-Ranges': ranges } = CopyManifest.parse(JSON.parse(readFileSync(join(data, 'backup_manifest'), 'utf8')));
  const last = ranges.at(-1)!;
  return segmentBefore(last['End-LSN'], last.Timeline);
}
