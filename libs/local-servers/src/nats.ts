import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { hears } from './dialogue.ts';
import { ADMIN, guarded, natsAuthorization, watcherLogins, type Watchers } from './access/index.ts';
import {
  binaryOf,
  type GuardedLocalServer,
  type GuardedOptions,
  logFileOf,
  passwordsOf,
  startOnPort,
} from './local-server.ts';
import { ServerProcess } from './process.ts';

export interface NatsOptions extends GuardedOptions {
  /** The nats-server to run. Default: the installed one. */
  readonly binary?: string;
  /** Logins of watchers besides the one that reads everything: name -> the tenants that it may read. */
  readonly watchers?: Watchers;
  /** Additional nats-server configuration, besides the permissions. */
  readonly config?: string;
  /**
   * The reason to leave out the permissions and logins of the contracts: only for tests whose subjects are in no
   * contract, or that bring their own permissions in `config`.
   */
  readonly withoutPermissions?: string;
}

/**
 * The configuration file of a private nats-server. The limits reserve no space: JetStream checks stream sizes against
 * `max_file_store`, and a small disk must not refuse the streams.
 */
function natsConfig({ port, storeDir, extra }: { port: number; storeDir: string; extra: string }): string {
  return `server_name: switchyard-${port}
listen: "127.0.0.1:${port}"
jetstream {
  store_dir: ${JSON.stringify(storeDir)}
  max_memory_store: 256MB
  max_file_store: 64GB
}
max_payload: 1MB
${extra}`;
}

function tlsBlock(tls: GuardedOptions['tls']): string {
  if (!tls) return '';
  const { ca, cert, key } = tls.server;
  const [caFile, certFile, keyFile] = [ca, cert, key].map((file) => JSON.stringify(file));
  return `tls { ca_file: ${caFile}, cert_file: ${certFile}, key_file: ${keyFile}, verify: true, timeout: 5 }`;
}

/** Starts a private nats-server with JetStream. Throws with the end of its log if it does not start. */
export async function startNats(options: NatsOptions): Promise<GuardedLocalServer> {
  const command = options.binary ?? binaryOf('nats');
  const dir = resolve(options.dir);
  mkdirSync(dir, { recursive: true });
  const log = logFileOf(options);
  const file = join(dir, 'nats.conf');
  const isOpen = options.withoutPermissions !== undefined;
  const passwords = passwordsOf(options);
  const watchers = options.watchers ?? {};
  const logins = isOpen ? '' : natsAuthorization(passwords, await watcherLogins(watchers));
  const extra = [logins, tlsBlock(options.tls), options.config ?? ''].join('\n');
  const { port, process } = await startOnPort(
    options,
    (on) => {
      const text = natsConfig({ port: on, storeDir: join(dir, 'jetstream'), extra });
      writeFileSync(file, text, { mode: 0o600 });
      return new ServerProcess({ name: 'nats', command, args: ['-c', file], cwd: dir, log, stopSignal: 'SIGTERM' });
    },
    (on) => hears(on, { hear: '"jetstream":true' }),
  );
  const address = `${options.tls ? 'tls' : 'nats'}://127.0.0.1:${port}`;
  const { urlFor } = guarded('nats', address, passwords, Object.keys(watchers));
  return {
    name: 'nats',
    url: isOpen ? address : urlFor(ADMIN),
    urlFor: isOpen ? () => address : urlFor,
    ...(options.tls ? { tlsFor: options.tls.of } : {}),
    port,
    pid: process.pid,
    dir,
    log,
    exited: process.exited,
    stop: () => process.stop(),
  };
}
