import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AppName } from '@switchyard/contracts';
import {
  type BusAccess,
  busAccess,
  type BusLogin,
  loadBusKeys,
  Passwords,
  serviceAccess,
  type ServiceAccess,
} from './access/index.ts';
import { type EjabberdServer, startEjabberd } from './ejabberd.ts';
import type { GuardedLocalServer, LocalServer } from './local-server.ts';
import { startNats } from './nats.ts';
import { startPostgres } from './postgres.ts';
import { type ProsodyServer, startProsody } from './prosody.ts';
import { startRedis } from './redis.ts';
import { stackCertificates } from './stack-certificates.ts';

/*
 * Servers for one test suite. Guarantees:
 * - All servers start, or none stays running and the error names the one that failed.
 * - If the caller dies without stop(), a watcher process ends the servers and removes their data within seconds.
 * - After stop() nothing of the servers is left, unless the caller gave a folder.
 * - The servers have the same logins with the same rights as those of a running stack: an operation that a service may
 *   not do there fails here.
 */

interface Kinds {
  nats: GuardedLocalServer;
  postgres: GuardedLocalServer;
  redis: GuardedLocalServer;
  prosody: ProsodyServer;
  ejabberd: EjabberdServer;
}
export type Servers<K extends keyof Kinds> = Pick<Kinds, K> & {
  readonly dir: string;
  /** For a server that a test restarts. */
  readonly passwords: Passwords;
  /** The environment variables with which an app reaches these servers, with its own logins. */
  accessOf(app: AppName): ServiceAccess & Record<string, string>;
  /** The options with which `connectBus` logs in to the bus as an app or as a person. */
  busOf<A extends BusLogin>(app: A): BusAccess<A>;
  stop(): Promise<void>;
};

export interface StartServersOptions {
  /** The folder of their data. Absent: a temporary folder that stop() removes. */
  readonly dir?: string;
  /** Default false: fast, and safe except in a power cut. */
  readonly durable?: boolean;
  /** Default false. True: NATS, PostgreSQL and Redis speak TLS only, with clients that present a certificate. */
  readonly tls?: boolean;
  /** Accounts for Prosody and ejabberd. */
  readonly users?: Readonly<Record<string, string>>;
}

/** Ends the process groups and removes the folder when our end of the pipe closes without "done". */
const WATCHER = `
read -r word; [ "$word" = done ] && exit 0
folder=$1; shift
for pid; do kill -INT -"$pid" 2>/dev/null; kill -TERM -"$pid" 2>/dev/null; done
sleep 2
for pid; do kill -KILL -"$pid" 2>/dev/null; done
[ -z "$folder" ] || rm -rf "$folder"`;

function watchOver(pids: readonly number[], folderToRemove: string): () => void {
  const watcher = spawn('sh', ['-c', WATCHER, 'watcher', folderToRemove, ...pids.map(String)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watcher.on('error', () => undefined);
  watcher.stdin.on('error', () => undefined);
  watcher.unref();
  (watcher.stdin as unknown as { unref?: () => void }).unref?.();
  return () => watcher.stdin.end('done\n');
}

/** The person who asks, if a test asks as an operator. */
const PERSON = 'tester';

/**
 * Starts private servers in parallel, e.g. `const servers = await startServers(['nats', 'postgres'])`. An app under
 * test gets `servers.accessOf('audit')`; `servers.nats.urlFor('audit')` is one of its URLs, `servers.nats.url` the
 * administrator's. Call `servers.stop()` in `afterAll`.
 */
export async function startServers<const K extends keyof Kinds>(
  which: readonly K[],
  options: StartServersOptions = {},
): Promise<Servers<K>> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'switchyard-test-'));
  mkdirSync(dir, { recursive: true });
  // PostgreSQL and Prosody may run under accounts of their own, which must be able to enter.
  if (!options.dir) chmodSync(dir, 0o711);
  const passwords = new Passwords(join(dir, 'logins'));
  const tls = options.tls ? await stackCertificates(join(dir, 'tls')) : undefined;
  const plain = (name: keyof Kinds) => ({ dir: join(dir, name), durable: options.durable ?? false, passwords });
  const at = (name: keyof Kinds) => ({ ...plain(name), tls });
  const start: { [N in keyof Kinds]: () => Promise<LocalServer> } = {
    nats: () => startNats(at('nats')),
    postgres: () => startPostgres(at('postgres')),
    redis: () => startRedis(at('redis')),
    prosody: () => startProsody({ ...plain('prosody'), ...(options.users ? { users: options.users } : {}) }),
    ejabberd: () => startEjabberd({ ...plain('ejabberd'), ...(options.users ? { users: options.users } : {}) }),
  };
  const removeFolders = (running: readonly LocalServer[]): void => {
    if (options.dir) return;
    for (const folder of [dir, ...running.map((server) => server.dir)])
      rmSync(folder, { recursive: true, force: true });
  };

  const keys = await loadBusKeys(passwords);
  const outcomes = await Promise.allSettled(which.map((name) => start[name]()));
  const running = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed) {
    await Promise.all(running.map((server) => server.stop()));
    removeFolders(running);
    throw failed.reason;
  }
  const dismiss = watchOver(
    running.map((server) => server.pid),
    options.dir ? '' : dir,
  );
  const byName = Object.fromEntries(running.map((server) => [server.name, server])) as unknown as Pick<Kinds, K>;
  return {
    ...byName,
    dir,
    passwords,
    accessOf: (app) => serviceAccess(app, byName as Partial<Kinds>, keys.of(app)),
    busOf: (app) => {
      const { nats } = byName as Partial<Kinds>;
      if (!nats) throw new Error('NATS is not among these servers');
      return busAccess(app, nats, keys, PERSON);
    },
    stop: async () => {
      await Promise.all(running.map((server) => server.stop()));
      dismiss();
      removeFolders(running);
    },
  };
}
