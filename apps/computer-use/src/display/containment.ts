import { execFile } from 'node:child_process';
import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import { promisify } from 'node:util';
import type { AccountSlot } from './account-slot.ts';

/*
 * How the programs of a session are shut in. The command lines are made here, and nothing is started.
 *
 * - `namespaces`: bubblewrap. A program sees the system's programs read-only, its session's home, and nothing else of the
 *   disk; no process but its own; no network but its own loopback. It ends with whoever started it, and with it all of
 *   its children.
 * - `account`: where bubblewrap cannot run, the session's own account is the border, and the network is open.
 * - `none`: neither; a program has the rights of the service. A sealed session is refused there.
 */

export type Containment = 'namespaces' | 'account' | 'none';

export interface Limits {
  readonly processes: number;
  readonly openFiles: number;
  readonly fileMb: number;
}

export const LIMITS: Limits = { processes: 400, openFiles: 1_024, fileMb: 512 };

export interface Place {
  readonly uid: number | undefined;
  readonly containment: Containment;
  /** The folder of the session on the disk; `home` in it is the home of its programs. */
  readonly home: string;
  readonly authority: string;
  readonly display: number;
  readonly limits: Limits;
}

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  /** Files and folders that it may read beside the system's. */
  readonly readable?: readonly string[];
  /** Folders that the operator lends to it, which its account must be able to write. */
  readonly writable?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The home of a session as its programs know it. */
const INNER_HOME = '/home/agent';
const INNER_AUTHORITY = '/run/agent/xauthority';
export const SOCKETS = '/tmp/.X11-unix';

export const socketOf = (display: number): string => `${SOCKETS}/X${display}`;

/** Gives up the rights of root. Empty where there are none to give up. */
export function asAccount(uid: number | undefined): string[] {
  if (uid === undefined) return [];
  return ['setpriv', '--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups', '--no-new-privs', '--inh-caps=-all'];
}

function underLimits({ processes, openFiles, fileMb }: Limits, ownAccount: boolean): string[] {
  const bytes = fileMb * 1024 * 1024;
  // The limit of processes counts those of the account: where the account is ours it would count our own.
  const ofAccount = ownAccount ? [`--nproc=${processes}`] : [];
  return ['prlimit', '--core=0', `--nofile=${openFiles}`, `--fsize=${bytes}`, ...ofAccount];
}

/** `/bin` and its like are links on a merged system and folders on others. */
function systemFolders(): string[] {
  const merged = ['/bin', '/sbin', '/lib', '/lib64', '/lib32'].filter((path) => existsSync(path));
  return merged.flatMap((path) =>
    lstatSync(path).isSymbolicLink() ? ['--symlink', readlinkSync(path), path] : ['--ro-bind', path, path],
  );
}

function bubblewrap(place: Place, program: Program): string[] {
  const readable = (program.readable ?? []).flatMap((path) => ['--ro-bind', path, path]);
  const writable = (program.writable ?? []).flatMap((path) => ['--bind', path, path]);
  return [
    'bwrap',
    '--unshare-all',
    '--die-with-parent',
    '--new-session',
    '--ro-bind',
    '/usr',
    '/usr',
    ...systemFolders(),
    '--ro-bind',
    '/etc',
    '/etc',
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    '--tmpfs',
    '/tmp',
    '--tmpfs',
    '/run',
    '--dir',
    SOCKETS,
    '--bind',
    socketOf(place.display),
    socketOf(place.display),
    ...readable,
    ...writable,
    '--bind',
    place.home,
    INNER_HOME,
    '--ro-bind',
    place.authority,
    INNER_AUTHORITY,
    '--chdir',
    INNER_HOME,
    '--',
  ];
}

export interface CommandLine {
  readonly command: string;
  readonly args: string[];
  readonly env: Record<string, string>;
}

/** The command line that starts a program in a session. */
export function commandLine(place: Place, program: Program): CommandLine {
  const inside = place.containment === 'namespaces';
  const [command, ...args] = [
    ...asAccount(place.uid),
    ...underLimits(place.limits, place.uid !== undefined),
    ...(inside ? bubblewrap(place, program) : []),
    program.command,
    ...program.args,
  ];
  const env = {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    LANG: 'C.UTF-8',
    DISPLAY: `:${place.display}`,
    HOME: inside ? INNER_HOME : place.home,
    XAUTHORITY: inside ? INNER_AUTHORITY : place.authority,
    ...program.env,
  };
  return { command: command as string, args, env };
}

const PROBE = ['bwrap', '--unshare-all', '--ro-bind', '/', '/', '--proc', '/proc', '--dev', '/dev', 'true'];

/** The best that this machine allows, found by trying. */
export async function findContainment(slot: Pick<AccountSlot, 'uid'>): Promise<Containment> {
  const [command, ...args] = [...asAccount(slot.uid), ...PROBE];
  try {
    await promisify(execFile)(command as string, args, { timeout: 10_000, cwd: '/' });
    return 'namespaces';
  } catch {
    return slot.uid === undefined ? 'none' : 'account';
  }
}
