import type { Client, ClientConfig } from 'pg';

const QUERY_LIMIT_MS = 5_000;

/** One short conversation with a PostgreSQL; the connection is gone when it ends. */
export async function withClient<T>(at: string | ClientConfig, use: (client: Client) => Promise<T>): Promise<T> {
  // Loaded here: most calls of the command line ask no database, and somebody waits for each.
  const { default: pg } = await import('pg');
  const client = new pg.Client({
    ...(typeof at === 'string' ? { connectionString: at } : at),
    connectionTimeoutMillis: 2_000,
    query_timeout: QUERY_LIMIT_MS,
  });
  client.on('error', () => undefined); // A broken connection also rejects the query that waits for it.
  try {
    await client.connect();
    return await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
