// @ts-check
import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT, isThere, readStamp, writeStamp } from './place.mjs';
import { runQuietly } from './run-quietly.mjs';

const LIMIT_MS = 300_000;
const NOT_SOURCES = new Set(['node_modules', 'dist', 'generated', 'test', '.nx', 'coverage']);

/**
 * @param {string} folder
 * @param {(file: string) => void} visit
 */
function walk(folder, visit) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!NOT_SOURCES.has(entry.name)) walk(path, visit);
    } else if (entry.isFile()) visit(path);
  }
}

/**
 * A hash of path, size and time of every file that `keep` accepts: milliseconds for a few hundred files.
 * @param {readonly string[]} folders
 * @param {(file: string) => boolean} keep
 */
function fingerprint(folders, keep) {
  const hash = createHash('sha256');
  for (const folder of folders) {
    if (!isThere(folder)) continue;
    walk(join(ROOT, folder), (file) => {
      if (!keep(file)) return;
      const { mtimeMs, size } = statSync(file);
      hash.update(`${relative(ROOT, file)} ${mtimeMs} ${size}\n`);
    });
  }
  return hash.digest('hex');
}

/** What the built files come from. Tests and documents do not count. */
export function sourcesFingerprint() {
  const source = /\.(ts|mts|mjs|js|json|prisma|sql)$/;
  return fingerprint(['libs', 'apps'], (file) => source.test(file) && !/\.test\.ts$|jest\.config\.js$/.test(file));
}

/** What the database client is generated from. */
function schemaFingerprint() {
  return fingerprint(['libs/store/prisma'], (file) => file.endsWith('.prisma'));
}

/** True where everything is built from the sources as they are now. */
export function isBuilt() {
  return isThere('apps', 'cli', 'dist', 'main.js') && readStamp('build') === sourcesFingerprint();
}

/** Generates what is generated from the schema: the database client. Nothing where it is up to date. */
export async function generate() {
  const now = schemaFingerprint();
  if (readStamp('generate') === now && isThere('libs', 'store', 'src', 'generated')) return;
  await runQuietly('npm', ['run', '--silent', 'generate'], { what: 'npm run generate', cwd: ROOT, limitMs: LIMIT_MS });
  writeStamp('generate', now);
}

/** Builds what has changed. The error carries the compiler's messages. */
export async function build() {
  const now = sourcesFingerprint();
  const compiler = join(ROOT, 'node_modules', 'typescript-7', 'bin', 'tsc');
  await runQuietly(process.execPath, [compiler, '-b'], { what: 'the build', cwd: ROOT, limitMs: LIMIT_MS });
  writeStamp('build', now);
}
