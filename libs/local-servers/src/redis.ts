import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ADMIN, guarded, passwordName, redisUsers } from './access/index.ts';
import { hears } from './dialogue.ts';
import {
  binaryOf,
  type GuardedLocalServer,
  type GuardedOptions,
  logFileOf,
  passwordsOf,
  startOnPort,
} from './local-server.ts';
import { ServerProcess } from './process.ts';

interface RedisServerOptions extends GuardedOptions {
  /** Additional lines of its configuration file. */
  readonly settings?: readonly string[];
}

/**
 * The configuration file of a private Redis: every change goes to disk, no snapshots, and every client needs a login.
 */
function redisConfig(
  at: { port: number; dir: string; durable: boolean; tls: GuardedOptions['tls'] },
  users: readonly string[],
): string {
  const settings = [
    ...redisTls(at.port, at.tls),
    'bind 127.0.0.1',
    `dir ${JSON.stringify(at.dir)}`,
    'daemonize no',
    `appendonly ${at.durable ? 'yes' : 'no'}`,
    'save ""',
  ];
  return [...settings, ...users, ''].join('\n');
}

/** Where a Redis or a Sentinel listens. With TLS it also speaks TLS to others, and shows them the administrator's certificate. */
export function redisTls(port: number, tls: GuardedOptions['tls']): string[] {
  if (!tls) return [`port ${port}`];
  const { ca, cert, key } = tls.server;
  const [caFile, certFile, keyFile] = [ca, cert, key].map((file) => JSON.stringify(file));
  const files = [`tls-ca-cert-file ${caFile}`, `tls-cert-file ${certFile}`, `tls-key-file ${keyFile}`];
  const { cert: ownFile, key: ownKeyFile } = tls.of(ADMIN);
  const own = [`tls-client-cert-file ${JSON.stringify(ownFile)}`, `tls-client-key-file ${JSON.stringify(ownKeyFile)}`];
  return ['port 0', `tls-port ${port}`, 'tls-auth-clients yes', 'tls-replication yes', ...files, ...own];
}

/** Starts a private Redis. Throws with the end of its log if it does not start. */
export async function startRedis(options: RedisServerOptions): Promise<GuardedLocalServer> {
  const command = binaryOf('redis');
  const dir = resolve(options.dir);
  mkdirSync(dir, { recursive: true });
  const log = logFileOf(options);
  const file = join(dir, 'redis.conf');
  const durable = options.durable !== false;
  const passwords = passwordsOf(options);
  const users = redisUsers(passwords);
  const { tls } = options;
  const { port, process } = await startOnPort(
    options,
    (on) => {
      writeFileSync(file, redisConfig({ port: on, dir, durable, tls }, [...users, ...(options.settings ?? [])]), {
        mode: 0o600,
      });
      return new ServerProcess({ name: 'redis', command, args: [file], cwd: dir, log, stopSignal: 'SIGTERM' });
    },
    (on) =>
      hears(on, {
        say: `AUTH ${ADMIN} ${passwords.of(passwordName('redis', ADMIN))}\r\nPING\r\n`,
        hear: '+PONG',
        tls: tls?.of(ADMIN),
      }),
  );
  const { urlFor } = guarded('redis', `${tls ? 'rediss' : 'redis'}://127.0.0.1:${port}`, passwords);
  return {
    name: 'redis',
    url: urlFor(ADMIN),
    urlFor,
    ...(tls ? { tlsFor: tls.of } : {}),
    port,
    pid: process.pid,
    dir,
    log,
    exited: process.exited,
    stop: () => process.stop(),
  };
}
