import pg from 'pg';

/*
 * One database on several servers, of which one takes writes. The URL is that of libpq:
 * postgresql://user:password@first:5432,second:5432/database. The client library knows URLs of one server only.
 */

const PARTS = /^(postgres(?:ql)?:\/\/(?:[^@/?#]*@)?)([^/?#]*)([^?#]*)(\?[^#]*)?$/;
/** libpq's parameter. The services always want the server that takes writes, so it changes nothing. */
const WANTED = 'target_session_attrs';
const READ_ONLY = 'show transaction_read_only';
/** PostgreSQL's code for a write on a standby. */
const READ_ONLY_STATE = '25006';
const LEAST_LIMIT_MS = 1_000;

/** One URL for each server that the URL names, in its order; a text of another form is returned as it is. Pure. */
export function serverUrls(url: string): string[] {
  const [, login, hosts, path, query = ''] = PARTS.exec(url) ?? [];
  if (login === undefined || hosts === undefined) return [url];
  const left = new URLSearchParams(query);
  left.delete(WANTED);
  const kept = left.size === new URLSearchParams(query).size ? query : left.size > 0 ? `?${left.toString()}` : '';
  return hosts.split(',').map((host) => `${login}${host.trim()}${path}${kept}`);
}

/** The part of `limitMs` that each of several servers gets, so that one that swallows everything does not use it up. */
export const limitOfEach = (limitMs: number, servers: number): number =>
  Math.min(limitMs, Math.max(LEAST_LIMIT_MS, Math.floor(limitMs / servers)));

/** Throws if the server takes no writes: it is a standby, or not the primary any more. */
export async function checkTakesWrites(client: Pick<pg.ClientBase, 'query'>): Promise<void> {
  const { rows } = await client.query<{ transaction_read_only: string }>(READ_ONLY);
  if (rows[0]?.transaction_read_only !== 'on') return;
  throw Object.assign(new Error('the server is a standby and takes no writes'), { code: READ_ONLY_STATE });
}

/**
 * The URL of the server that takes writes, for programs that know one server only. If none of them does, that of the
 * last one; where the URL names one server, it is not asked.
 */
export async function primaryUrl(url: string, limitMs: number): Promise<string> {
  const urls = serverUrls(url);
  if (urls.length === 1) return urls[0]!;
  for (const one of urls) if (await takesWrites(one, limitOfEach(limitMs, urls.length))) return one;
  return urls.at(-1)!;
}

async function takesWrites(url: string, limitMs: number): Promise<boolean> {
  if (!URL.canParse(url)) return false;
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: limitMs, query_timeout: limitMs });
  client.on('error', () => undefined); // the statement that waits for the connection rejects as well
  try {
    await client.connect();
    await checkTakesWrites(client);
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}
