import { startServers } from '@switchyard/local-servers';
import pg from 'pg';
import { migrateDatabase, openStore, type Store, type StoreOptions } from '../src/index.ts';

export interface TestDatabase {
  readonly url: string;
  /** The URL with the login of a service. */
  urlFor(app: StoreOptions['app']): string;
  /** A store with the login of the service, closed with the database. */
  open(app: StoreOptions['app'], options?: Partial<StoreOptions>): Store;
  /** A statement as the owner of the database: time travel, and a look behind the interface. */
  sql<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  stop(): Promise<void>;
}

/** A PostgreSQL of its own with every migration applied. */
export async function startDatabase(): Promise<TestDatabase> {
  const servers = await startServers(['postgres']);
  const { url } = servers.postgres;
  await migrateDatabase(url);
  const admin = new pg.Pool({ connectionString: url, max: 2 });
  admin.on('error', () => undefined);
  const stores: Store[] = [];
  return {
    url,
    urlFor: (app) => servers.postgres.urlFor(app),
    open(app, options = {}) {
      const store = openStore({ url: servers.postgres.urlFor(app), app, ...options });
      stores.push(store);
      return store;
    },
    async sql(text, values = []) {
      return (await admin.query(text, values)).rows;
    },
    async stop() {
      await Promise.all(stores.map((store) => store.close()));
      await admin.end();
      await servers.stop();
    },
  };
}
