import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDevModel, type DevModel } from '@switchyard/dev-model';
import {
  freePort,
  type GuardedLocalServer,
  loadBusKeys,
  LOG_LEVEL,
  logTail,
  NODE_FLAGS,
  Passwords,
  serviceAccess,
  startNats,
  startPostgres,
  startRedis,
} from '@switchyard/local-servers';
import { migrateDatabase } from '@switchyard/store';

/*
 * The system as processes of their own, from the built files, as in production: so that a test can kill, stop and
 * restart them. Two replicas of everything by default, and no bridge to XMPP; the servers can be taken away and brought
 * back.
 */

const APPS = ['orchestrator', 'gateway', 'mcp-tool', 'a2a', 'audit', 'xmpp-bridge'] as const;
export type ProcessApp = (typeof APPS)[number];

export interface ProcessesOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly replicas?: Readonly<Partial<Record<ProcessApp, number>>>;
  /** Folders of the servers' data where they are not to be in the stack's own. */
  readonly dirs?: Readonly<Partial<Record<'nats' | 'postgres', string>>>;
  /** Default false: the servers survive everything but a power cut. */
  readonly durable?: boolean;
}

/** How a process ended after SIGTERM. */
export interface Ended {
  readonly code: number | null;
  readonly ms: number;
}

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const START_LIMIT_MS = 120_000;
const STOP_LIMIT_MS = 15_000;
const START_TRIES = 10;

/** One replica; start() may be called again after it ended. */
export class Replica {
  #child: ChildProcess | undefined;
  #ended: Promise<number | null> = Promise.resolve(null);

  readonly #entry: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #log: string;

  constructor(
    readonly name: string,
    readonly url: string,
    entry: string,
    env: NodeJS.ProcessEnv,
    log: string,
  ) {
    this.#entry = entry;
    this.#env = env;
    this.#log = log;
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error(`${this.name} does not run`);
    return this.#child.pid;
  }

