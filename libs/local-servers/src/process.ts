import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Account } from './account.ts';

/*
 * One server process. Guarantees:
 * - The server process leads its own process group and belongs to no terminal: Ctrl-C in a shell does not reach it.
 * - stop() returns when the process is gone: it is asked politely first, and killed with its group after the limit.
 * - An error about the process carries the tail of its log.
 * - The process sees nothing of our environment but what every program needs, unless the caller says what it gets.
 * - Other accounts cannot read what the process writes, its log included.
 */

export interface ProcessOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The file that gets stdout and stderr; appended. */
  readonly log: string;
  readonly account?: Account | undefined;
  readonly stopSignal: NodeJS.Signals;
  /** Its whole environment. Absent: of ours only what every program needs. */
  readonly env?: NodeJS.ProcessEnv;
}

const STOP_LIMIT_MS = 10_000;
const TAIL_CHARACTERS = 2_000;

/** The last part of a log file, for error messages; empty where there is none. */
export function logTail(file: string, characters = TAIL_CHARACTERS): string {
  try {
    return readFileSync(file, 'utf8').slice(-characters).trim();
  } catch {
    return '';
  }
}

/**
 * When a process started, in clock ticks since boot: together with the pid it names one process for good, while
 * a pid alone is reused. Undefined where it is gone, a zombie, or the system has no /proc.
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
    // Already gone: that is what was wanted.
  }
}

/** What a server gets of our environment: where programs are, language and clock. Nothing that could be a secret. */
export function serverEnvironment(given: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const needed = /^(PATH|HOME|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR)$/;
  return Object.fromEntries(Object.entries(given).filter(([name]) => needed.test(name)));
}

/** Runs `work` under a umask that leaves nothing to other accounts, and puts the old one back. */
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

  /** How it ended; undefined while it runs. */
  get ended(): string | undefined {
    return this.#end;
  }

  /** What this process (not an earlier one) wrote to its log, the end of it. */
  get tail(): string {
    return logTail(this.#options.log, Infinity).slice(this.#logStart).slice(-TAIL_CHARACTERS).trim();
  }

  /** Waits until `answers` is true. Throws, with the tail of the log, where the process ends or the limit passes first. */
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
