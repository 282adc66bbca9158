import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, chownSync, constants, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { type JSONRPCMessage, ReadBuffer, serializeMessage, type Transport } from '@modelcontextprotocol/client';
import { AppError, type UpstreamConfinement } from '@switchyard/contracts';
import { type Logger, redactText } from '@switchyard/platform';
import { logEvent } from '../../log-events.ts';
import type { StderrTail } from './stderr-tail.ts';
import { freshAccount, sandboxAbilities } from './sandbox-abilities.ts';
import { type Abilities, type Launch, launchOf } from './sandbox.ts';
import type { ReadVariable, UpstreamConfig } from './config.ts';

/*
 * An MCP server as a child process, spoken to over its standard input and output.
 *
 * - No shell is involved: this service finds the program once and passes its arguments unchanged.
 * - The environment of the process holds only the variables that the operator named. (The SDK's own transport adds
 *   some.)
 * - The process is isolated from this service as far as the machine allows, and has limits (sandbox.ts). The log and
 *   the status say what is missing.
 * - The process works in the directory that the operator named, or in an empty one that is removed when the process
 *   ends.
 * - A limited part of its standard error is logged. Its last lines are kept to explain why it is not available.
 * - A message of the process has a size limit.
 * - close() ends the process and everything that it started: it closes the standard input, then sends SIGTERM, then
 *   SIGKILL.
 */

const ASK_TIMEOUT_MS = 2_000;
const MAX_LINE = 2_000;
const LINES_A_MINUTE = 120;

export interface ProcessParts {
  readonly read: ReadVariable;
  readonly log: Logger;
  /** Keeps the last lines of its standard error. */
  readonly said?: StderrTail | undefined;
  /** The isolation that this machine offers. */
  readonly abilities?: (() => Promise<Abilities>) | undefined;
}

