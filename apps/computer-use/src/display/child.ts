import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { isAlive, killProcess, type ProcessId, processId } from './process-id.ts';

/*
 * One process of a session. It leads a group of its own, so that one signal ends what it started; what it says is kept to
 * its last few lines, for the message where it fails.
 */

const TAIL_CHARACTERS = 2_000;
const END_LIMIT_MS = 5_000;

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Pipes beside input, output and errors, from number 3 on. */
  readonly pipes?: number;
}

export class Child {
  readonly name: string;
  readonly process: ChildProcess;
  readonly id: ProcessId | undefined;
  /** Resolves with its exit. */
  readonly ended: Promise<string>;
  #end: string | undefined;
  #tail = '';

  constructor(name: string, options: ChildOptions) {
    this.name = name;
    const pipes = Array.from({ length: options.pipes ?? 0 }, () => 'pipe' as const);
    this.process = spawn(options.command, options.args, {
      cwd: options.cwd ?? '/',
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', ...pipes],
      env: options.env,
    });
    // Sessions end with the service, so they need not keep it alive.
    this.process.unref();
    for (const stream of this.process.stdio) (stream as Socket | null)?.unref?.();
    this.process.stderr?.on('data', (chunk: Buffer) => {
      this.#tail = (this.#tail + chunk.toString()).slice(-TAIL_CHARACTERS);
    });
    this.ended = new Promise((resolve) => {
      const settle = (how: string): void => {
        this.#end ??= how;
        resolve(this.#end);
      };
      this.process.once('error', (error) => settle(error.message));
      this.process.once('exit', (code, signal) => settle(signal ? `ended by ${signal}` : `exit code ${code}`));
    });
    this.id = this.process.pid === undefined ? undefined : processId(this.process.pid);
  }

  /** Its exit; undefined while it runs. */
  get end(): string | undefined {
    return this.#end;
  }

  /** The last of what it wrote to its error output. */
  get tail(): string {
    return this.#tail.trim();
  }

  failure(what: string): Error {
    return new Error(`${this.name} ${what}${this.tail ? `: ${this.tail.split('\n').slice(-3).join(' | ')}` : ''}`);
  }

  /** Asks it to end; kills it with its group after `graceMs`. Resolves when it is gone. */
  async stop(graceMs = 0): Promise<void> {
    if (this.#end === undefined && graceMs > 0) {
      this.process.kill('SIGTERM');
      await Promise.race([this.ended, delay(graceMs)]);
    }
    if (this.id && isAlive(this.id)) killProcess(this.id);
    await Promise.race([this.ended, delay(END_LIMIT_MS)]);
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
