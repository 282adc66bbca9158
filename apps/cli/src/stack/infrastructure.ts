import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import {
  ARCHIVE_SETTINGS,
  boundWalArchive,
  databaseLogins,
  dataFolder,
  ensureLogins,
  forgetWalArchive,
  type Guarded,
  type GuardedServer,
  loadBusKeys,
  type LocalServer,
  Passwords,
  SERVERS,
  serviceAccess,
  type ServerName,
  type Watchers,
  startNats,
  startPostgres,
  startProsody,
  startRedis,
  type StackCertificates,
  startWalArchive,
} from '@switchyard/local-servers';
import type { Environment, ServiceApp } from '../environment/environment.ts';
import {
  ensureCertificates,
  passwordsOf,
  privateServer,
  wantsTls,
  watchersOf,
  writeNatsUrls,
} from '../environment/logins.ts';
import { logFile, type Workspace } from '../environment/workspace.ts';
import type { Ports } from '../environment/ports.ts';
import { type Running, Supervised, type SupervisedOptions } from './supervised.ts';
import { type WalSettings, walSettings } from './wal-settings.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';
import { xmppAccounts } from '../environment/xmpp-accounts.ts';
import type { XmppAccounts } from '../environment/xmpp-login.ts';

const run = promisify(execFile);
const COMPOSE_LIMIT_MS = 300_000;
const BOUND_EVERY_MS = 30_000;

/** The port of each server inside its container. */
const COMPOSE_PORTS: Readonly<Record<ServerName, number>> = { nats: 4222, postgres: 5432, redis: 6379, prosody: 5222 };
const COMPOSE_URLS: Readonly<Record<ServerName, (address: string, passwords: Passwords) => string>> = {
  nats: (address) => `nats://${address}`,
  postgres: (address, passwords) => `postgresql://switchyard:${passwords.of('postgres.owner')}@${address}/switchyard`,
  redis: (address, passwords) => `redis://admin:${passwords.of('redis.admin')}@${address}`,
  prosody: (address) => `xmpp://${address}`,
};

/** The address of one server, and its process if it is ours. */
export interface Infrastructure {
  readonly urls: Readonly<Record<ServerName, string>>;
  readonly supervised: readonly Supervised[];
  /** The variables by which one service reaches the servers that it uses: as itself where they are ours. */
  accessOf(app: ServiceApp): Readonly<Record<string, string>>;
  /** Accounts on the XMPP server, where it is ours. */
  readonly xmpp: XmppAccounts | undefined;
}

/** The source of a server: the person's URL, Docker Compose, or a private process. */
export function sourceOf(name: ServerName, environment: Environment): 'environment' | 'compose' | 'private' {
  const variable = SERVERS.find((server) => server.name === name)?.replacedBy ?? '';
  if (environment[variable]) return 'environment';
  return (environment['SWITCHYARD_COMPOSE'] ?? '').split(',').includes(name) ? 'compose' : 'private';
}

/** Arguments that make every `docker compose` call of this clone speak of the same project. */
function composeArguments(workspace: Workspace): string[] {
  const files = ['docker-compose.yml', 'docker-compose.ports.yml'].flatMap((file) => [
    '-f',
    join(workspace.root, file),
  ]);
  // The XMPP server of the file is in a profile of its own.
  return ['compose', '--profile', 'xmpp', ...files, '-p', `switchyard-${workspace.id}`];
}

/** The passwords that infra/compose-secrets.mjs made for the containers. */
function composePasswords(workspace: Workspace): Passwords {
  return new Passwords(join(workspace.root, 'infra', 'secrets'));
}

async function startComposed(
  workspace: Workspace,
  names: readonly ServerName[],
): Promise<Partial<Record<ServerName, string>>> {
  if (names.length === 0) return {};
  const compose = composeArguments(workspace);
  await run(process.execPath, [join(workspace.root, 'infra', 'compose-secrets.mjs')], { timeout: 60_000 });
  const passwords = composePasswords(workspace);
  // Port 0: Docker picks free ones, so that two clones do not meet.
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    NATS_PORT: '0',
    POSTGRES_PORT: '0',
    REDIS_PORT: '0',
    PROSODY_PORT: '0',
  };
  await run('docker', [...compose, 'up', '-d', '--wait', ...names], { env, timeout: COMPOSE_LIMIT_MS });
  const found = names.map(async (name) => {
    const { stdout } = await run('docker', [...compose, 'port', name, String(COMPOSE_PORTS[name])], {
      env,
      timeout: 30_000,
    });
    return [name, COMPOSE_URLS[name](stdout.trim(), passwords)] as const;
  });
  return Object.fromEntries(await Promise.all(found)) as Partial<Record<ServerName, string>>;
}

/** Stops the containers of this clone; their volumes stay. */
export async function stopComposed(workspace: Workspace): Promise<void> {
  await run('docker', [...composeArguments(workspace), 'stop'], { timeout: COMPOSE_LIMIT_MS });
}

