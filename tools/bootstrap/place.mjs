// @ts-check
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The clone that this command belongs to. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
/** Everything that the command keeps: data, logs, stamps. Never committed. */
export const STATE = join(ROOT, '.switchyard');

/** @param {string} name */
const stampFile = (name) => join(STATE, 'stamps', name);

/**
 * What a finished stage left behind; undefined before its first time.
 * @param {string} name
 */
export function readStamp(name) {
  try {
    return readFileSync(stampFile(name), 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * @param {string} name
 * @param {string} value
 */
export function writeStamp(name, value) {
  const file = stampFile(name);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.${process.pid}`, value, { mode: 0o600 });
  renameSync(`${file}.${process.pid}`, file);
}

/** @param {string[]} parts */
export function isThere(...parts) {
  return existsSync(join(ROOT, ...parts));
}
