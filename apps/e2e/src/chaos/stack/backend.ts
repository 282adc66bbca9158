import { rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  freePort,
  type GuardedLocalServer,
  type Passwords,
  startNats,
  startPostgres,
  startRedis,
} from '@switchyard/local-servers';

/*
 * nats-server, PostgreSQL and Redis of a round: killed or stopped, and started again on the same port and data.
 * PostgreSQL may refuse to start while processes of the killed one are still there: it is tried until it does.
 */

export const BACKENDS = ['nats', 'postgres', 'redis'] as const;
export type BackendName = (typeof BACKENDS)[number];

const START = { nats: startNats, postgres: startPostgres, redis: startRedis } as const;
const START_LIMIT_MS = 120_000;

export class Backend {
  #server: GuardedLocalServer | undefined;
  #busy: Promise<void> = Promise.resolve();

  readonly #dir: string;
  readonly #passwords: Passwords;

  private constructor(
    readonly name: BackendName,
    readonly port: number,
    dir: string,
    passwords: Passwords,
  ) {
    this.#dir = dir;
    this.#passwords = passwords;
  }

  static async start(name: BackendName, dir: string, passwords: Passwords): Promise<Backend> {
    const backend = new Backend(name, await freePort(), join(dir, name), passwords);
    await backend.#start();
    return backend;
  }

  /** The administrator's URL, for what the round observes. */
  get url(): string {
    return this.#server?.url ?? '';
  }

  urlFor(app: string): string {
    if (!this.#server) throw new Error(`${this.name} does not run`);
    return this.#server.urlFor(app);
  }

  get pid(): number | undefined {
    return this.#server?.pid;
  }

  /** Stops the server, keeps it down for a while and starts it again; concurrent orders run one after the other. */
  restart(how: 'kill' | 'stop', downMs: number, wipe = false): Promise<void> {
    this.#busy = this.#busy.then(async () => {
      const server = this.#server;
      if (how === 'kill' && server) process.kill(server.pid, 'SIGKILL');
      else await server?.stop();
      await server?.exited;
      if (wipe && server) rmSync(join(server.dir, 'jetstream'), { recursive: true, force: true });
      await new Promise((resolve) => setTimeout(resolve, downMs));
      await this.#start();
    });
    return this.#busy;
  }

  /** Resolves when it is up and no restart is under way. */
  get settled(): Promise<void> {
    return this.#busy;
  }

  async stop(): Promise<void> {
    await this.#busy.catch(() => undefined);
    await this.#server?.stop();
  }

  async #start(): Promise<void> {
    const until = Date.now() + START_LIMIT_MS;
    for (;;) {
      try {
        // Durable: the round kills the server, and all that it acknowledged has to be there afterwards.
        this.#server = await START[this.name]({
          dir: this.#dir,
          port: this.port,
          durable: true,
          passwords: this.#passwords,
        });
        return;
      } catch (error) {
        if (Date.now() > until) throw error;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  }
}