/** The file that would run, found in PATH of this service without a shell. Throws where there is none. */
function programOf(command: string, path: string = process.env['PATH'] ?? ''): string {
  const places = command.includes('/') ? [command] : path.split(delimiter).map((place) => join(place, command));
  const found = places.find((place) => isAbsolute(place) && isProgram(place));
  if (found === undefined) throw new AppError('unavailable', `There is no program "${command}" on this machine.`);
  return found;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The variables that the operator named, and no others. */
function environmentOf(upstream: UpstreamConfig, read: ReadVariable): Record<string, string> {
  return Object.fromEntries(upstream.env.map((name) => [name, read(name) ?? '']));
}

export class ProcessTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  /** From these two the SDK knows that silence means an older server and no outage. */
  readonly stderr = new PassThrough();
  #child: ChildProcess | undefined;
  #ownDirectory: string | undefined;
  #closed = false;
  #fault: AppError | undefined;
  #confinement: UpstreamConfinement | undefined;
  readonly #buffer: ReadBuffer;

  readonly #upstream: UpstreamConfig;
  readonly #parts: ProcessParts;

  constructor(upstream: UpstreamConfig, parts: ProcessParts) {
    this.#upstream = upstream;
    this.#parts = parts;
    this.#buffer = new ReadBuffer({ maxBufferSize: upstream.max_result_bytes });
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** The reason if we ended it, where that says more than that it ended. */
  get fault(): AppError | undefined {
    return this.#fault;
  }

  /** The isolation of the process; undefined before it is started. */
  get confinement(): UpstreamConfinement | undefined {
    return this.#confinement;
  }

  async start(): Promise<void> {
    if (this.#child || this.#confinement) throw new Error('started already');
    const upstream = this.#upstream;
    const program = programOf(upstream.command!);
    const abilities = await (this.#parts.abilities ?? sandboxAbilities)();
    if (this.#closed) throw new AppError('unavailable', `${upstream.name} is not needed any more.`);
    const env = environmentOf(upstream, this.#parts.read);
    const launch = launchOf(upstream, abilities, { program, env, uid: freshAccount() });
    this.#confinement = launch.confinement;
    const { missing, level } = launch.confinement;
    if (missing !== null)
      logEvent(this.#parts.log, 'upstream_sandbox_incomplete', { upstream: upstream.name, level, missing });
    await this.#spawn(launch);
  }

  #spawn({ file, args, env, uid, cwd = this.#makeDirectory(uid) }: Launch): Promise<void> {
    const account = uid === undefined ? {} : { uid, gid: uid };
    return new Promise((resolve, reject) => {
      // A process group of its own, so that its children can be ended with it.
      const how = { ...account, cwd, env, shell: false, detached: true, stdio: 'pipe' as const };
      const child = spawn(file, [...args], how);
      this.#child = child;
      child.once('error', (cause) => {
        this.#removeDirectory();
        reject(new AppError('unavailable', `${this.#upstream.name} could not be started.`, { cause }));
      });
      child.once('spawn', () => resolve());
      child.once('exit', (code, signal) => {
        if (this.#closed) return;
        logEvent(this.#parts.log, 'upstream_process_ended', { upstream: this.#upstream.name, code, signal });
      });
      child.once('close', (code, signal) => {
        if (!this.#closed) this.#parts.said?.ended(code, signal);
      });
      child.once('close', () => this.#gone());
      child.stdin.on('error', (error) => this.onerror?.(error));
      child.stdout.on('data', (chunk: Buffer) => this.#take(chunk));
      this.#logErrors(child.stderr);
    });
  }

  send(message: JSONRPCMessage): Promise<void> {
    const input = this.#child?.stdin;
    if (!input?.writable) return Promise.reject(new AppError('upstream_failed', `${this.#upstream.name} has ended.`));
    return new Promise((resolve) => {
      if (input.write(serializeMessage(message))) resolve();
      else input.once('drain', resolve).once('close', resolve);
    });
  }

  /** Ends the process and its group: closes the standard input, then sends SIGTERM, then SIGKILL. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const child = this.#child;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const over = new Promise<boolean>((resolve) => child.once('close', () => resolve(true)));
      child.stdin?.end();
      for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
        if (await within(over, ASK_TIMEOUT_MS)) break;
        kill(child.pid, signal);
      }
      await within(over, ASK_TIMEOUT_MS);
    }
    // Ends processes that it left behind in its group.
    if (child?.pid !== undefined) kill(child.pid, 'SIGKILL');
    this.#gone();
  }

  #take(chunk: Buffer): void {
    if (this.#closed) return;
    try {
      this.#buffer.append(chunk);
    } catch (cause) {
      // The message is larger than the limit. The caller is told now, because ending the process takes some time.
      const { name, max_result_bytes: bytes } = this.#upstream;
      const most = `${Math.floor(bytes / 1024)} KB`;
      this.#fault = new AppError('response_too_large', `${name} gave more than ${most} in one answer.`, { cause });
      const told = this.onclose;
      delete this.onclose;
      void this.close();
      return told?.();
    }
    for (;;) {
      try {
        const message = this.#buffer.readMessage();
        if (message === null) return;
        this.onmessage?.(message);
      } catch (error) {
        this.onerror?.(error as Error);
      }
    }
  }

  /** Logs at most LINES_A_MINUTE lines of the standard error, and hands every line to `said`. */
  #logErrors(from: NodeJS.ReadableStream): void {
    const { log, said } = this.#parts;
    const { name } = this.#upstream;
    let [rest, minute, lines] = ['', 0, 0];
    from.on('end', () => said?.hear(rest));
    from.on('data', (chunk: Buffer) => {
      const texts = (rest + chunk.toString('utf8')).split('\n');
      rest = texts.pop()!.slice(0, MAX_LINE);
      const now = Math.floor(Date.now() / 60_000);
      if (now !== minute) [minute, lines] = [now, 0];
      for (const text of texts) {
        said?.hear(text);
        lines += 1;
        if (text.trim() !== '' && lines <= LINES_A_MINUTE)
          logEvent(log, 'upstream_stderr', { upstream: name, line: redactText(text.slice(0, MAX_LINE)) });
        if (lines === LINES_A_MINUTE + 1) logEvent(log, 'upstream_stderr_cut', { upstream: name });
      }
    });
  }

  #gone(): void {
    this.#closed = true;
    this.#removeDirectory();
    this.#buffer.clear();
    const told = this.onclose;
    delete this.onclose;
    told?.();
  }

  /** An empty directory for this process alone. */
  #makeDirectory(uid: number | undefined): string {
    const directory = (this.#ownDirectory = mkdtempSync(join(tmpdir(), 'mcp-upstream-')));
    if (uid !== undefined) chownSync(directory, uid, uid);
    return directory;
  }

  #removeDirectory(): void {
    if (this.#ownDirectory !== undefined) rmSync(this.#ownDirectory, { recursive: true, force: true });
    this.#ownDirectory = undefined;
  }
}

/** Signals the whole group; a group that is gone already is fine. */
function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // No such group.
  }
}

async function within(over: Promise<boolean>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  return Promise.race([over, late]).finally(() => clearTimeout(timer));
}
