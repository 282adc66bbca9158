import { setTimeout as sleep } from 'node:timers/promises';
import { type TlsFiles, tlsOptions } from '@switchyard/platform';
import pg from 'pg';
import { toAppError, troubleOf } from './errors.ts';
import { serverUrls } from './hosts.ts';
import { watchLinks } from './link-watch.ts';
import { primaryPool, type Target } from './primary-pool.ts';

/*
 * The only connection pool of a process. Invariants:
 * - Every wait is bounded: for a connection, for the server (statement_timeout), for a reply that never comes. The pool
 *   gives up a link that is open and swallows everything as a whole (link-watch.ts).
 * - The pool repeats a statement that the server undid because of another one (deadlock, serialization).
 * - The pool does not repeat a statement whose reply was lost: the caller knows whether that is harmless.
 * - Every connection acts under the role of its owner, whatever other rights its login has.
 * - With TLS no connection is without it. Each new connection uses the current content of the files.
 * - Of several servers in the URL the one that takes writes is used (primary-pool.ts).
 */

const CONNECT_LIMIT_MS = 5_000;
/** Longer than the server's own limit: a reply that is this late never comes. */
const REPLY_SLACK_MS = 1_500;
const TRIES = 4;
/** For a statement that is never repeated, whatever the server undid it for. */
export const ONCE = 1;
const PAUSE_MS = 20;

interface PoolOptions {
  readonly url: string;
  readonly tls?: TlsFiles | undefined;
  readonly onTlsTrouble: (why: string) => void;
  readonly role: string;
  /**
   * True: the server plans each prepared statement once per connection. Without it PostgreSQL plans a statement with arrays anew
   * at every call, for it takes the length of the arrays for granted then (ADR 67).
   */
  readonly plansOnce: boolean;
  readonly applicationName: string;
  readonly maxConnections: number;
  readonly statementTimeoutMs: number;
  readonly onIdleError: (error: Error) => void;
  /** Reports how many connections of a dead link were given up. */
  readonly onDeadLink: (connections: number) => void;
}

/** A statement that is prepared once per connection; `name` belongs to exactly one text. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /** Set: the wait for a reply is shorter than usual. */
  readonly query_timeout?: number;
}

export function openPool(options: PoolOptions): pg.Pool {
  const targets = serverUrls(options.url).map((url) =>
    options.tls ? withTls(url, options.tls, options.onTlsTrouble) : { connectionString: url },
  );
  const pool = primaryPool(targets, {
    application_name: options.applicationName,
    // The role of the owner, whatever its login could do.
    options: `-c role=${options.role}${options.plansOnce ? ' -c plan_cache_mode=force_generic_plan' : ''}`,
    max: options.maxConnections,
    connectionTimeoutMillis: CONNECT_LIMIT_MS, // every wait has a limit
    statement_timeout: options.statementTimeoutMs,
    query_timeout: options.statementTimeoutMs + REPLY_SLACK_MS,
    idle_in_transaction_session_timeout: options.statementTimeoutMs,
    keepAlive: true,
  });
  // Without a listener an idle connection that breaks would end the process.
  pool.on('error', options.onIdleError);
  watchLinks(pool, options.onDeadLink);
  return pool;
}

/** Every connection uses TLS with the files. TLS parameters of the URL itself would take precedence over the files. */
function withTls(url: string, files: TlsFiles, onTrouble: (why: string) => void): Target {
  const plain = new URL(url);
  for (const name of [...plain.searchParams.keys()].filter((key) => key.startsWith('ssl')))
    plain.searchParams.delete(name);
  const ssl = tlsOptions(files, onTrouble);
  // Without it, a server that is named by its address would be checked for the name `localhost`.
  Object.defineProperty(ssl, 'host', { value: plain.hostname, enumerable: true });
  return { connectionString: plain.href, ssl };
}

/** Runs a prepared statement in one round trip. Throws AppError. */
export async function rows<Row extends pg.QueryResultRow>(
  pool: pg.Pool,
  statement: Statement,
  values: readonly unknown[],
  tries = TRIES,
): Promise<Row[]> {
  const result = await attempt(() => pool.query<Row>({ ...statement, values: [...values] }), tries);
  return result.rows;
}

/** As `rows`, for statements that always return exactly one row. */
export async function row<Row extends pg.QueryResultRow>(
  pool: pg.Pool,
  statement: Statement,
  values: readonly unknown[],
): Promise<Row> {
  const [first] = await rows<Row>(pool, statement, values);
  if (first === undefined) throw new Error(`${statement.name} answered no row`);
  return first;
}

/** Runs `work`, and again if the server undid it because of another statement. Its errors become AppErrors. */
export async function attempt<T>(work: () => Promise<T>, most = TRIES): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === most || troubleOf(error) !== 'again') throw toAppError(error);
      await sleep(Math.random() * PAUSE_MS * 2 ** tries);
    }
  }
}
