import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The system account that a server runs as, where it may not run as root. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

function idOf(flag: '-u' | '-g', user: string): number | undefined {
  const answer = spawnSync('id', [flag, user], { encoding: 'utf8', timeout: 5_000 });
  return answer.status === 0 ? Number(answer.stdout.trim()) : undefined;
}

/**
 * PostgreSQL and Prosody refuse to run as root. For root: the account that their packages made.
 * For anybody else: undefined, they run as the caller.
 */
export function accountFor(user: 'postgres' | 'prosody'): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const uid = idOf('-u', user);
  const gid = idOf('-g', user);
  if (uid === undefined || gid === undefined)
    throw new Error(`${user} cannot run as root and there is no account "${user}"`);
  return { uid, gid };
}

/** True where the account can reach the folder: every folder above must let it through. */
function canEnter(folder: string, account: Account): boolean {
  return (
    spawnSync('test', ['-x', folder], { uid: account.uid, gid: account.gid, cwd: '/', timeout: 5_000 }).status === 0
  );
}

/**
 * Makes the folder for a server's data, owned by its account, and returns its path: `dir`, or for an account that
 * cannot reach it (a clone under /root) a folder in /var/tmp. A note in `dir` says which, so that it is the same on
 * every start, and a new clone at the same place does not find the data of an old one.
 */
export function ownedFolder(dir: string, account: Account | undefined): string {
  const wanted = resolve(dir);
  mkdirSync(wanted, { recursive: true });
  if (!account) return wanted;
  const note = join(wanted, 'data-is-in');
  const folder = canEnter(resolve(wanted, '..'), account) ? wanted : placeElsewhere(note);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chownSync(folder, account.uid, account.gid);
  return folder;
}

/** Where the data of a server is that ownedFolder made at `dir`: there, or where the note says. Makes nothing. */
export function dataFolder(dir: string): string {
  const note = join(resolve(dir), 'data-is-in');
  return existsSync(note) ? readFileSync(note, 'utf8').trim() : resolve(dir);
}

function placeElsewhere(note: string): string {
  if (existsSync(note)) return readFileSync(note, 'utf8').trim();
  // The name is new and the folder made by us alone: /var/tmp is open to everybody.
  const folder = mkdtempSync('/var/tmp/switchyard-');
  writeFileSync(note, `${folder}\n`);
  return folder;
}
