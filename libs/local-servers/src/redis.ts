import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { hears } from './dialogue.ts';
import { binaryOf, type LocalServer, logFileOf, type ServerOptions, startOnPort } from './local-server.ts';
import { ServerProcess } from './process.ts';

/** Starts a private Redis. Throws with the tail of its log where it does not come up. */
export async function startRedis(options: ServerOptions): Promise<LocalServer> {
  const command = binaryOf('redis');
  const dir = resolve(options.dir);
  mkdirSync(dir, { recursive: true });
  const log = logFileOf(options);
  const persistence = options.durable === false ? 'no' : 'yes';
  const { port, process } = await startOnPort(
    options,
    (on) => {
      const place = ['--port', String(on), '--bind', '127.0.0.1', '--dir', dir, '--daemonize', 'no'];
      const args = [...place, '--appendonly', persistence, '--save', ''];
      return new ServerProcess({ name: 'redis', command, args, cwd: dir, log, stopSignal: 'SIGTERM' });
    },
    (on) => hears(on, { say: 'PING\r\n', hear: '+PONG' }),
  );
  return {
    name: 'redis',
    url: `redis://127.0.0.1:${port}`,
    port,
    pid: process.pid,
    dir,
    log,
    exited: process.exited,
    stop: () => process.stop(),
  };
}
