import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { sha256 } from '@switchyard/contracts';
import { primaryUrl } from './hosts.ts';

const run = promisify(execFile);
// The same path from src/ and from dist/.
const home = fileURLToPath(new URL('../..', import.meta.url));
const LIMIT_MS = 120_000;
const CONNECT_LIMIT_MS = 5_000;

/**
 * Applies the missing migrations with Prisma's engine and under its lock, so that any number of concurrent callers do
 * it once. Needs a login that owns the database and may create roles. Takes milliseconds if there is nothing to do.
 * Throws with the engine's message if it fails. Of several servers in the URL the one that takes writes is used.
 */
export async function migrateDatabase(servers: string): Promise<void> {
  const url = await primaryUrl(servers, CONNECT_LIMIT_MS);
  if (await isUpToDate(url)) return;
  const tool = join(home, 'tools', 'prisma.mjs');
  try {
    await run(process.execPath, [tool, 'migrate'], {
      cwd: home,
      env: { ...process.env, DATABASE_URL: url },
      timeout: LIMIT_MS,
    });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`the database could not be migrated:\n${stdout}${stderr}`.trimEnd(), { cause: error });
  }
}

/**
 * True if every migration in the folder is applied in its current form. In case of doubt false: the engine decides
 * then.
 */
async function isUpToDate(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_LIMIT_MS });
  client.on('error', () => undefined); // the statement that waits for the connection rejects as well
  try {
    await client.connect();
    const { rows } = await client.query<{ migration_name: string; checksum: string }>(
      'select migration_name, checksum from public._prisma_migrations where finished_at is not null and rolled_back_at is null',
    );
    const applied = new Map(rows.map((row) => [row.migration_name, row.checksum]));
    return [...migrations()].every(([name, checksum]) => applied.get(name) === checksum);
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Name and checksum (SHA-256 of the file, as Prisma notes it) of every migration. */
export function* migrations(): Generator<[name: string, checksum: string]> {
  const folder = join(home, 'prisma', 'migrations');
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const script = readFileSync(join(folder, entry.name, 'migration.sql'));
    yield [entry.name, sha256(script)];
  }
}