  get logged(): string {
    return logTail(this.#log, Infinity);
  }

  /** Resolves when it is ready. */
  async start(): Promise<void> {
    const log = openSync(this.#log, 'a');
    const child = spawn(process.execPath, [...NODE_FLAGS, this.#entry], {
      env: this.#env,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
    const until = Date.now() + START_LIMIT_MS;
    while (!(await this.#isReady())) {
      if (child.exitCode !== null || Date.now() > until)
        throw new Error(`${this.name} is not ready; its log ends with:\n${this.logged.slice(-2_000)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    process.kill(this.pid, signal);
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#ended;
  }

  /** SIGTERM, as an orchestrator of containers sends it. */
  async stop(): Promise<Ended> {
    const began = Date.now();
    if (this.#child === undefined || this.#child.exitCode !== null) return { code: null, ms: 0 };
    this.#child.kill('SIGCONT'); // a process that a test suspended
    this.#child.kill('SIGTERM');
    const backstop = setTimeout(() => this.#child?.kill('SIGKILL'), STOP_LIMIT_MS);
    const code = await this.#ended;
    clearTimeout(backstop);
    return { code, ms: Date.now() - began };
  }

  async #isReady(): Promise<boolean> {
    try {
      const answer = await fetch(`${this.url}/readiness`, { signal: AbortSignal.timeout(2_000) });
      await answer.arrayBuffer();
      return answer.ok;
    } catch {
      return false;
    }
  }
}

export interface Processes {
  readonly replicas: Readonly<Record<ProcessApp, readonly Replica[]>>;
  readonly gateways: readonly string[];
  readonly model: DevModel;
  /** The URLs of the owner and the administrator, for what a test observes. */
  readonly databaseUrl: string;
  readonly natsUrl: string;
  readonly dir: string;
  /** Idempotency keys of the effects of the tools in tools-main.ts, in their order. */
  effects(): string[];
  readonly nats: Server;
  readonly postgres: Server;
  stop(): Promise<void>;
}

/** A server that a test stops and starts again, on the same port and data. */
export interface Server {
  readonly dir: string;
  readonly pid: number;
  stop(): Promise<void>;
  /** As a crash. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

export async function startProcesses(options: ProcessesOptions = {}): Promise<Processes> {
  const dir = mkdtempSync(join(tmpdir(), 'switchyard-processes-'));
  mkdirSync(join(dir, 'log'));
  const stops: (() => Promise<unknown> | void)[] = [() => rmSync(dir, { recursive: true, force: true })];
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    const { durable = false, dirs = {} } = options;
    const passwords = new Passwords(join(dir, 'logins'));
    const keys = await loadBusKeys(passwords);
    const nats = await restartable((port) =>
      startNats({ dir: dirs.nats ?? join(dir, 'nats'), durable, port, passwords }),
    );
    stops.push(() => nats.stop());
    const postgres = await restartable((port) =>
      startPostgres({ dir: dirs.postgres ?? join(dir, 'postgres'), durable, port, passwords }),
    );
    stops.push(() => postgres.stop());
    const redis = await startRedis({ dir: join(dir, 'redis'), durable: false, passwords });
    stops.push(() => redis.stop());
    await migrateDatabase(postgres.url);
    const model = await createDevModel({ port: 0 });
    stops.push(() => model.stop());

    const effectsFile = join(dir, 'effects');
    closeSync(openSync(effectsFile, 'a'));
    const host = new URL(model.url).host;
    const common = {
      PATH: process.env['PATH'],
      LOG_LEVEL,
      OPENAI_API_KEY: 'test',
      OPENAI_BASE_URL: `${new URL(model.url).origin}/v1`,
      EGRESS_ALLOW_HOSTS: host,
      A2A_AGENTS: '',
      MOCK_WEATHER_TOOL_API_KEY: 'test',
      GATEWAY_HOST: '127.0.0.1',
      RATE_LIMIT_PER_MINUTE: '100000',
      MAX_STREAMS_PER_USER: '10000',
      LOG_TREE_DIR: join(dir, 'tree'),
      E2E_EFFECTS_FILE: effectsFile,
      ...options.env,
    };
    const replicas = {} as Record<ProcessApp, Replica[]>;
    for (const app of APPS) {
      replicas[app] = [];
      for (let n = 1; n <= (options.replicas?.[app] ?? (app === 'xmpp-bridge' ? 0 : 2)); n += 1) {
        const name = n === 1 ? app : `${app}-${n}`;
        const port = String(await freePort());
        const entry = app === 'mcp-tool' ? 'apps/e2e/dist/tools-main.js' : `apps/${app}/dist/main.js`;
        const access = serviceAccess(app, { nats, postgres, redis }, keys.of(app));
        const env = { ...common, ...access, [app === 'gateway' ? 'GATEWAY_PORT' : 'OPS_PORT']: port };
        const replica = new Replica(name, `http://127.0.0.1:${port}`, join(ROOT, entry), env, join(dir, 'log', name));
        replicas[app].push(replica);
      }
    }
    const all = Object.values(replicas).flat();
    stops.push(() => Promise.all(all.map((replica) => replica.stop())));
    await Promise.all(all.map((replica) => replica.start()));
    return {
      replicas,
      gateways: replicas.gateway.map(({ url }) => url),
      model,
      databaseUrl: postgres.url,
      natsUrl: nats.url,
      dir,
      effects: () => readFileSync(effectsFile, 'utf8').split('\n').filter(Boolean),
      nats,
      postgres,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function restartable(
  launch: (port: number) => Promise<GuardedLocalServer>,
): Promise<Server & Pick<GuardedLocalServer, 'url' | 'urlFor'>> {
  const port = await freePort();
  let server = await launch(port);
  let running = true;
  return {
    url: server.url,
    urlFor: server.urlFor,
    dir: server.dir,
    get pid() {
      return server.pid;
    },
    stop: async () => {
      if (running) await server.stop();
      running = false;
    },
    kill: async () => {
      process.kill(server.pid, 'SIGKILL');
      await server.exited;
      running = false;
    },
    start: async () => {
      // Processes of a PostgreSQL that was killed may hold on to its memory for a moment.
      for (let tries = 1; !running; tries += 1) {
        try {
          server = await launch(port);
          running = true;
        } catch (error) {
          if (tries === START_TRIES) throw error;
          await new Promise((resolve) => setTimeout(resolve, 500));
        }
      }
    },
  };
}
