// @ts-check
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { STATE } from './place.mjs';
import { say } from './stages.mjs';

const LIMIT_MS = 900_000;

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

/**
 * Runs `work` while no other call of this clone runs its own: two first calls at once install once. The lock of
 * a call that died is taken over.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function alone(work) {
  const file = join(STATE, 'set-up.lock');
  mkdirSync(STATE, { recursive: true, mode: 0o700 });
  const release = () => rmSync(file, { force: true });
  for (let waited = 0; ; waited += 250) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx', mode: 0o600 });
      break;
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    }
    let holder = 0;
    try {
      holder = Number(readFileSync(file, 'utf8'));
    } catch {
      continue; // Released in between.
    }
    if (holder > 0 && !isAlive(holder)) release();
    else if (waited >= LIMIT_MS)
      throw new Error(`another call (pid ${holder}) has been setting up for too long; remove ${file} if it hangs`);
    else if (waited === 1_000) say(`  waiting for another call (pid ${holder}) that is setting up ...`);
    await sleep(250);
  }
  process.once('exit', release);
  try {
    return await work();
  } finally {
    release();
    process.removeListener('exit', release);
  }
}
