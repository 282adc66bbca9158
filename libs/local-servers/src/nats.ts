import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { hears } from './dialogue.ts';
import { binaryOf, type LocalServer, logFileOf, type ServerOptions, startOnPort } from './local-server.ts';
import { ServerProcess } from './process.ts';

export interface NatsOptions extends ServerOptions {
  /** More nats-server configuration, such as an `authorization` block. */
  readonly config?: string;
  /** `user:password` for the returned URL, where `config` asks for one. */
  readonly credentials?: string;
}

/**
 * The configuration file of a private nats-server. The limits are bookkeeping, not reserved space: stream sizes
 * are promises against `max_file_store`, and a small disk must not refuse the streams.
 */
function natsConfig({ port, storeDir, extra = '' }: { port: number; storeDir: string; extra?: string }): string {
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

/** Starts a private nats-server with JetStream. Throws with the tail of its log where it does not come up. */
export async function startNats(options: NatsOptions): Promise<LocalServer> {
  const command = binaryOf('nats');
  const dir = resolve(options.dir);
  mkdirSync(dir, { recursive: true });
  const log = logFileOf(options);
  const file = join(dir, 'nats.conf');
  const { port, process } = await startOnPort(
    options,
    (on) => {
      const text = natsConfig({
        port: on,
        storeDir: join(dir, 'jetstream'),
        ...(options.config ? { extra: options.config } : {}),
      });
      writeFileSync(file, text, { mode: 0o600 });
      return new ServerProcess({ name: 'nats', command, args: ['-c', file], cwd: dir, log, stopSignal: 'SIGTERM' });
    },
    (on) => hears(on, { hear: '"jetstream":true' }),
  );
  const login = options.credentials ? `${options.credentials}@` : '';
  return {
    name: 'nats',
    url: `nats://${login}127.0.0.1:${port}`,
    port,
    pid: process.pid,
    dir,
    log,
    exited: process.exited,
    stop: () => process.stop(),
  };
}
