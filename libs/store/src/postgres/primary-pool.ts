import pg from 'pg';
import { checkTakesWrites, limitOfEach } from './hosts.ts';

/*
 * A pool whose connections all lead to the server that takes writes. Invariants:
 * - A connection to a standby is given up before it carries a statement.
 * - If one server refuses, is silent or is a standby, the next one is tried at once; the one that served last is the
 *   first one tried. Each server is tried once, and all together have the limit of one connection.
 * - What is repeated is the connection only: no statement was sent over it yet.
 */

/** How one server is reached. */
export type Target = Pick<pg.PoolConfig, 'connectionString' | 'ssl'>;

type Taken = (error: Error | undefined, client: pg.PoolClient | undefined, done: (release?: unknown) => void) => void;

/** `targets`: at least one. `config.connectionTimeoutMillis` is the limit of a connection, whichever server it is to. */
export function primaryPool(targets: readonly Target[], config: pg.PoolConfig): pg.Pool {
  const limitMs = config.connectionTimeoutMillis ?? 0;
  const eachMs = limitOfEach(limitMs, targets.length);
  const failed = new WeakSet<Error>();
  let present = 0;
  const fails = (target: number, error: Error): void => {
    failed.add(error);
    if (target === present) present = (target + 1) % targets.length;
  };

  class TargetClient extends pg.Client {
    readonly target = present;

    constructor() {
      super({ ...config, ...targets[present], connectionTimeoutMillis: eachMs });
    }

    override connect(): Promise<never>;
    override connect(callback: (error: Error) => void): void;
    override connect(callback?: (error: Error) => void): Promise<never> | void {
      if (!callback) return super.connect() as Promise<never>;
      super.connect((error: Error) => {
        // The callback has no error where the connection is there, whatever its type says.
        if (error as Error | undefined) fails(this.target, error);
        callback(error);
      });
    }
  }

  class PrimaryPool extends pg.Pool {
    override connect(): Promise<pg.PoolClient>;
    override connect(callback: Taken): void;
    override connect(callback?: Taken): Promise<pg.PoolClient> | void {
      const taken = this.#connect();
      if (!callback) return taken;
      taken.then(
        (client) => callback(undefined, client, (release) => client.release(release as Error | boolean)),
        (error: Error) => callback(error, undefined, () => undefined),
      );
    }

    async #connect(): Promise<pg.PoolClient> {
      const until = performance.now() + limitMs;
      for (let tries = 1; ; tries += 1) {
        try {
          return await super.connect();
        } catch (error) {
          const isFailed = error instanceof Error && (failed.has(error) || failed.has(error.cause as Error));
          if (!isFailed || tries >= targets.length || performance.now() >= until) throw error;
        }
      }
    }
  }

  const options = {
    ...config,
    Client: TargetClient,
    onConnect: async (client: TargetClient) => {
      await checkTakesWrites(client).catch((error: Error) => {
        fails(client.target, error);
        throw error;
      });
    },
  };
  return new PrimaryPool(options as pg.PoolConfig);
}
