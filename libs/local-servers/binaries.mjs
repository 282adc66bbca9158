// @ts-check
import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/*
 * Where the binaries of the local servers are. Plain JavaScript, because the first run asks this before
 * anything is installed or built; the library and the bootstrap share it so that they never disagree.
 */

/** PATH and the places where system packages put servers, which a user's PATH often lacks. */
const SYSTEM_PLACES = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
  '/opt/homebrew/bin',
];

/** The oldest PostgreSQL that the migrations are written for. */
const OLDEST_POSTGRES = 15;

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/**
 * Absolute path of a program, or undefined.
 * @param {string} name
 * @param {NodeJS.ProcessEnv} [env]
 */
export function findProgram(name, env = process.env) {
  const places = [...(env['PATH'] ?? '').split(delimiter).filter(Boolean), ...SYSTEM_PLACES];
  return places.map((place) => join(place, name)).find(isExecutable);
}

/** @param {string} parent */
function versionsUnder(parent) {
  try {
    return readdirSync(parent)
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((version) => version >= OLDEST_POSTGRES)
      .sort((a, b) => b - a);
  } catch {
    return [];
  }
}

/**
 * The folder with `initdb` and `postgres` of the newest PostgreSQL that serves, or undefined.
 * Debian keeps server programs out of PATH, in one folder per major version.
 * @param {NodeJS.ProcessEnv} [env]
 */
export function findPostgresBin(env = process.env) {
  const parent = '/usr/lib/postgresql';
  const folders = versionsUnder(parent).map((version) => join(parent, String(version), 'bin'));
  const brewed = [18, 17, 16, 15].flatMap((version) => [
    `/opt/homebrew/opt/postgresql@${version}/bin`,
    `/usr/local/opt/postgresql@${version}/bin`,
  ]);
  const complete = [...folders, ...brewed].find((bin) =>
    ['initdb', 'postgres'].every((p) => isExecutable(join(bin, p))),
  );
  if (complete) return complete;
  const initdb = findProgram('initdb', env);
  return initdb && isExecutable(join(initdb, '..', 'postgres')) ? join(initdb, '..') : undefined;
}

/**
 * Every local server: how to find it, the Debian package that brings it, the variable that replaces it.
 * @type {readonly import('./binaries.mjs').ServerDescription[]}
 */
export const SERVERS = [
  { name: 'nats', aptPackage: 'nats-server', replacedBy: 'NATS_URL', find: (env) => findProgram('nats-server', env) },
  { name: 'postgres', aptPackage: 'postgresql', replacedBy: 'DATABASE_URL', find: findPostgresBin },
  {
    name: 'redis',
    aptPackage: 'redis-server',
    replacedBy: 'REDIS_URL',
    find: (env) => findProgram('redis-server', env),
  },
  { name: 'prosody', aptPackage: 'prosody', replacedBy: 'XMPP_URL', find: (env) => findProgram('prosody', env) },
];

/**
 * What the system can do without, and does less well: without bubblewrap MCP servers run as processes of ours without a
 * sandbox. Comes along where servers are installed; that it cannot be installed stops nothing.
 * @type {readonly import('./binaries.mjs').OptionalPackage[]}
 */
export const OPTIONAL_PACKAGES = [
  { name: 'bubblewrap', aptPackage: 'bubblewrap', find: (env) => findProgram('bwrap', env) },
];

/**
 * What the tests need beside the servers, and nothing else does: the XMPP server and the XMPP client of other people, and
 * promtool, which checks metrics and rules; and a display, which is needed by who runs `apps/computer-use` as well.
 * @type {readonly import('./binaries.mjs').TestPackage[]}
 */
export const TEST_PACKAGES = [
  { name: 'ejabberd', aptPackage: 'ejabberd', find: (env) => findProgram('ejabberdctl', env) },
  { name: 'slixmpp', aptPackage: 'python3-slixmpp', find: () => existing('/usr/lib/python3/dist-packages/slixmpp') },
  { name: 'promtool', aptPackage: 'prometheus', find: (env) => findProgram('promtool', env) },
  { name: 'xvfb', aptPackage: 'xvfb', find: (env) => findProgram('Xvfb', env) },
  { name: 'openbox', aptPackage: 'openbox', find: (env) => findProgram('openbox', env) },
  ...OPTIONAL_PACKAGES,
];

/** @param {string} path */
function existing(path) {
  return existsSync(path) ? path : undefined;
}
