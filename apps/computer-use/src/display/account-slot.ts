import { createServer, type Server } from 'node:net';
import { execFileSync } from 'node:child_process';
import { killProcess, processesOf } from './process-id.ts';

/*
 * The account of a session: a user id that no other session of this machine has, whoever started it.
 *
 * - Only root can give accounts away. Elsewhere sessions run as the user that started the service.
 * - A claim is an abstract socket with the number in its name: the kernel lets one process have it, and takes it back
 *   when that process ends, however it ends.
 * - An account of the system, or one with living processes, is passed over: what lives there is not ours to end.
 */

export interface AccountSlot {
  /** Undefined where sessions have no account of their own. */
  readonly uid: number | undefined;
  release(): Promise<void>;
}

export interface AccountRange {
  readonly firstUid: number;
  readonly count: number;
}

export const ACCOUNTS: AccountRange = { firstUid: 20_000, count: 1_000 };

function claim(uid: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.unref();
    server.once('error', () => resolve(undefined));
    server.listen(`\0switchyard-computer-account-${uid}`, () => resolve(server));
  });
}

/**
 * Kills what lives under an account that a dead service had. Where somebody has claimed it since, nothing of the dead one
 * lives there any more.
 */
export async function clearAccount(uid: number): Promise<void> {
  const server = await claim(uid);
  if (!server) return;
  for (const each of processesOf(uid)) killProcess(each);
  await new Promise((resolve) => server.close(resolve));
}

/** True where the system knows the number as an account. */
function isAccount(uid: number): boolean {
  try {
    execFileSync('getent', ['passwd', String(uid)], { stdio: 'ignore', timeout: 5_000 });
    return true;
  } catch {
    return false;
  }
}

/** Claims a free account. Throws where all of the range are taken. */
export async function claimAccount(range: AccountRange = ACCOUNTS): Promise<AccountSlot> {
  if (process.getuid?.() !== 0) return { uid: undefined, release: () => Promise.resolve() };
  for (let uid = range.firstUid; uid < range.firstUid + range.count; uid++) {
    const server = await claim(uid);
    if (!server) continue;
    if (processesOf(uid).length > 0 || isAccount(uid)) {
      server.close();
      continue;
    }
    return { uid, release: () => new Promise((resolve) => server.close(() => resolve())) };
  }
  throw new Error(`no free account between ${range.firstUid} and ${range.firstUid + range.count - 1}`);
}
