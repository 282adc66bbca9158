import { existsSync, lstatSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, sep } from 'node:path';

/*
 * Which files of this machine a server needs to run; the sandbox shows those and no others.
 *
 * - Programs and libraries of the system; of /etc the files that name libraries, certificates and the time zone.
 * - The program, the files that its arguments name, the package that each belongs to, and `node_modules` beside them.
 * - No folder that holds more than a package: not a home, not the folder of this service or one above it. Of a file in
 *   such a folder only the file itself is shown.
 */

/** Needed by every program of the system; a link among them is recreated. */
const SYSTEM = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/nix/store'];
const OF_ETC = [
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'alternatives',
  'ca-certificates.conf',
  'ssl/certs',
  'ssl/openssl.cnf',
  'pki/tls/certs',
  'pki/ca-trust/extracted',
  'localtime',
  'mime.types',
];
const OF_ETC_FOR_NETWORK = ['resolv.conf', 'hosts', 'nsswitch.conf', 'gai.conf', 'services', 'protocols'];
const PACKAGE_MARKS = ['package.json', 'pyproject.toml', 'pyvenv.cfg'];
const SCRIPT = /\.(?:[cm]?[jt]s|py|rb|pl|sh|jar)$/;
const MAX_CLIMB = 32;
const TOP = /^\/(?:[^/]+|home\/[^/]+|var\/(?:tmp|lib|cache|log|www)|usr\/local)?$/;

/** Arguments for bubblewrap. */
export function systemMounts(network: boolean): string[] {
  const links = SYSTEM.flatMap((path) => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isSymbolicLink()) return ['--symlink', readlinkSync(path), path];
    return stat?.isDirectory() ? ['--ro-bind', path, path] : [];
  });
  const etc = [...OF_ETC, ...(network ? OF_ETC_FOR_NETWORK : [])];
  return [...links, ...etc.map((name) => join('/etc', name)).flatMap((path) => mount('--ro-bind-try', path))];
}

/** An empty folder; those that bubblewrap makes by itself are closed to every account but root. */
export function folder(path: string): string[] {
  return ['--perms', '0755', '--dir', path];
}

/** A path of this machine at the same place. */
export function mount(how: '--ro-bind-try' | '--ro-bind' | '--bind', path: string): string[] {
  const above = foldersAbove(path).reverse();
  return [...above.flatMap(folder), how, path, path];
}

/** The files that this program with these arguments needs; the shorter paths first. */
export function ownFiles(program: string, args: readonly string[], node = process.execPath): string[] {
  const named = args.filter((arg) => arg.startsWith('/') && isFile(arg));
  const found = [
    ...packageOf(program),
    ...nodePrefix(node),
    ...named.flatMap((path) => (SCRIPT.test(path) ? packageOf(path) : [path])),
  ];
  const both = found.flatMap((path) => [path, realpathSync(path)]);
  return [...new Set(both)].filter((path) => !inSystem(path)).sort((a, b) => a.length - b.length);
}

/** True where the path is this folder or lies in it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

function packageOf(file: string): string[] {
  return [...new Set([file, realpathSync(file)])].flatMap((path) => {
    const above = foldersAbove(path);
    const marked = above.find((folder) => PACKAGE_MARKS.some((mark) => existsSync(join(folder, mark))));
    const own = [marked, dirname(path)].find((folder) => folder !== undefined && !isBroad(folder)) ?? path;
    return [own, ...above.map((folder) => join(folder, 'node_modules')).filter((folder) => existsSync(folder))];
  });
}

/** npm and npx stand beside node. */
function nodePrefix(node: string): string[] {
  const prefix = dirname(dirname(realpathSync(node)));
  return isBroad(prefix) ? [] : [prefix];
}

function foldersAbove(path: string): string[] {
  const above: string[] = [];
  for (let folder = dirname(path); above.length < MAX_CLIMB && folder !== sep; folder = dirname(folder))
    above.push(folder);
  return above;
}

function isBroad(folder: string): boolean {
  return TOP.test(folder) || [homedir(), process.cwd()].some((kept) => isWithin(kept, folder));
}

function inSystem(path: string): boolean {
  return SYSTEM.some((folder) => isWithin(path, folder));
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
