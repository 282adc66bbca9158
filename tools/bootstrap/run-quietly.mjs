// @ts-check
import { spawn } from 'node:child_process';

const KEPT_CHARACTERS = 8_000;

/**
 * Runs a program without showing its output; where it fails, the error carries the end of what it printed.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{what: string, limitMs: number, cwd?: string, env?: NodeJS.ProcessEnv}} options
 * @returns {Promise<string>} the end of its output
 */
export function runQuietly(command, args, { what, limitMs, cwd, env }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: limitMs });
    let tail = '';
    /** @param {Buffer} chunk */
    const keep = (chunk) => (tail = (tail + chunk.toString('utf8')).slice(-KEPT_CHARACTERS));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error) => reject(new Error(`${what}: ${error.message}`)));
    child.once('close', (code, signal) => {
      if (code === 0) resolve(tail);
      else reject(new Error(`${what} failed (${signal ?? `exit code ${code}`}):\n${tail.trimEnd()}`));
    });
  });
}
