import { execFile } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/*
 * The folder of a session: its home, its cookie, its pixels. In memory with a limit where the machine allows a mount, so
 * that a session can neither fill the disk nor leave something on it; elsewhere an ordinary folder.
 */

const run = promisify(execFile);
const LIMIT_MS = 5_000;

export interface SessionFolder {
  readonly path: string;
  readonly home: string;
  readonly inMemory: boolean;
}

/** Makes the folder. All in it belongs to the account of the session, and nobody else may look into it. */
export async function makeFolder(path: string, uid: number | undefined, sizeMb: number): Promise<SessionFolder> {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const inMemory = uid !== undefined && (await mount(path, sizeMb));
  const home = join(path, 'home');
  const folders = [home, join(path, 'pixels')];
  for (const folder of folders) mkdirSync(folder, { mode: 0o700 });
  chmodSync(path, 0o700);
  if (uid !== undefined) for (const folder of [path, ...folders]) chownSync(folder, uid, uid);
  return { path, home, inMemory };
}

async function mount(path: string, sizeMb: number): Promise<boolean> {
  const options = `size=${sizeMb}m,mode=0700,nosuid,nodev`;
  return run('mount', ['-t', 'tmpfs', '-o', options, 'switchyard-session', path], { timeout: LIMIT_MS }).then(
    () => true,
    () => false,
  );
}

/** Removes the folder, mounted or not; one that is gone is no error. */
export async function removeFolder(path: string): Promise<void> {
  if (process.getuid?.() === 0) {
    // A process that is about to end may still have files open; the mount goes when it does.
    await run('umount', ['--lazy', '--quiet', path], { timeout: LIMIT_MS }).catch(() => undefined);
  }
  rmSync(path, { recursive: true, force: true, maxRetries: 3 });
}
