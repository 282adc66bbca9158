import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDevModel } from '@switchyard/dev-model';
import { ensureLogins, freePort, startNats, startPostgres, startRedis } from '@switchyard/local-servers';
import { migrateDatabase } from '@switchyard/store';
import { watchOver } from '../chaos/stack.ts';
import { Replica } from '../processes.ts';
import { Canaries } from './canaries.ts';
import { type Issuer, startIssuer } from './issuer.ts';
import { LogReader } from './log-reader.ts';
import { busLogins, EYE } from './nats-login.ts';
import { type AttackedApp, type GatewayMode, planOf } from './services.ts';
import { startTrap, type Trap } from './trap.ts';

/*
 * What is attacked: the services as a deployment runs them, each a process of its own with its own login at
 * nats-server and PostgreSQL, and three gateways on the same bus, one for each identity mode. Everything is private,
 * on loopback, and gone after stop(); where this process dies, a watcher ends the others.
 */

export interface AttackedStack {
  readonly dir: string;
  readonly canaries: Canaries;
  readonly gateways: Readonly<Record<GatewayMode, string>>;
  readonly services: readonly Replica[];
  /** Without credentials. */
  readonly natsUrl: string;
  /** `user:password` of every login at nats-server, `eye` among them. */
  readonly logins: ReadonlyMap<string, string>;
  readonly issuer: Issuer;
  readonly trap: Trap;
  readonly edgeSecret: string;
  readonly logs: LogReader;
  stop(): Promise<void>;
}

export interface StackOptions {
  /** A mutant's change of the permissions at nats-server. */
  readonly editPermissions?: (permissions: string) => string;
}

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const PRELOAD = new URL('../../dist/attack/collect-on-signal.js', import.meta.url).href;
/** The role in the database of each service that owns tables. */
const OWNERS: Readonly<Partial<Record<AttackedApp, string>>> = {
  orchestrator: 'switchyard_orchestrator',
  'mcp-tool': 'switchyard_mcp_tool',
  audit: 'switchyard_audit',
};

export async function startAttackedStack({ editPermissions }: StackOptions = {}): Promise<AttackedStack> {
  const dir = mkdtempSync(join(tmpdir(), 'switchyard-attack-'));
  // PostgreSQL may run under an account of its own, which must be able to pass through.
  chmodSync(dir, 0o711);
  const logDir = join(dir, 'log');
  mkdirSync(logDir);
  const canaries = new Canaries();
  const stops: (() => Promise<unknown> | void)[] = [
    watchOver(dir),
    () => rmSync(dir, { recursive: true, force: true }),
  ];
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    const { config, credentials } = busLogins(editPermissions);
    const [nats, postgres, redis] = await Promise.all([
      startNats({ dir: join(dir, 'nats'), durable: false, config, credentials: credentials.get(EYE)! }),
      startPostgres({ dir: join(dir, 'postgres'), durable: false }),
      startRedis({ dir: join(dir, 'redis'), durable: false }),
    ]);
    stops.push(() => Promise.all([nats.stop(), postgres.stop(), redis.stop()]));
    await migrateDatabase(postgres.url);
    const databaseUrls = await databaseLogins(postgres.url, canaries);
    for (const [login, both] of credentials) canaries.secret(`bus password of ${login}`, both.split(':')[1]);
    const [model, issuer, trap] = await Promise.all([createDevModel({ port: 0 }), startIssuer(), startTrap()]);
    stops.push(() => Promise.all([model.stop(), issuer.stop(), trap.stop()]));

    const upstreamsFile = join(dir, 'upstreams.yaml');
    const plan = planOf({ canaries, issuer, redisUrl: redis.url, modelUrl: model.url, upstreamsFile });
    writeFileSync(upstreamsFile, plan.upstreams);
    const services: Replica[] = [];
    for (const { name, app, env } of plan.services) {
      const port = String(await freePort());
      const natsUrl = new URL(nats.url);
      [natsUrl.username, natsUrl.password] = credentials.get(app)!.split(':') as [string, string];
      const all = {
        PATH: process.env['PATH'],
        // The watcher knows by it whose process this is.
        ATTACK_DIR: dir,
        NODE_OPTIONS: `--import=${PRELOAD}`,
        NATS_URL: natsUrl.href,
        ...(OWNERS[app] === undefined ? {} : { DATABASE_URL: databaseUrls.get(OWNERS[app])! }),
        ...(app === 'gateway' ? { GATEWAY_PORT: port } : { OPS_PORT: port }),
        LOG_LEVEL: 'info',
        DEPLOYMENT_SECRET: canaries.secret(`environment of ${name}`),
        ...env,
      };
      const entry = join(ROOT, 'apps', app, 'dist/main.js');
      services.push(new Replica(name, `http://127.0.0.1:${port}`, entry, all, join(logDir, `${name}.log`)));
    }
    stops.push(() => Promise.all(services.map((service) => service.stop())));
    await Promise.all(services.map((service) => service.start()));
    const urlOf = (name: string) => services.find((service) => service.name === name)!.url;
    return {
      dir,
      canaries,
      gateways: { dev: urlOf('gateway-dev'), jwt: urlOf('gateway-jwt'), edge: urlOf('gateway-edge') },
      services,
      natsUrl: `nats://127.0.0.1:${nats.port}`,
      logins: credentials,
      issuer,
      trap,
      edgeSecret: plan.edgeSecret,
      logs: new LogReader(logDir),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The URL of the database by the role that a service has there. */
async function databaseLogins(url: string, canaries: Canaries): Promise<ReadonlyMap<string, string>> {
  const roles = Object.values(OWNERS);
  const urls = await ensureLogins(
    url,
    roles.map((role) => ({
      login: `${role}_login`,
      memberOf: role,
      password: canaries.secret(`database password of ${role}`),
    })),
  );
  return new Map(roles.map((role) => [role, urls.get(`${role}_login`)!]));
}
