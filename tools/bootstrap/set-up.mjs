// @ts-check
import { build, generate, isBuilt } from './build.mjs';
import { CannotSetUp } from './cannot-set-up.mjs';
import { alone } from './lock.mjs';
import { installPackages, packagesAreInstalled } from './packages.mjs';
import { say, stage } from './stages.mjs';
import {
  aptLine,
  installServers,
  missingOptional,
  missingServers,
  missingTestPackages,
  waysToInstall,
} from './system-servers.mjs';

/*
 * From a fresh clone to something that can start. Guarantees:
 *  - Set-up does not touch what is already installed or built. A second call finds that out in a fraction of a second.
 *  - System packages install while npm does.
 *  - When a step cannot be done here, one message says what a person has to do.
 *  - Packages that only tests need are installed for tests alone. When they cannot be installed, set-up says which tests
 *    are left out, and the other tests still run.
 */

const UNAVAILABLE = 69;
const NOT_PERMITTED = 77;

/** @param {'manual' | 'none'} way @param {readonly import('../../libs/local-servers/binaries.mjs').ServerDescription[]} missing */
function cannotInstall(way, missing) {
  const names = missing.map((server) => server.aptPackage).join(', ');
  const urls = missing.map((server) => server.replacedBy).join(', ');
  if (way === 'manual') {
    return new CannotSetUp(
      `Missing: ${names}. This account may not install them. Run this as root, then call again:\n\n  sudo ${aptLine(missing)}\n\n` +
        `Or name running servers in the environment: ${urls}.`,
      NOT_PERMITTED,
    );
  }
  return new CannotSetUp(
    `Missing: ${names}, and there is neither apt nor a Docker Compose engine that answers here. Install them with your ` +
      `package manager, or start Docker, or name running servers in the environment: ${urls}.`,
    UNAVAILABLE,
  );
}

/**
 * How the missing servers will come; nothing is missing: undefined. Where they cannot, throws at once rather than
 * after a minute of npm.
 */
function serverPlan() {
  const missing = missingServers();
  if (missing.length === 0) return undefined;
  const way = waysToInstall();
  if (way === 'manual' || way === 'none') throw cannotInstall(way, missing);
  return { missing, way };
}

/** @param {ReturnType<typeof serverPlan>} plan */
async function ensureServers(plan) {
  if (!plan) return;
  const { missing, way } = plan;
  if (way === 'compose') {
    process.env['SWITCHYARD_COMPOSE'] = missing.map((server) => server.name).join(',');
    return;
  }
  const names = missing.map((server) => server.aptPackage).join(', ');
  await stage({ name: 'servers', doing: `apt-get install ${names}`, done: 'installed' }, () =>
    installServers(missing, way),
  );
  const optional = missingOptional();
  if (optional.length > 0) await installServers(optional, way).catch(() => say(`  left out: ${aptLine(optional)}`));
}

/** Installs packages that only tests need. A failure does not end the set-up: it says which tests are left out. */
async function ensureTestPackages() {
  const missing = missingTestPackages();
  if (missing.length === 0) return;
  const names = missing.map((each) => each.aptPackage).join(', ');
  const way = waysToInstall();
  try {
    if (way !== 'root' && way !== 'sudo') throw new Error(`as root: ${aptLine(missing)}`);
    await stage({ name: 'servers', doing: `apt-get install ${names}, for tests`, done: 'installed' }, () =>
      installServers(missing, way),
    );
  } catch (error) {
    say(`  not tested: what needs ${names}, which could not be installed:`);
    say(`    ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function ensurePackages() {
  if (packagesAreInstalled()) return;
  await stage({ name: 'packages', doing: 'npm ci, about a minute', done: 'installed' }, installPackages);
}

async function ensureBuild() {
  if (process.env['SWITCHYARD_BUILD'] === 'skip') return;
  if (isBuilt()) return;
  await stage({ name: 'build', doing: 'generating and compiling', done: 'built' }, async () => {
    await generate();
    await build();
  });
}

/** True where nothing has to be installed or built. */
function isSetUp() {
  return (
    packagesAreInstalled() && missingServers().length === 0 && (process.env['SWITCHYARD_BUILD'] === 'skip' || isBuilt())
  );
}

/**
 * Installs and builds what is missing.
 * @param {{build?: boolean, servers?: boolean, tests?: boolean}} [options] `build: false` leaves the build to the
 * caller; `servers: false` is for work that needs none; `tests` also brings what only tests need
 */
export async function setUp({ build: withBuild = true, servers = true, tests = false } = {}) {
  if (withBuild && isSetUp()) return;
  await alone(async () => {
    const plan = servers ? serverPlan() : undefined;
    const packages = ensurePackages().then(() => (withBuild ? ensureBuild() : undefined));
    // One after the other: apt works for one caller at a time.
    const system = ensureServers(plan).then(() => (servers && tests ? ensureTestPackages() : undefined));
    const outcomes = await Promise.allSettled([packages, system]);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  });
}
