// @ts-check
import { spawn } from 'node:child_process';
import { accessSync, constants, realpathSync } from 'node:fs';
import { constants as system } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './place.mjs';

/*
 * The Node.js that the services, the tests and the images share: a package like any other, pinned in package-lock.json.
 *
 * - A machine's own Node.js (20.19 or newer) is needed to install the packages. From then on the pinned one does the work.
 * - Where npm has no build for the machine, the machine's own Node.js goes on.
 */

/** The pinned Node.js; undefined before the packages are there, or on a machine for which there is no build. */
export function pinnedNode() {
  const file = join(ROOT, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  try {
    accessSync(file, constants.X_OK);
    return realpathSync(file);
  } catch {
    return undefined;
  }
}

/** The Node.js for what is started from here. */
export const nodeForChildren = () => pinnedNode() ?? process.execPath;

/** True where this process runs on another Node.js than the pinned one, which is there by now. */
export const isOnAnotherNode = () => ![undefined, process.execPath].includes(pinnedNode());

/**
 * Runs the same command on the pinned Node.js, with this terminal. Signals go on to it.
 * @param {string} script
 * @param {readonly string[]} args
 * @returns {Promise<number>} the exit code
 */
export function goOnWithPinnedNode(script, args) {
  const child = spawn(nodeForChildren(), [script, ...args], { stdio: 'inherit' });
  const pass = (/** @type {NodeJS.Signals} */ signal) => void child.kill(signal);
  const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
  for (const signal of signals) process.on(signal, pass);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      for (const each of signals) process.off(each, pass);
      resolve(code ?? 128 + (signal ? system.signals[signal] : 0));
    });
  });
}
