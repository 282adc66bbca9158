import { ensureArchiveFolder } from '@switchyard/local-servers';
import type { Environment } from '../environment/environment.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';

/** Where the WAL of the private PostgreSQL is archived, and how much of it is kept. */
export interface WalSettings {
  readonly dir: string;
  readonly mostBytes: number;
}

const DEFAULT_GB = '10';
/** One segment that is being written and one that is complete, of 16 MB each, are always there. */
const LEAST_GB = 0.1;
const MOST_GB = 100_000;

/** Undefined where no archive is wanted. Throws a message for people. */
export function walSettings(environment: Environment): WalSettings | undefined {
  const wanted = environment['WAL_ARCHIVE_DIR'];
  if (!wanted) return undefined;
  const text = environment['WAL_ARCHIVE_GB'] || DEFAULT_GB;
  const gigabytes = Number(text);
  if (!(gigabytes >= LEAST_GB && gigabytes <= MOST_GB))
    throw new UserError(
      `WAL_ARCHIVE_GB: expected a number from ${LEAST_GB} to ${MOST_GB}; it is "${text}"`,
      EXIT.config,
    );
  try {
    return { dir: ensureArchiveFolder(wanted), mostBytes: gigabytes * 1e9 };
  } catch (error) {
    throw new UserError(`WAL_ARCHIVE_DIR: ${(error as Error).message}`, EXIT.config);
  }
}
