import { chmodSync, chownSync, copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ADMIN } from '../access/index.ts';
import { type Account, accountFor, ownedFolder } from '../account.ts';
import { type GuardedLocalServer, logFileOf, startOnPort } from '../local-server.ts';
import { withClient } from '../postgres-client.ts';
import { databaseTls } from '../postgres-tls.ts';
import { serverArgs, startPostgres, type PostgresOptions } from '../postgres.ts';
import { ServerProcess } from '../process.ts';
import { programOf, reachedBy, runProgram } from '../backup/index.ts';
import type { CertificateFiles } from '../stack-certificates.ts';

/*
 * A PostgreSQL and its standby. Guarantee: what the primary acknowledges is on the standby as well, so that no commit is
 * lost with the primary.
 */

export interface PostgresPair extends Pick<GuardedLocalServer, 'url' | 'urlFor' | 'tlsFor'> {
  readonly primary: GuardedLocalServer;
  /** The URL of the standby for the owner of the database. */
  readonly standbyUrl: string;
  readonly standbyPid: number;
  /** The standby takes writes from now on. */
  promote(): Promise<void>;
  stop(): Promise<void>;
}

const COPY_LIMIT_MS = 60_000;
const PROMOTE_LIMIT_SECONDS = 30;

/** Starts both. `url` names the standby first, so that who connects has to look for the primary. */
export async function startPostgresPair(options: Omit<PostgresOptions, 'port'>): Promise<PostgresPair> {
  const primary = await startPostgres({ ...options, dir: join(options.dir, 'primary'), durable: true });
  try {
    const standby = await startStandby(primary, { ...options, dir: join(options.dir, 'standby') });
    const ofBoth = (url: string): string => {
      const own = new URL(url);
      return url.replace(`@${own.host}`, `@127.0.0.1:${standby.port},${own.host}`);
    };
    await waitForCommits(primary.url);
    return {
      primary,
      url: ofBoth(primary.url),
      urlFor: (app) => ofBoth(primary.urlFor(app)),
      ...(primary.tlsFor ? { tlsFor: primary.tlsFor } : {}),
      standbyUrl: standby.url,
      standbyPid: standby.process.pid,
      promote: () =>
        withClient(
          { connectionString: standby.url, statement_timeout: PROMOTE_LIMIT_SECONDS * 1_000 },
          async (client) => {
            await client.query("alter system set synchronous_standby_names = ''");
            await client.query('select pg_promote(true, $1)', [PROMOTE_LIMIT_SECONDS]);
          },
        ),
      stop: async () => void (await Promise.all([primary.stop(), standby.process.stop()])),
    };
  } catch (error) {
    await primary.stop();
    throw error;
  }
}

async function startStandby(
  primary: GuardedLocalServer,
  options: Omit<PostgresOptions, 'port'>,
): Promise<{ port: number; url: string; process: ServerProcess }> {
  const account = accountFor('postgres');
  const dir = ownedFolder(options.dir, account);
  const data = join(dir, 'data');
  const client = primary.tlsFor ? readable(primary.tlsFor(ADMIN), dir, account) : undefined;
  const { args, env } = reachedBy(primary.url);
  const tls = client ? { PGSSLROOTCERT: client.ca, PGSSLCERT: client.cert, PGSSLKEY: client.key } : {};
  await runProgram('pg_basebackup', [...args, '-D', data, '-R', '-X', 'stream', '-c', 'fast'], {
    env: { ...env, ...tls },
    account,
    limitMs: COPY_LIMIT_MS,
  });
  const settings = [...(options.settings ?? []), ...(options.tls ? databaseTls(dir, options.tls, account) : [])];
  const urlOf = (port: number): string => Object.assign(new URL(primary.url), { port: String(port) }).href;
  const { port, process } = await startOnPort(
    options,
    (on) =>
      new ServerProcess({
        name: 'postgres',
        command: programOf('postgres'),
        args: serverArgs(data, on, true, settings),
        cwd: dir,
        log: logFileOf(options),
        account,
        stopSignal: 'SIGINT',
      }),
    (on) => withClient(urlOf(on), async (own) => Boolean(await own.query('select 1'))),
  );
  return { port, url: urlOf(port), process };
}

/** Copies of the owner's certificate where the account of the server can read them. */
function readable(files: CertificateFiles, dir: string, account: Account | undefined): CertificateFiles {
  mkdirSync(dir, { recursive: true });
  const lay = (part: keyof CertificateFiles): string => {
    const path = join(dir, `tls-client.${part}`);
    copyFileSync(files[part], path);
    chmodSync(path, 0o600);
    if (account) chownSync(path, account.uid, account.gid);
    return path;
  };
  return { ca: lay('ca'), cert: lay('cert'), key: lay('key') };
}

/** From now on a commit is acknowledged when the standby has it as well. */
async function waitForCommits(url: string): Promise<void> {
  await withClient(url, async (client) => {
    await client.query("alter system set synchronous_standby_names = '*'");
    await client.query('select pg_reload_conf()');
    const isSynchronous = "select 1 from pg_stat_replication where sync_state = 'sync'";
    for (const until = Date.now() + COPY_LIMIT_MS; Date.now() < until;) {
      if ((await client.query(isSynchronous)).rowCount === 1) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error('the standby does not follow its primary');
  });
}
