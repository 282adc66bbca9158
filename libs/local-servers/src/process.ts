import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Account } from './account.ts';

/*
 * One server process. Guarantees:
 * - The server process leads its own process group and belongs to no terminal: Ctrl-C in a shell does not reach it.
 * - stop() resolves when the process is gone. It asks first, and kills the whole process group after the limit.
 * - An error about the process contains the end of its log.
 * - Of our environment the process gets only what every program needs, unless the caller gives it an environment.
 * - Other accounts cannot read what the process writes, its log included.
 */

export interface ProcessOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The file for stdout and stderr; output is appended. */
  readonly log: string;
  readonly account?: Account | undefined;
  readonly stopSignal: NodeJS.Signals;
  /** Its whole environment. Absent: what every program needs of ours. */
  readonly env?: NodeJS.ProcessEnv;
}

const STOP_LIMIT_MS = 10_000;
const TAIL_CHARACTERS = 2_000;

/** The end of a log file, for error messages; empty if there is none. */
export function logTail(file: string, characters = TAIL_CHARACTERS): string {
  try {
    return readFileSync(file, 'utf8').slice(-characters).trim();
  } catch {
    return '';
  }
}

/**
 * The start time of a process, in clock ticks since boot. With the pid it identifies one process for good, while a pid
 * alone is reused. Undefined if the process is gone or a zombie, or the system has no /proc.
 */
export function processStartTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command, in parentheses, may itself contain spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The process is already gone, as wanted.
  }
}

/** The variables that a server gets of our environment: search path, language and time zone. None can be a secret. */
export function serverEnvironment(given: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const needed = /^(PATH|HOME|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR)$/;
  return Object.fromEntries(Object.entries(given).filter(([name]) => needed.test(name)));
}

/** Runs `work` with a umask that gives other accounts no rights, and restores the umask. */
function unseen<T>(work: () => T): T {
  const before = process.umask(0o077);
  try {
    return work();
  } finally {
    process.umask(before);
  }
}

export class ServerProcess {
  readonly pid: number;
  readonly exited: Promise<string>;
  #end: string | undefined;
  readonly #child: ChildProcess;
  readonly #options: ProcessOptions;
  readonly #logStart: number;

  constructor(options: ProcessOptions) {
    this.#options = options;
    this.#logStart = logTail(options.log, Infinity).length;
    const log = openSync(options.log, 'a', 0o600);
    try {
      this.#child = unseen(() =>
        spawn(options.command, options.args, {
          cwd: options.cwd,
          detached: true,
          stdio: ['ignore', log, log],
          ...(options.account ?? {}),
          env: options.env ?? serverEnvironment(),
        }),
      );
    } finally {
      closeSync(log);
    }
    this.exited = new Promise((resolve) => {
      const settle = (how: string): void => {
        this.#end ??= how;
        resolve(this.#end);
      };
      this.#child.once('error', (error) => settle(error.message));
      this.#child.once('exit', (code, signal) => settle(signal ? `ended by ${signal}` : `exit code ${code}`));
    });
    this.pid = this.#child.pid ?? 0;
    this.#child.unref();
  }

  /** Its exit; undefined while it runs. */
  get ended(): string | undefined {
    return this.#end;
  }

  /** The end of what this process (not an earlier one) wrote to its log. */
  get tail(): string {
    return logTail(this.#options.log, Infinity).slice(this.#logStart).slice(-TAIL_CHARACTERS).trim();
  }

  /** Waits until `answers` is true. Throws with the end of the log if the process ends or the limit passes first. */
  async waitUntilReady(answers: () => Promise<boolean>, limitMs: number): Promise<void> {
    const deadline = Date.now() + limitMs;
    for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 1.5, 150)) {
      if (this.#end !== undefined) throw this.#failure(`did not start (${this.#end})`);
      if (await answers().catch(() => false)) return;
      if (Date.now() > deadline) throw this.#failure(`was not ready after ${Math.round(limitMs / 1000)} s`);
      await sleep(pauseMs);
    }
  }

  #failure(what: string): Error {
    const tail = this.tail;
    return new Error(`${this.#options.name} ${what}${tail ? `; its log ends with:\n${tail}` : ''}`);
  }

  async stop(): Promise<void> {
    if (this.#end !== undefined || this.pid === 0) return;
    try {
      process.kill(this.pid, this.#options.stopSignal);
    } catch {
      return;
    }
    if (await this.#exitsWithin(STOP_LIMIT_MS)) return;
    signalGroup(this.pid, 'SIGKILL');
    await this.#exitsWithin(STOP_LIMIT_MS);
  }

  async #exitsWithin(limitMs: number): Promise<boolean> {
    const waiting = new AbortController();
    const limit = sleep(limitMs, false, { signal: waiting.signal }).catch(() => false);
    const exited = await Promise.race([this.exited.then(() => true), limit]);
    waiting.abort();
    return exited;
  }
}
