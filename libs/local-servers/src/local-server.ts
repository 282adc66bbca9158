import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { SERVERS, type ServerName } from '../binaries.mjs';
import { type Guarded, Passwords } from './access/index.ts';
import { freePort } from './ports.ts';
import type { ServerProcess } from './process.ts';
import type { StackCertificates } from './stack-certificates.ts';

/** A running private server: loopback only, its data in a folder of its own. */
export interface LocalServer {
  readonly name: ServerName | 'ejabberd';
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** The folder of its data: the requested one, or one that its account can reach. */
  readonly dir: string;
  /** The file with its output. */
  readonly log: string;
  /** Resolves when the process ends, with its exit. */
  readonly exited: Promise<string>;
  /** Resolves when the process is gone. May be called more than once. */
  stop(): Promise<void>;
}

/** A server that requires a login. `url` is the administrator's: for the harness and the doctor. */
export type GuardedLocalServer = LocalServer & Guarded;

export interface ServerOptions {
  /** The folder for its data and configuration; created if missing. */
  readonly dir: string;
  /** The port to use. Absent: a free one, and another if it was taken meanwhile. */
  readonly port?: number;
  /** The log file; default `<dir>.log`. */
  readonly log?: string;
  /** `false`: faster, but data may be lost in a power cut. For tests. Default true. */
  readonly durable?: boolean;
}

export interface GuardedOptions extends ServerOptions {
  /** The passwords of its logins. Default: generated ones, kept in its folder. */
  readonly passwords?: Passwords;
  /** Set: the server speaks TLS only, and only with clients that present a certificate of this authority. */
  readonly tls?: StackCertificates | undefined;
}

export const READY_LIMIT_MS = 30_000;
const PORT_TRIES = 5;

/** The path of a server's binary; the error names the package that contains it. */
export function binaryOf(name: ServerName): string {
  const server = SERVERS.find((s) => s.name === name);
  const found = server?.find();
  if (!found) throw new Error(`${name} is not installed; on Debian: apt-get install ${server?.aptPackage}`);
  return found;
}

export function passwordsOf({ dir, passwords }: GuardedOptions): Passwords {
  return passwords ?? new Passwords(join(resolve(dir), 'logins'));
}

export function logFileOf({ dir, log }: ServerOptions): string {
  const file = log ?? `${dir}.log`;
  mkdirSync(dirname(file), { recursive: true });
  return file;
}

/**
 * Starts a process and waits until it is ready. Stops a process that failed before it throws. If a port that the caller
 * did not choose proves taken, tries another.
 */
export async function startOnPort(
  options: ServerOptions,
  launch: (port: number) => ServerProcess,
  ready: (port: number) => Promise<boolean>,
): Promise<{ port: number; process: ServerProcess }> {
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    const started = launch(port);
    try {
      await started.waitUntilReady(() => ready(port), READY_LIMIT_MS);
      return { port, process: started };
    } catch (error) {
      await started.stop();
      const taken = /address already in use|eaddrinuse|could not bind/i.test(started.tail);
      if (options.port !== undefined || !taken || attempt >= PORT_TRIES) throw error;
    }
  }
}
