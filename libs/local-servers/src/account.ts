import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The system account of a server that refuses to run as root. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

function idOf(flag: '-u' | '-g', user: string): number | undefined {
  const answer = spawnSync('id', [flag, user], { encoding: 'utf8', timeout: 5_000 });
  return answer.status === 0 ? Number(answer.stdout.trim()) : undefined;
}

/**
 * The account for a server that refuses to run as root. For root: the account that its package created. For any other
 * user: undefined, the server runs as that user.
 */
export function accountFor(user: 'postgres' | 'prosody'): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const uid = idOf('-u', user);
  const gid = idOf('-g', user);
  if (uid === undefined || gid === undefined)
    throw new Error(`${user} cannot run as root and there is no account "${user}"`);
  return { uid, gid };
}

/** True if the account can reach the folder: it may pass through every folder above. */
function canEnter(folder: string, account: Account): boolean {
  return (
    spawnSync('test', ['-x', folder], { uid: account.uid, gid: account.gid, cwd: '/', timeout: 5_000 }).status === 0
  );
}

/**
 * Creates the folder for a server's data, owned by its account, and returns its path: `dir`, or a folder in /var/tmp
 * for an account that cannot reach `dir` (a clone under /root). A note in `dir` names that folder, so that every start
 * uses the same one, and a new clone at the same place does not find the data of an old one.
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

/** The folder that ownedFolder created for `dir`: `dir` itself, or the one in the note. Creates nothing. */
export function dataFolder(dir: string): string {
  const note = join(resolve(dir), 'data-is-in');
  return existsSync(note) ? readFileSync(note, 'utf8').trim() : resolve(dir);
}

function placeElsewhere(note: string): string {
  if (existsSync(note)) return readFileSync(note, 'utf8').trim();
  // /var/tmp is open to everybody, so the name must be new and the folder our own.
  const folder = mkdtempSync('/var/tmp/switchyard-');
  writeFileSync(note, `${folder}\n`);
  return folder;
}
