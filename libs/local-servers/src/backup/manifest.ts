import { createHash } from 'node:crypto';
import { z } from 'zod';

/* The description of a backup. It holds names, numbers and digests: no password, no key, and no value of a setting. */

/** The version of the format; it grows when an older restore cannot read the new one. */
export const BACKUP_FORMAT = 1;

const Time = z.iso.datetime();
const Segment = z.string().regex(/^[0-9A-F]{24}$/);
const Count = z.number().int().nonnegative();

/** Facts about the content of the database, counted before the copy began; a restore has at least as many rows. */
export const RecordFacts = z.object({
  migrations: z.array(z.string()),
  runs: z.object({ total: Count, ended: Count, unfinished: Count, waiting: Count }),
  events: Count,
  auditRecords: Count,
  effects: z.object({ total: Count, open: Count, inDoubt: Count }),
  /** The names of the vault's keys that seal the credentials in the database. */
  vaultKeys: z.array(z.string()),
});
export type RecordFacts = z.infer<typeof RecordFacts>;

export const BackupManifest = z.object({
  format: z.literal(BACKUP_FORMAT),
  product: z.object({ name: z.literal('switchyard'), version: z.string() }),
  startedAt: Time,
  /** The copy is complete from this moment on; no earlier moment can be restored from it. */
  finishedAt: Time,
  postgres: z.object({
    major: z.number().int().positive(),
    version: z.string(),
    bytes: Count,
    /** SHA-256 of `data/backup_manifest`, which holds the checksum of every other file. */
    manifestSha256: z.string().regex(/^[0-9a-f]{64}$/),
  }),
  wal: z.object({
    /** The history of this cluster (generation.ts); its WAL archive has the same name. */
    generation: z.string().regex(/^[A-Za-z0-9-]{1,64}$/),
    /** The WAL in the copy: from the first segment that a recovery reads to the last that it needs. */
    firstSegment: Segment,
    lastSegment: Segment,
  }),
  record: RecordFacts,
  /** The names of the settings of the stack. The backup does not hold their values. */
  settings: z.array(z.string()),
  contains: z.array(z.string()),
  leftOut: z.array(z.string()),
});
export type BackupManifest = z.infer<typeof BackupManifest>;

/** The reason why a backup cannot be used; the message begins with the name of its file. */
export class UnusableBackup extends Error {
  constructor(file: string, why: string, options?: ErrorOptions) {
    super(`${file}: ${why}`, options);
    this.name = 'UnusableBackup';
  }
}

export const digestOf = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex');

/** Parses a manifest and checks its digest. Throws UnusableBackup. */
export function readManifest(file: string, text: string, digest: string): BackupManifest {
  if (digestOf(text) !== digest.trim())
    throw new UnusableBackup(file, 'the backup is damaged: manifest.json is not what was written.');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UnusableBackup(file, 'the backup is damaged: manifest.json is not JSON.', { cause: error });
  }
  const format = (value as { format?: unknown } | null)?.format;
  if (format !== BACKUP_FORMAT)
    throw new UnusableBackup(file, `the backup has format ${String(format)}; this version reads ${BACKUP_FORMAT}.`);
  const parsed = BackupManifest.safeParse(value);
  if (!parsed.success) throw new UnusableBackup(file, 'the manifest lacks what a restore needs.');
  return parsed.data;
}
