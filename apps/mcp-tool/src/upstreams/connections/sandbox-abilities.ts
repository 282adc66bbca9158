import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type Abilities, launchOf } from './sandbox.ts';
import { parseUpstreams, type UpstreamConfig } from './config.ts';

/*
 * Finds out which isolation this machine offers, by starting a process once with the real settings. An installed
 * program proves little: containers and distributions may forbid what it needs.
 */

const PLACES = ['/usr/bin', '/bin', '/usr/local/bin', '/usr/sbin', '/sbin'];
const PROBE_LIMIT_MS = 5_000;
const NAMESPACES = ['--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try', '--die-with-parent'];
/** Older versions cannot forbid further user namespaces. */
const OF_USERS = [['--unshare-user', '--disable-userns'], ['--unshare-user']];
/** Accounts that systemd reserves for dynamic services; no files belong to them. */
const ACCOUNTS = { from: 61_184, to: 65_519 };

let known: Promise<Abilities> | undefined;

/** The answer is kept: a sandbox that is installed later is seen after a restart. */
export function sandboxAbilities(): Promise<Abilities> {
  return (known ??= findAbilities());
}

/** An account for one process, almost always different from those of the others. */
export function freshAccount(): number {
  return randomInt(ACCOUNTS.from, ACCOUNTS.to + 1);
}

async function findAbilities(): Promise<Abilities> {
  const isRoot = process.getuid?.() === 0;
  const [prlimit, setpriv, file] = ['prlimit', 'setpriv', 'bwrap'].map(programOfSystem);
  const accounts = isRoot && (await runs(process.execPath, ['--version'], freshAccount())) === undefined;
  const has = { isRoot, prlimit, setpriv, accounts };
  const tools = prlimit === undefined || (isRoot && setpriv === undefined);
  if (tools) return { ...has, why: 'prlimit or setpriv (util-linux) is not installed.' };
  if (file === undefined) return { ...has, why: 'bubblewrap (bwrap) is not installed.' };
  let why: string | undefined;
  for (const network of [true, false])
    for (const users of isRoot ? [[]] : OF_USERS) {
      const bubblewrap = { file, flags: [...NAMESPACES, ...users], network };
      const tried = launchOf(PROBE, { ...has, bubblewrap }, { program: prlimit, env: {}, uid: freshAccount() });
      const failure = await runs(tried.file, tried.args);
      if (failure === undefined) return { ...has, bubblewrap };
      why ??= failure;
    }
  return { ...has, why: `bubblewrap does not work on this machine: ${why ?? 'it does not start'}.` };
}

const PROBE: UpstreamConfig = (() => {
  const parsed = parseUpstreams('upstreams: { probe: { command: prlimit, args: ["--version"] } }');
  if (!('upstreams' in parsed)) throw new Error('the probe of the sandbox is not an upstream');
  return parsed.upstreams[0]!;
})();

function programOfSystem(name: string): string | undefined {
  return PLACES.map((place) => `${place}/${name}`).find((path) => existsSync(path));
}

/** Undefined if it succeeded, else the reason. */
function runs(file: string, args: readonly string[], uid?: number): Promise<string | undefined> {
  const account = uid === undefined ? {} : { uid, gid: uid };
  return new Promise((resolve) => {
    try {
      execFile(file, [...args], { ...account, cwd: '/', env: {}, timeout: PROBE_LIMIT_MS }, (error, _out, told) =>
        resolve(error ? (told.trim().split('\n')[0] || error.message).slice(0, 200) : undefined),
      );
    } catch (error) {
      resolve((error as Error).message.slice(0, 200));
    }
  });
}
