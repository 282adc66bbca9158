import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ADMIN, passwordName } from '../access/index.ts';
import { hears } from '../dialogue.ts';
import {
  binaryOf,
  type GuardedLocalServer,
  type GuardedOptions,
  logFileOf,
  passwordsOf,
  READY_LIMIT_MS,
  startOnPort,
} from '../local-server.ts';
import { ServerProcess } from '../process.ts';
import { redisTls, startRedis } from '../redis.ts';

/** A Redis, its replica, and three Sentinels that watch both and appoint the primary. */
export interface RedisSentinels extends Pick<GuardedLocalServer, 'url' | 'urlFor' | 'tlsFor'> {
  readonly primary: GuardedLocalServer;
  readonly replica: GuardedLocalServer;
  stop(): Promise<void>;
}

const SENTINELS = 3;
const QUORUM = 2;
const GROUP = 'switchyard';

/** Starts all of them. `url` names the Sentinels. */
export async function startRedisSentinels(options: Omit<GuardedOptions, 'port'>): Promise<RedisSentinels> {
  const passwords = passwordsOf(options);
  const password = passwords.of(passwordName('redis', ADMIN));
  const running: { stop(): Promise<void> }[] = [];
  const stop = async (): Promise<void> => void (await Promise.all(running.map((one) => one.stop())));
  const started = async <S extends { stop(): Promise<void> }>(server: Promise<S>): Promise<S> => {
    const one = await server;
    running.push(one);
    return one;
  };
  const replication = [`masteruser ${ADMIN}`, `masterauth ${password}`];
  const redis = { ...options, passwords, settings: replication };
  try {
    const primary = await started(startRedis({ ...redis, dir: join(options.dir, 'primary') }));
    const settings = [...replication, `replicaof 127.0.0.1 ${primary.port}`];
    const replica = await started(startRedis({ ...redis, dir: join(options.dir, 'replica'), settings }));
    const sentinels = await Promise.all(
      Array.from({ length: SENTINELS }, (_, n) =>
        started(startSentinel({ ...options, dir: join(options.dir, `sentinel-${n + 1}`) }, primary.port, password)),
      ),
    );
    for (const { port } of sentinels) await untilItKnowsAll(port, options);
    const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
    const urlFor = (app: string): string => {
      const { protocol, username, password: own } = new URL(primary.urlFor(app));
      return `${protocol === 'rediss:' ? 'rediss' : 'redis'}-sentinel://${username}:${own}@${hosts}/0#${GROUP}`;
    };
    const { tlsFor } = primary;
    return { primary, replica, url: urlFor(ADMIN), urlFor, ...(tlsFor ? { tlsFor } : {}), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Until then a primary that dies is not replaced. */
async function untilItKnowsAll(port: number, { tls }: Pick<GuardedOptions, 'tls'>): Promise<void> {
  const all = { say: 'INFO sentinel\r\n', hear: `slaves=1,sentinels=${SENTINELS}`, tls: tls?.of(ADMIN) };
  for (const until = Date.now() + READY_LIMIT_MS; !(await hears(port, all));) {
    if (Date.now() > until) throw new Error('the Sentinels do not find each other');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function startSentinel(
  options: Omit<GuardedOptions, 'port'>,
  primaryPort: number,
  password: string,
): Promise<{ port: number; stop(): Promise<void> }> {
  const dir = resolve(options.dir);
  mkdirSync(dir, { recursive: true });
  const file = join(dir, 'sentinel.conf');
  const configOf = (port: number): string =>
    [
      ...redisTls(port, options.tls),
      'bind 127.0.0.1',
      'protected-mode no',
      `dir ${JSON.stringify(dir)}`,
      `sentinel monitor ${GROUP} 127.0.0.1 ${primaryPort} ${QUORUM}`,
      `sentinel auth-user ${GROUP} ${ADMIN}`,
      `sentinel auth-pass ${GROUP} ${password}`,
      `sentinel down-after-milliseconds ${GROUP} 1500`,
      `sentinel failover-timeout ${GROUP} 10000`,
      '',
    ].join('\n');
  const { port, process } = await startOnPort(
    options,
    (on) => {
      writeFileSync(file, configOf(on), { mode: 0o600 });
      return new ServerProcess({
        name: 'redis',
        command: binaryOf('redis'),
        args: [file, '--sentinel'],
        cwd: dir,
        log: logFileOf(options),
        stopSignal: 'SIGTERM',
      });
    },
    (on) => hears(on, { say: 'PING\r\n', hear: '+PONG', tls: options.tls?.of(ADMIN) }),
  );
  return { port, stop: () => process.stop() };
}
