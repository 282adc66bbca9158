// @ts-check
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, isThere, readStamp, writeStamp } from './place.mjs';
import { runQuietly } from './run-quietly.mjs';

const STAMP = 'packages';
const LIMIT_MS = 900_000;

function wanted() {
  return createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex');
}

/** npm notes what it installed; a note newer than the lock file means that somebody ran npm by hand. */
function installedByHand() {
  try {
    const note = statSync(join(ROOT, 'node_modules', '.package-lock.json')).mtimeMs;
    return note >= statSync(join(ROOT, 'package-lock.json')).mtimeMs;
  } catch {
    return false;
  }
}

/** True where node_modules is what package-lock.json asks for. */
export function packagesAreInstalled() {
  if (!isThere('node_modules', '.package-lock.json')) return false;
  if (readStamp(STAMP) === wanted()) return true;
  if (!installedByHand()) return false;
  writeStamp(STAMP, wanted());
  return true;
}

/**
 * Installs exactly what package-lock.json names, also where NODE_ENV is production. No package needs its install
 * script, and some of them would fetch what is not used.
 */
export async function installPackages() {
  const how = ['--ignore-scripts', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  await runQuietly('npm', ['ci', ...how], {
    what: 'npm ci',
    cwd: ROOT,
    limitMs: LIMIT_MS,
  });
  writeStamp(STAMP, wanted());
}
