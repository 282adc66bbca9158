#!/usr/bin/env node
// @ts-check
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { reviewLock } from './lock-review.mjs';
import { licenceIn } from './rules.mjs';

/* Reviews every lock file of this clone: `node tools/supply/review.mjs`. Exit code 1 where something is wrong. */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Each with whether anything of it gets into an image. */
const LOCKS = [
  { folder: '.', shipped: true },
  { folder: 'tools/mcp-suite', shipped: false },
  { folder: 'tools/copilotkit-suite', shipped: false },
  { folder: 'tools/deno-suite', shipped: false },
];

/** The licence that an installed package's own text says; undefined where it is not installed. @param {string} folder */
function licenceText(folder) {
  if (!existsSync(folder)) return undefined;
  const file = readdirSync(folder).find((name) => /^licen[cs]e(\.\w+)?$/i.test(name));
  return file === undefined
    ? undefined
    : (licenceIn(readFileSync(join(folder, file), 'utf8')) ?? 'nothing that is known');
}

/** What is wrong with the lock files of a clone, each sentence with the file that it is about. */
export function review(root = ROOT) {
  return LOCKS.flatMap(({ folder, shipped }) => {
    const read = (/** @type {string} */ name) => JSON.parse(readFileSync(join(root, folder, name), 'utf8'));
    const { allowScripts = {} } = read('package.json');
    const readLicence = (/** @type {string} */ path) => licenceText(join(root, folder, path));
    const file = join(folder, 'package-lock.json');
    return reviewLock(read('package-lock.json'), { allowScripts, shipped, readLicence }).map(
      (wrong) => `${file}: ${wrong}`,
    );
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const wrong = review();
  for (const line of wrong) process.stderr.write(`${line}\n`);
  process.stdout.write(wrong.length > 0 ? `${wrong.length} findings in the lock files.\n` : 'The lock files hold.\n');
  process.exitCode = wrong.length > 0 ? 1 : 0;
}
