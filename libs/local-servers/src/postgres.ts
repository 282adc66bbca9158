import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Account, accountFor, ownedFolder } from './account.ts';
import { databaseTls, tlsQuery } from './postgres-tls.ts';
import {
  ADMIN,
  type DatabaseLogin,
  DATABASE_SESSIONS,
  databaseLogins,
  guarded,
  loginStatements,
} from './access/index.ts';
import {
  binaryOf,
  type GuardedLocalServer,
  type GuardedOptions,
  logFileOf,
  passwordsOf,
  startOnPort,
} from './local-server.ts';
import { withClient } from './postgres-client.ts';
import { serverEnvironment, ServerProcess } from './process.ts';

const run = promisify(execFile);
const USER = 'switchyard';
const INIT_LIMIT_MS = 60_000;

export interface PostgresOptions extends GuardedOptions {
  /** The database in the URL; created if missing. Default `switchyard`. */
  readonly database?: string;
  /** Additional settings of the server, as `name=value`. */
  readonly settings?: readonly string[];
}

/**
 * Creates the cluster if there is none, and returns its superuser's password. There is always a password, because every
 * account of the machine can reach a loopback port; the password lies beside the data, readable by its owner only.
 */
async function ensureCluster(bin: string, dir: string, account: Account | undefined): Promise<string> {
  const passwordFile = join(dir, 'password');
  const data = join(dir, 'data');
  if (existsSync(join(data, 'PG_VERSION')) && existsSync(passwordFile))
    return readFileSync(passwordFile, 'utf8').trim();
  const password = randomBytes(18).toString('base64url');
  // An interrupted initdb leaves a folder that the next one would refuse.
  rmSync(data, { recursive: true, force: true });
  const unfinished = `${passwordFile}.new`;
  writeFileSync(unfinished, `${password}\n`, { mode: 0o600 });
  if (account) chownSync(unfinished, account.uid, account.gid);
  const locale = process.platform === 'linux' ? 'C.UTF-8' : 'C';
  const how = [
    '-U',
    USER,
    '-A',
    'scram-sha-256',
    `--pwfile=${unfinished}`,
    '-E',
    'UTF8',
    `--locale=${locale}`,
    '--no-sync',
  ];
  await run(join(bin, 'initdb'), ['-D', data, ...how], {
    cwd: dir,
    env: serverEnvironment(),
    timeout: INIT_LIMIT_MS,
    ...account,
  });
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  rmSync(unfinished, { force: true });
  return password;
}

async function ensureDatabase(urlOf: (database: string) => string, database: string): Promise<void> {
  await withClient(urlOf('postgres'), async (client) => {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [database]);
    if (rowCount === 0) await client.query(`create database ${client.escapeIdentifier(database)}`);
  });
}

/** Arguments of the server. No sockets in the file system: every other PostgreSQL shares their folder. */
export function serverArgs(data: string, port: number, durable: boolean, more: readonly string[] = []): string[] {
  const settings = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    `max_connections=${DATABASE_SESSIONS.server}`,
    'logging_collector=off',
  ];
  const fast = durable ? [] : ['fsync=off', 'full_page_writes=off', 'synchronous_commit=off'];
  return ['-D', data, '-p', String(port), ...[...settings, ...fast, ...more].flatMap((setting) => ['-c', setting])];
}

/**
 * Starts a private PostgreSQL with a database. The URL is its superuser's, who migrates. Each app that owns tables has
 * a login, which has rights once the migrations ran. `durable` (the default) keeps fsync on. Throws with the end of its
 * log if it does not start.
 */
export async function startPostgres(options: PostgresOptions): Promise<GuardedLocalServer> {
  const bin = binaryOf('postgres');
  const account = accountFor('postgres');
  const dir = ownedFolder(options.dir, account);
  const log = logFileOf(options);
  const database = options.database ?? 'switchyard';
  const password = await ensureCluster(bin, dir, account);
  const data = join(dir, 'data');
  mkdirSync(data, { recursive: true });
  const { tls } = options;
  const tlsSettings = tls ? databaseTls(dir, tls, account) : [];
  const plainUrl = (port: number, name: string) => `postgresql://${USER}:${password}@127.0.0.1:${port}/${name}`;
  const query = tls ? `?${tlsQuery(tls.of(ADMIN))}` : '';
  const urlOf = (port: number) => (name: string) => `${plainUrl(port, name)}${query}`;

  const { port, process } = await startOnPort(
    options,
    (on) =>
      new ServerProcess({
        name: 'postgres',
        command: join(bin, 'postgres'),
        args: serverArgs(data, on, options.durable !== false, [...(options.settings ?? []), ...tlsSettings]),
        cwd: dir,
        log,
        account,
        stopSignal: 'SIGINT', // PostgreSQL's fast shutdown: ends sessions, loses no commit
      }),
    (on) => withClient(urlOf(on)('postgres'), async (client) => Boolean(await client.query('select 1'))),
  );
  const url = urlOf(port)(database);
  const passwords = passwordsOf(options);
  try {
    await ensureDatabase(urlOf(port), database);
    await ensureLogins(url, databaseLogins(passwords));
  } catch (error) {
    await process.stop();
    throw error;
  }
  return {
    name: 'postgres',
    url,
    ...guarded('postgres', plainUrl(port, database), passwords),
    ...(tls ? { tlsFor: tls.of } : {}),
    port,
    pid: process.pid,
    dir,
    log,
    exited: process.exited,
    stop: () => process.stop(),
  };
}

/**
 * Creates logins on a server, or resets their passwords, and the roles that they are members of; the migrations give
 * rights to those roles, before or after. Nobody else may connect to the database. `url` is a superuser's.
 */
export async function ensureLogins(url: string, logins: readonly DatabaseLogin[]): Promise<void> {
  const passwords = new Map(logins.map(({ login, password }) => [login, password]));
  await withClient(url, async (client) => {
    const statements = loginStatements(logins, {
      database: client.escapeIdentifier(new URL(url).pathname.slice(1)),
      identifier: (name) => client.escapeIdentifier(name),
      literal: (text) => client.escapeLiteral(text),
      passwordOf: (login) => client.escapeLiteral(passwords.get(login)!),
    });
    for (const statement of statements) await client.query(statement);
  });
}
