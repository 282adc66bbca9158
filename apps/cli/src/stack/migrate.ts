import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { basicVariables } from '../environment/allowed-variables.ts';
import type { Workspace } from '../environment/workspace.ts';

const run = promisify(execFile);
const LIMIT_MS = 120_000;

/**
 * What a database looks like after the migrations of this clone: a hash over their texts and the database's URL. A
 * private cluster that is made anew has a new password, hence a new URL.
 */
function migrationStamp(folder: string, databaseUrl: string): string {
  const hash = createHash('sha256').update(databaseUrl);
  const files = existsSync(folder) ? (readdirSync(folder, { recursive: true }) as string[]) : [];
  for (const file of files.filter((name) => name.endsWith('.sql')).sort()) {
    hash.update(`\n${file}\n`).update(readFileSync(join(folder, file)));
  }
  return hash.digest('hex');
}

/**
 * Brings the database to the schema of this clone. A private database that is there already costs a few
 * milliseconds; one that belongs to somebody else is asked every time. Returns whether migrations were run.
 */
export async function migrate(workspace: Workspace, databaseUrl: string, isPrivate: boolean): Promise<boolean> {
  const stampFile = join(workspace.state, 'stamps', 'migrations');
  const stamp = migrationStamp(join(workspace.root, 'libs', 'store', 'prisma', 'migrations'), databaseUrl);
  if (isPrivate && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return false;
  const env = { ...basicVariables(process.env), DATABASE_URL: databaseUrl };
  await run('npm', ['run', '--silent', 'migrate', '-w', '@switchyard/store'], {
    cwd: workspace.root,
    env,
    timeout: LIMIT_MS,
  }).catch((error: { stdout?: string; stderr?: string; message: string }) => {
    const output = `${error.stdout ?? ''}${error.stderr ?? ''}`.trim().slice(-2_000) || error.message;
    throw new Error(`the migrations of the database failed:\n${output}`);
  });
  mkdirSync(join(workspace.state, 'stamps'), { recursive: true });
  writeFileSync(stampFile, stamp);
  return true;
}
