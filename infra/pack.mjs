#!/usr/bin/env node
// @ts-check
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/*
 * Puts into a folder what one image holds:  node infra/pack.mjs gateway /packed   (or `migrate`)
 * The app, the libraries that it leans on, as they were built, with their static files, and the packages that these need
 * when they run, each where Node.js looks for it: dependencies and peers that are not optional, as the lock file installed
 * them. No tests, no sources, nothing of other apps, nothing for development.
 */

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What the command line of Prisma names and no migration loads: the client of the services, parts of a web interface. */
const NOT_MIGRATING = new Set(['@prisma/client', 'elkjs', 'react-dom', '@prisma/query-plan-executor']);
/** The same of files: that interface itself, databases in memory to try on, compilers of queries. */
const NOT_MIGRATED =
  /studio-core\/dist\/(ui\/|metafile)|prisma\/build\/(studio\.js|query_compiler_)|pglite(-seed)?\.(wasm|data|tar\.gz)$/;

/** Text that a program does not read: types, maps and descriptions make up a third of some packages. */
const NOT_RUN = /(?<!\/(licen[cs]e|notice)[^/]*)\.(d\.[cm]?ts|[cm]?ts|map|md|markdown|tsbuildinfo)$|\.test\.[cm]?js$/i;
/** Compilers of queries for databases that we do not have, and copies of ours for other kinds of module: 60 MB. */
const NOT_OUR_DATABASE =
  /@prisma\/client\/runtime\/query_compiler_(small_bg|fast_bg\.(cockroachdb|mysql|sqlite|sqlserver)|.*wasm-base64\.js$)/;
/** The same of our own, whose maps the flag --enable-source-maps reads. */
const NOT_OURS = /\.(d\.ts|d\.ts\.map|tsbuildinfo)$|\.test\.js(\.map)?$/;

const manifest = (/** @type {string} */ folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

/** Where Node.js finds a package from a folder; undefined: nowhere. @param {string} name @param {string} from */
function find(name, from) {
  for (let at = from; ; at = dirname(at)) {
    const folder = join(at, 'node_modules', name);
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (relative(ROOT, at) === '' || dirname(at) === at) return undefined;
  }
}

/** What a package needs to run. @param {any} described */
function needsOf({ dependencies = {}, optionalDependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} }) {
  const peers = Object.keys(peerDependencies).filter((name) => !peerDependenciesMeta[name]?.optional);
  return [...new Set([...Object.keys(dependencies), ...peers])].filter((name) => !(name in optionalDependencies));
}

/**
 * Every folder that the given ones need, themselves included, relative to the root of the workspace.
 * @param {string[]} start
 * @param {ReadonlySet<string>} [without]
 * @returns {string[]}
 */
export function closure(start, without = new Set()) {
  /** @type {Set<string>} */
  const folders = new Set();
  const waiting = start.map((folder) => join(ROOT, folder));
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    if (folders.has(folder)) continue;
    folders.add(folder);
    const described = manifest(folder);
    for (const name of needsOf(described)) {
      if (without.has(name)) continue;
      const found = find(name, folder);
      if (found === undefined) {
        if (name in (described.dependencies ?? {}))
          throw new Error(`${described.name} needs ${name}, which is not installed`);
        continue;
      }
      // A library of the workspace is a link: it stands where it is.
      waiting.push(name.startsWith('@switchyard/') ? realpathSync(found) : found);
    }
  }
  return [...folders].map((folder) => relative(ROOT, folder)).sort();
}

/** @param {string} from @param {string} to @param {RegExp[]} unwanted */
function copy(from, to, unwanted) {
  cpSync(from, to, {
    recursive: true,
    // What a package holds of others is in the list by itself, where it is needed.
    filter: (path) =>
      statSync(path).isDirectory()
        ? relative(from, path) !== 'node_modules'
        : !unwanted.some((kind) => kind.test(path)),
  });
}

/** The folders that the image of an app holds, or that of the migrations. @param {string} app */
export function foldersOf(app) {
  if (app !== 'migrate') return closure([`apps/${app}`]);
  const start = ['prisma', 'pg', '@prisma/adapter-pg', '@prisma/driver-adapter-utils', '@prisma/schema-engine-wasm'];
  return closure(
    start.map((name) => `node_modules/${name}`),
    NOT_MIGRATING,
  );
}

/** @param {string} app @param {string} into */
export function pack(app, into) {
  const migrating = app === 'migrate';
  const folders = foldersOf(app);
  for (const folder of folders) {
    const [from, to] = [join(ROOT, folder), join(into, folder)];
    if (/(^|\/)node_modules\//.test(folder))
      copy(from, to, migrating ? [NOT_RUN, NOT_MIGRATED] : [NOT_RUN, NOT_OUR_DATABASE]);
    else {
      mkdirSync(to, { recursive: true });
      cpSync(join(from, 'package.json'), join(to, 'package.json'));
      copy(join(from, 'dist'), join(to, 'dist'), [NOT_OURS]);
      if (existsSync(join(from, 'static'))) copy(join(from, 'static'), join(to, 'static'), []);
      const link = join('node_modules/@switchyard', manifest(from).name.split('/')[1]);
      if (folder.startsWith('libs/')) {
        mkdirSync(join(into, dirname(link)), { recursive: true });
        symlinkSync(readlinkSync(join(ROOT, link)), join(into, link));
      }
    }
  }
  if (migrating)
    for (const part of ['package.json', 'prisma.config.ts', 'prisma', 'tools', 'dist/postgres/hosts.js'])
      cpSync(join(ROOT, 'libs/store', part), join(into, 'libs/store', part), { recursive: true });
  return folders;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [app, into] = process.argv.slice(2);
  const known = [...readdirSync(join(ROOT, 'apps')), 'migrate'];
  if (app === undefined || into === undefined || !known.includes(app)) {
    process.stderr.write(`usage: node infra/pack.mjs APP FOLDER; APP is one of ${known.join(', ')}\n`);
    process.exit(64);
  }
  process.stdout.write(`${pack(app, into).length} packages for ${app}\n`);
}