function launcher(
  name: ServerName,
  workspace: Workspace,
  ports: Ports,
  xmpp: XmppAccounts | undefined,
  watchers: Watchers,
  wal: WalSettings | undefined,
  tls: StackCertificates | undefined,
): () => Promise<LocalServer> {
  const start = { nats: startNats, postgres: startPostgres, redis: startRedis };
  return async () => {
    const port = await ports.take(name);
    const options = { dir: join(workspace.state, 'data', name), port, log: logFile(workspace, name) };
    if (name === 'prosody') return startProsody({ ...options, ...xmpp });
    const settings = name === 'postgres' ? { settings: ARCHIVE_SETTINGS } : {};
    const server = await start[name]({ ...options, ...settings, passwords: passwordsOf(workspace), watchers, tls });
    if (name === 'postgres' && !wal) await forgetWalArchive(server.url);
    return server;
  };
}

/** Keeps the WAL archive of the private PostgreSQL going, and within its limit. */
function archiving(
  workspace: Workspace,
  wal: WalSettings,
  postgres: Supervised,
  watch: Pick<SupervisedOptions, 'onChange' | 'onNotice'>,
): Supervised {
  const cluster = dataFolder(join(workspace.state, 'data', 'postgres'));
  const launch = async (): Promise<Running> => {
    const url = postgres.current?.url;
    if (!url) throw new Error('PostgreSQL is away');
    const log = logFile(workspace, 'wal-archive');
    const archive = await startWalArchive({ url, dir: wal.dir, cluster, log, onNotice: watch.onNotice });
    const bound = setInterval(() => keepWithin(wal, watch.onNotice), BOUND_EVERY_MS).unref();
    void archive.exited.then(() => clearInterval(bound));
    return { pid: archive.pid, url: pathToFileURL(archive.dir).href, exited: archive.exited, stop: archive.stop };
  };
  return new Supervised({ name: 'wal-archive', launch, ...watch });
}

function keepWithin({ dir, mostBytes }: WalSettings, onNotice: (line: string) => void): void {
  try {
    const removed = boundWalArchive(dir, mostBytes);
    if (removed > 0)
      onNotice(
        `the WAL archive is full (WAL_ARCHIVE_GB): its ${removed} oldest segments are gone; take a newer backup, older ones are restored to their own moment only`,
      );
  } catch (error) {
    onNotice(`the WAL archive cannot be looked through: ${(error as Error).message}`);
  }
}

/** Starts the private servers. If one fails, the others are stopped and its error is thrown. */
export async function startInfrastructure(
  workspace: Workspace,
  environment: Environment,
  ports: Ports,
  watch: Pick<SupervisedOptions, 'onChange' | 'onNotice'>,
  onReady: (name: ServerName, ms: number) => void,
): Promise<Infrastructure> {
  const names = SERVERS.map((server) => server.name);
  const privately = names.filter((name) => sourceOf(name, environment) === 'private');
  const xmpp = privately.includes('prosody') ? await xmppAccounts(workspace) : undefined;
  const watchers = watchersOf(environment);
  const tls = wantsTls(environment) ? await ensureCertificates(workspace) : undefined;
  const wal = walSettings(environment);
  if (wal && !privately.includes('postgres'))
    throw new UserError('WAL_ARCHIVE_DIR is for the private PostgreSQL; here another one is used.', EXIT.config);
  const supervised = privately.map(
    (name) => new Supervised({ name, launch: launcher(name, workspace, ports, xmpp, watchers, wal, tls), ...watch }),
  );
  const composed = startComposed(
    workspace,
    names.filter((name) => sourceOf(name, environment) === 'compose'),
  );
  const began = Date.now();
  const starts = supervised.map(async (server, n) => {
    const { url } = await server.start();
    onReady(privately[n]!, Date.now() - began);
    return [privately[n]!, url] as const;
  });
  const outcomes = await Promise.allSettled(starts);
  const containers = await Promise.allSettled([composed]);
  const failed = [...outcomes, ...containers].find((outcome) => outcome.status === 'rejected');
  if (failed) {
    await Promise.all(supervised.map((server) => server.stop()));
    throw failed.reason;
  }
  const postgres = supervised.find(({ name }) => name === 'postgres');
  if (wal && postgres) {
    const archive = archiving(workspace, wal, postgres, watch);
    supervised.push(archive);
    await archive.start().catch(async (error: unknown) => {
      await Promise.all(supervised.map((server) => server.stop()));
      throw error;
    });
  }
  const given = SERVERS.map((server) => [server.name, environment[server.replacedBy] ?? ''] as const);
  const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const urls = { ...Object.fromEntries(given), ...(await composed), ...Object.fromEntries(started) } as Record<
    ServerName,
    string
  >;
  const keys = await loadBusKeys(passwordsOf(workspace));
  const at = (name: GuardedServer): Guarded => {
    const source = sourceOf(name, environment);
    if (source === 'environment') return { urlFor: () => urls[name] };
    return privateServer(
      workspace,
      name,
      urls[name],
      source === 'compose' ? composePasswords(workspace) : passwordsOf(workspace),
    );
  };
  const servers = { nats: at('nats'), postgres: at('postgres'), redis: at('redis') };
  if (sourceOf('postgres', environment) === 'compose')
    await ensureLogins(urls.postgres, databaseLogins(composePasswords(workspace)));
  if (sourceOf('nats', environment) !== 'environment') writeNatsUrls(workspace, servers.nats);
  return { urls, supervised, accessOf: (app) => serviceAccess(app, servers, keys.of(app)), xmpp };
}
