// @ts-check
import { spawnSync } from 'node:child_process';
import { OPTIONAL_PACKAGES, SERVERS, TEST_PACKAGES, findProgram } from '../../libs/local-servers/binaries.mjs';
import { runQuietly } from './run-quietly.mjs';

/** The servers that are neither installed nor replaced by a URL in the environment. */
export function missingServers(env = process.env) {
  return SERVERS.filter((server) => !env[server.replacedBy] && !server.find(env));
}

/** Optional packages that are not installed. */
export function missingOptional(env = process.env) {
  return OPTIONAL_PACKAGES.filter((each) => !each.find(env));
}

/** Packages that only tests need and that are not installed. */
export function missingTestPackages(env = process.env) {
  return TEST_PACKAGES.filter((each) => !each.find(env));
}

/**
 * What can bring the missing servers: `root` and `sudo` mean apt-get may be run, `manual` that a person must
 * run it, `compose` that Docker Compose serves instead, `none` that nothing here can.
 * @returns {'root' | 'sudo' | 'manual' | 'compose' | 'none'}
 */
export function waysToInstall(env = process.env) {
  if (!findProgram('apt-get', env)) return composeAnswers(env) ? 'compose' : 'none';
  if (process.getuid?.() === 0) return 'root';
  if (!findProgram('sudo', env)) return composeAnswers(env) ? 'compose' : 'manual';
  if (spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore', timeout: 5_000 }).status === 0) return 'sudo';
  // sudo asks for a password only where a person can answer.
  if (process.stdin.isTTY && spawnSync('sudo', ['-v'], { stdio: 'inherit', timeout: 120_000 }).status === 0)
    return 'sudo';
  return composeAnswers(env) ? 'compose' : 'manual';
}

/** True where `docker compose` exists and an engine answers. */
function composeAnswers(env = process.env) {
  if (!findProgram('docker', env)) return false;
  /** @param {string[]} args */
  const succeeds = (args) => spawnSync('docker', args, { stdio: 'ignore', timeout: 10_000 }).status === 0;
  return succeeds(['compose', 'version']) && succeeds(['info']);
}

/**
 * The exact line a person would type.
 * @param {readonly {aptPackage: string}[]} missing
 */
export function aptLine(missing) {
  return `apt-get install -y --no-install-recommends ${missing.map((server) => server.aptPackage).join(' ')}`;
}

/**
 * One shell script, run as root. Debian's maintainer scripts would start system-wide servers on the standard
 * ports and make a PostgreSQL cluster on 5432; for the time of the installation both are forbidden. Whatever
 * was there before (a policy, a server, a cluster) is left as it was.
 * @param {readonly {aptPackage: string}[]} missing
 */
export function installScript(missing) {
  return `set -u
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/switchyard-install.conf
made_policy=no
cleanup() { [ "$made_policy" = yes ] && rm -f "$policy"; rm -f "$cluster"; }
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
if [ ! -e "$policy" ]; then made_policy=yes; printf '#!/bin/sh\\nexit 101\\n' > "$policy"; chmod 755 "$policy"; fi
mkdir -p "\${cluster%/*}"; echo 'create_main_cluster = false' > "$cluster"
install() { apt-get -q -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold ${aptLine(missing).replace('apt-get ', '')}; }
if ! ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1; then apt-get -q -o DPkg::Lock::Timeout=120 update; fi
# A list that has aged names files that the mirror no longer has: refresh it once and try again.
install || { apt-get -q -o DPkg::Lock::Timeout=120 update && install; } || exit $?
# Nor are they to come up with the next boot: what was just installed is for private instances.
if command -v systemctl >/dev/null 2>&1; then
  for unit in ${missing.map((server) => server.aptPackage).join(' ')}; do systemctl disable "$unit" >/dev/null 2>&1 || true; done
fi
`;
}

/**
 * Installs what is missing.
 * @param {readonly {aptPackage: string}[]} missing
 * @param {'root' | 'sudo'} as
 * @returns {Promise<void>}
 */
export async function installServers(missing, as) {
  const script = installScript(missing);
  const [command, ...args] = as === 'root' ? ['sh', '-c', script] : ['sudo', '-n', 'sh', '-c', script];
  await runQuietly(/** @type {string} */ (command), args, { what: aptLine(missing), limitMs: 600_000 });
}
