import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Account } from '../account.ts';
import { binaryOf } from '../local-server.ts';
import { serverEnvironment } from '../process.ts';

/**
 * How a program of PostgreSQL reaches the server. The environment carries the password, because command lines are
 * public.
 */
export interface Reached {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

export function reachedBy(url: string): Reached {
  const { hostname, port, username, password, searchParams } = new URL(url);
  const tls = Object.fromEntries(
    [...searchParams].flatMap(([name, value]) => (name.startsWith('ssl') ? [[`PG${name.toUpperCase()}`, value]] : [])),
  );
  return {
    args: ['-h', hostname, '-p', port || '5432', '-U', decodeURIComponent(username), '--no-password'],
    env: { ...serverEnvironment(), PGPASSWORD: decodeURIComponent(password), PGAPPNAME: 'switchyard-backup', ...tls },
  };
}

export const programOf = (name: string): string => join(binaryOf('postgres'), name);

const TAIL_CHARACTERS = 2_000;

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly account?: Account | undefined;
  readonly limitMs: number;
  /** Receives its output while it runs. */
  readonly onText?: (text: string) => void;
}

/** Runs a program of PostgreSQL to its end. Throws with the end of its output if it fails or takes too long. */
export function runProgram(name: string, args: readonly string[], options: RunOptions): Promise<string> {
  const { env = serverEnvironment(), account, limitMs, onText } = options;
  const child = spawn(programOf(name), args, { env, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'], ...account });
  const limit = setTimeout(() => child.kill('SIGKILL'), limitMs);
  let [out, said] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => {
    said = `${said}${chunk.toString()}`.slice(-TAIL_CHARACTERS);
    onText?.(chunk.toString());
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(limit);
      if (code === 0) resolve(out);
      else reject(new Error(`${name} ${signal ? `did not end within ${limitMs / 1000} s` : 'failed'}: ${said.trim()}`));
    });
  });
}
