import type { Client, ClientConfig } from 'pg';

const QUERY_LIMIT_MS = 5_000;

/** Calls `use` with a connection to PostgreSQL, and closes the connection at the end. */
export async function withClient<T>(at: string | ClientConfig, use: (client: Client) => Promise<T>): Promise<T> {
  // Loaded here, because most commands need no database and a user waits for each command.
  const { default: pg } = await import('pg');
  const client = new pg.Client({
    ...(typeof at === 'string' ? { connectionString: at } : at),
    connectionTimeoutMillis: 2_000,
    query_timeout: QUERY_LIMIT_MS,
  });
  client.on('error', () => undefined); // the query that waits for it rejects as well
  try {
    await client.connect();
    return await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
