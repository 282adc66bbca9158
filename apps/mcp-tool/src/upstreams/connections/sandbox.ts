import { existsSync } from 'node:fs';
import { AppError, type UpstreamConfinement } from '@switchyard/contracts';
import { folder, isWithin, mount, ownFiles, systemMounts } from './sandbox-paths.ts';
import type { UpstreamConfig } from './config.ts';

/*
 * Decides how the process of an upstream is started so that it harms neither this service nor the machine.
 *
 * - In a sandbox (bubblewrap) it sees the system's programs and its own package read-only, an empty /tmp and home in
 *   memory, its own processes, and no network unless the operator allows it. It has no capability and cannot get one.
 * - Without a sandbox, and if this service is root, it gets an account of its own. Otherwise it has only limits, and
 *   runs as this service. The status reports which of the three applies, and what is missing.
 * - `mode: required` starts it in a sandbox, without network unless allowed, or not at all.
 * - Its memory, processor time, open files, processes and sizes of files are limited at every level that supports it.
 */

/** The isolation that this machine offers (sandbox-abilities.ts). */
export interface Abilities {
  readonly isRoot: boolean;
  readonly prlimit: string | undefined;
  readonly setpriv: string | undefined;
  /** That it works here was tried; `network`: it can withhold the network. Absent: `why`. */
  readonly bubblewrap?: { readonly file: string; readonly flags: readonly string[]; readonly network: boolean };
  readonly why?: string;
  /** As root: a process can be given another account. */
  readonly accounts: boolean;
}

/** How it is started. */
export interface Launch {
  readonly file: string;
  readonly args: readonly string[];
  /** Where this machine starts it; absent: in an empty directory made for it. */
  readonly cwd?: string;
  readonly env: Readonly<Record<string, string>>;
  /** The account that the directory made for it belongs to, too. */
  readonly uid?: number;
  readonly confinement: UpstreamConfinement;
}

/** Its home and, where the operator names none, where it works. */
const SANDBOX_HOME = '/home/mcp';

export interface LaunchParts {
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
  /** An account that nobody else has. */
  readonly uid: number;
}

export function launchOf(upstream: UpstreamConfig, abilities: Abilities, parts: LaunchParts): Launch {
  const { mode, network, uid = parts.uid } = upstream.sandbox;
  const { bubblewrap, accounts } = abilities;
  const missing = missingIn(upstream, abilities);
  if (mode === 'required' && missing !== null)
    throw new AppError('unavailable', `${upstream.name} is started in a sandbox or not at all: ${missing}`);
  if (mode !== 'off' && bubblewrap) {
    const shares = network || !bubblewrap.network;
    return sandboxed(upstream, abilities, { ...parts, uid }, { level: 'sandbox', network: shares, missing });
  }
  const own = mode !== 'off' && accounts;
  const level = own ? 'account' : abilities.prlimit === undefined ? 'none' : 'limits';
  const limits = limitsOf(upstream, abilities.prlimit, own);
  const [file = parts.program, ...args] = [...limits, parts.program, ...upstream.args];
  return {
    file,
    args,
    env: parts.env,
    ...(upstream.cwd === undefined ? {} : { cwd: upstream.cwd }),
    ...(own ? { uid } : {}),
    confinement: { level, network: true, missing },
  };
}

/** The settings that this machine cannot satisfy, for people. */
function missingIn({ sandbox: { mode, network } }: UpstreamConfig, { bubblewrap, why }: Abilities): string | null {
  if (mode === 'off') return null;
  if (!bubblewrap) return why ?? 'There is no sandbox on this machine.';
  return network || bubblewrap.network ? null : 'The sandbox of this machine cannot withhold the network.';
}

function sandboxed(
  upstream: UpstreamConfig,
  { isRoot, bubblewrap, setpriv, prlimit }: Abilities,
  { program, env, uid }: LaunchParts,
  confinement: UpstreamConfinement,
): Launch {
  const { readable, scratch_mb: scratchMb } = upstream.sandbox;
  const writable = [...upstream.sandbox.writable, ...(upstream.cwd === undefined ? [] : [upstream.cwd])];
  for (const path of [...readable, ...writable])
    if (!existsSync(path)) throw new AppError('unavailable', `${upstream.name} needs ${path}, which does not exist.`);
  const own = ownFiles(program, upstream.args);
  const scratch = (path: string): string[] => [
    '--perms',
    '1777',
    '--size',
    String(scratchMb * 1024 ** 2),
    '--tmpfs',
    path,
  ];
  // A folder comes before what lies in it, so that what is writable in one that is readable stays so.
  const binds = [
    ...[...own, ...readable].map((path) => ({ path, how: '--ro-bind' as const })),
    ...writable.map((path) => ({ path, how: '--bind' as const })),
  ].sort((a, b) => a.path.length - b.path.length);
  const seen = [SANDBOX_HOME, ...own, ...readable, ...writable];
  const home =
    env['HOME'] !== undefined && seen.some((path) => isWithin(env['HOME']!, path)) ? env['HOME'] : SANDBOX_HOME;
  const args = [
    ...bubblewrap!.flags,
    ...(confinement.network ? [] : ['--unshare-net']),
    ...systemMounts(confinement.network),
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    ...folder('/home'),
    ...['/tmp', SANDBOX_HOME, '/dev/shm'].flatMap(scratch),
    ...binds.flatMap(({ path, how }) => mount(how, path)),
    ...['/dev', '/'].flatMap((path) => ['--remount-ro', path]),
    '--setenv',
    'HOME',
    home,
    '--chdir',
    upstream.cwd ?? SANDBOX_HOME,
    '--',
    ...(isRoot ? [setpriv!, ...accountOf(uid), '--'] : []),
    ...limitsOf(upstream, prlimit, true),
    program,
    ...upstream.args,
  ];
  return { file: bubblewrap!.file, args, cwd: '/', env, confinement };
}

/** `own`: its processes can be counted apart from those of others. */
function limitsOf(upstream: UpstreamConfig, prlimit: string | undefined, own: boolean): string[] {
  if (prlimit === undefined) return [];
  const { memory_mb: memoryMb, cpu_s: cpu, open_files: files, file_mb: fileMb, processes } = upstream;
  const limits = [
    `--data=${memoryMb * 1024 ** 2}`,
    `--cpu=${cpu}`,
    `--nofile=${files}`,
    `--fsize=${fileMb * 1024 ** 2}`,
  ];
  return [prlimit, ...limits, '--core=0', ...(own ? [`--nproc=${processes}`] : []), '--'];
}

function accountOf(uid: number): string[] {
  const ids = [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
  return [...ids, '--inh-caps=-all', '--bounding-set=-all', '--no-new-privs'];
}
