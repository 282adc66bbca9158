import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { APPS, parseBusKeys } from '@switchyard/contracts';
import { createDevModel } from '@switchyard/dev-model';
import { freePort, loadBusKeys, Passwords, serviceAccess, startPostgres, startRedis } from '@switchyard/local-servers';
import { migrateDatabase } from '@switchyard/store';
import { watchOver } from '../../chaos/stack/stack.ts';
import { Replica } from '../../processes.ts';
import { startBus } from './bus-server.ts';
import { Canaries } from './canaries.ts';
import { type Issuer, startIssuer } from './issuer.ts';
import { LogReader } from './log-reader.ts';
import { type GatewayMode, planOf } from './services.ts';
import { startTrap, type Trap } from './trap.ts';

/*
 * The stack under attack: the services as a deployment runs them, each in its own process with its own login at nats-
 * server and PostgreSQL, and three gateways on the same bus, one for each identity mode. Everything listens on loopback
 * and ends with stop(); if this process dies, a watcher ends the others.
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
  /** `BUS_KEYS` of every service, and of one operator. */
  readonly busKeys: ReadonlyMap<string, string>;
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

const ROOT = fileURLToPath(new URL('../../../../../', import.meta.url));
const PRELOAD = new URL('../../../dist/attack/stack/collect-on-signal.js', import.meta.url).href;
/** The principal of an operator. */
const PERSON = 'ada';

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
    const passwords = new Passwords(join(dir, 'logins'));
    const [nats, postgres, redis] = await Promise.all([
      startBus({ dir: join(dir, 'nats'), passwords, edit: editPermissions }),
      startPostgres({ dir: join(dir, 'postgres'), durable: false, passwords }),
      startRedis({ dir: join(dir, 'redis'), durable: false, passwords }),
    ]);
    stops.push(() => Promise.all([nats.server.stop(), postgres.stop(), redis.stop()]));
    await migrateDatabase(postgres.url);
    const keys = await loadBusKeys(passwords);
    const busKeys = new Map<string, string>([
      ...APPS.map((app) => [app, keys.of(app).BUS_KEYS] as const),
      ['operator', keys.ofOperator(PERSON).BUS_KEYS],
    ]);
    plantSecrets(canaries, dir, busKeys);
    const [model, issuer, trap] = await Promise.all([createDevModel({ port: 0 }), startIssuer(), startTrap()]);
    stops.push(() => Promise.all([model.stop(), issuer.stop(), trap.stop()]));

    const upstreamsFile = join(dir, 'upstreams.yaml');
    const plan = planOf({ canaries, issuer, modelUrl: model.url, upstreamsFile });
    writeFileSync(upstreamsFile, plan.upstreams);
    const services: Replica[] = [];
    for (const { name, app, env } of plan.services) {
      const port = String(await freePort());
      const all = {
        PATH: process.env['PATH'],
        // The watcher finds the processes of this stack by it.
        ATTACK_DIR: dir,
        NODE_OPTIONS: `--import=${PRELOAD} --max-semi-space-size=16`,
        ...serviceAccess(app, { nats: nats.access, postgres, redis }, keys.of(app)),
        // The attack also covers what the gateway shows to operators.
        ...(app === 'gateway' ? { GATEWAY_PORT: port, OPS_ON_GATEWAY_PORT: 'true' } : { OPS_PORT: port }),
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
      natsUrl: `nats://127.0.0.1:${nats.server.port}`,
      logins: nats.credentials,
      busKeys,
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

/** The passwords and keys of the stack are canaries: no answer and no log may contain one. */
function plantSecrets(canaries: Canaries, dir: string, busKeys: ReadonlyMap<string, string>): void {
  const made = JSON.parse(readFileSync(join(dir, 'logins', 'passwords.json'), 'utf8')) as Record<string, string>;
  for (const [name, password] of Object.entries(made)) canaries.secret(`password ${name}`, password);
  for (const text of busKeys.values())
    for (const { asker, answerer, key } of parseBusKeys(text)) canaries.secret(`key ${asker}>${answerer}`, key);
}
