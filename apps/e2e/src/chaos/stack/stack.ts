import { spawn } from 'node:child_process';
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Guarded, loadBusKeys, LOG_LEVEL, Passwords, freePort, serviceAccess } from '@switchyard/local-servers';
import { migrateDatabase } from '@switchyard/store';
import { Backend, type BackendName, BACKENDS } from './backend.ts';
import { Link } from './proxy.ts';
import { ServiceProcess } from './service.ts';
import { LINKS, REPLICAS, type RoundApp } from './topology.ts';

/*
 * A private stack of real processes: two replicas of everything that may have two, each with links of its own to
 * nats-server and PostgreSQL.
 *
 * - Ports are below 32768, so that no outgoing connection takes the port of a server that is down.
 * - All files are in one folder. When this process dies, a watcher ends the other processes.
 */

export interface StackOptions {
  readonly mutant: string;
  readonly leaseMs: number;
  readonly keep?: boolean;
}

export interface Stack {
  readonly dir: string;
  readonly services: ReadonlyMap<string, ServiceProcess>;
  readonly backends: Readonly<Record<BackendName, Backend>>;
  /** By the names of topology.ts. */
  readonly links: ReadonlyMap<string, Link>;
  readonly gateways: readonly [string, string];
  readonly modelUrl: string;
  readonly files: {
    readonly points: string;
    readonly effects: string;
    readonly messages: string;
    readonly logs: string;
  };
  stop(options?: { keep?: boolean }): Promise<void>;
}

const START_LIMIT_MS = 120_000;

export async function startStack({ mutant, leaseMs }: StackOptions): Promise<Stack> {
  const dir = mkdtempSync(join(tmpdir(), 'switchyard-chaos-'));
  // PostgreSQL may run under an account of its own, which must be able to pass through.
  chmodSync(dir, 0o711);
  const logs = join(dir, 'logs');
  mkdirSync(logs);
  const files = { points: join(dir, 'points'), effects: join(dir, 'effects'), messages: join(dir, 'messages'), logs };
  const dismiss = watchOver(dir);
  const stops: (() => Promise<void> | void)[] = [];
  const stop = async ({ keep = false } = {}): Promise<void> => {
    for (const one of stops.splice(0).reverse()) await one();
    dismiss();
    if (!keep) rmSync(dir, { recursive: true, force: true });
  };
  try {
    const passwords = new Passwords(join(dir, 'logins'));
    const keys = await loadBusKeys(passwords);
    const started = await Promise.all(BACKENDS.map((name) => Backend.start(name, dir, passwords)));
    for (const backend of started) stops.push(() => backend.stop());
    const backends = Object.fromEntries(started.map((backend) => [backend.name, backend])) as Stack['backends'];
    await migrateDatabase(backends.postgres.url);

    const ports = [await freePort(), await freePort()] as const;
    const modelPort = await freePort();
    const agentPort = await freePort();
    const links = new Map<string, Link>();
    const services = new Map<string, ServiceProcess>();
    /** The port of a new link. */
    const link = async (name: string, to: number): Promise<number> => {
      const made = await Link.to(to);
      stops.push(() => made.stop());
      links.set(name, made);
      return made.port;
    };
    /** A server by a link of the service's own. */
    const linked = async (service: string, backend: 'nats' | 'postgres'): Promise<Guarded> => {
      const port = String(await link(`${service}:${backend}`, backends[backend].port));
      return { urlFor: (app) => Object.assign(new URL(backends[backend].urlFor(app)), { port }).href };
    };
    const accessOf = async (name: string, app: RoundApp): Promise<Record<string, string>> => {
      if (app === 'mock-a2a') return {};
      const nats = await linked(name, 'nats');
      const postgres = LINKS[app].includes('postgres') ? { postgres: await linked(name, 'postgres') } : {};
      return serviceAccess(app, { nats, ...postgres, redis: backends.redis }, keys.of(app));
    };
    const agentUrl = `http://127.0.0.1:${await link('agent:http', agentPort)}`;
    const place = { ports, modelPort, agentPort, agentUrl, leaseMs, logTree: join(dir, 'tree') };
    const add = (name: string, app: string, env: Record<string, string>) => {
      const own = {
        CHAOS_SERVICE: name,
        CHAOS_POINTS: files.points,
        CHAOS_EFFECTS: files.effects,
        CHAOS_MESSAGES: files.messages,
        CHAOS_MUTANT: mutant,
      };
      services.set(name, new ServiceProcess(name, app, { ...own, ...env }, join(logs, `${name}.log`)));
    };
    add('dev-model', 'dev-model', { DEV_MODEL_PORT: String(modelPort) });
    for (const app of Object.keys(REPLICAS) as RoundApp[]) {
      for (const [index, name] of REPLICAS[app].entries()) {
        add(name, app, {
          ...(await accessOf(name, app)),
          LOG_LEVEL,
          OPS_PORT: '0',
          ...environmentOf(app, { ...place, index }),
        });
      }
    }
    stops.push(async () => {
      await Promise.all([...services.values()].map((service) => service.stop()));
    });
    await Promise.all([...services.values()].map((service) => startedWithin(service, START_LIMIT_MS)));
    return {
      dir,
      services,
      backends,
      links,
      gateways: [`http://127.0.0.1:${ports[0]}`, `http://127.0.0.1:${ports[1]}`],
      modelUrl: `http://127.0.0.1:${modelPort}`,
      files,
      stop,
    };
  } catch (error) {
    await stop({ keep: true });
    throw new Error(`the stack did not start; its logs are in ${logs}`, { cause: error });
  }
}

/** A service that does not start names the reason in its log at each attempt. */
async function startedWithin(service: ServiceProcess, limitMs: number): Promise<void> {
  const limit = new AbortController();
  await Promise.race([
    service.start(),
    sleep(limitMs, undefined, { signal: limit.signal }).then(() => {
      throw new Error(`${service.name} did not start within ${limitMs / 1_000} s`);
    }),
  ]).finally(() => limit.abort());
}

interface AppPlacement {
  readonly index: number;
  readonly ports: readonly [number, number];
  readonly modelPort: number;
  readonly agentPort: number;
  /** By its link. */
  readonly agentUrl: string;
  readonly leaseMs: number;
  readonly logTree: string;
}

/** Limits are short, so that a round is quick; all other settings are those of production. */
function environmentOf(app: RoundApp, place: AppPlacement): Record<string, string> {
  const { index, ports, modelPort, agentPort, agentUrl, leaseMs, logTree } = place;
  switch (app) {
    case 'orchestrator':
      return {
        OPENAI_API_KEY: 'chaos',
        OPENAI_BASE_URL: `http://127.0.0.1:${modelPort}/v1`,
        EGRESS_ALLOW_HOSTS: `127.0.0.1:${modelPort}`,
        LEASE_MS: String(leaseMs),
        SWEEP_INTERVAL_MS: '1000',
        STEP_TIMEOUT_MS: '8000',
        TOOL_AGENT: 'always',
      };
    case 'gateway':
      return {
        GATEWAY_HOST: '127.0.0.1',
        GATEWAY_PORT: String(ports[index] ?? 0),
        IDENTITY_MODE: 'dev',
        RATE_LIMIT_PER_MINUTE: '1000000',
        SSE_MAX_BUFFERED_BYTES: '65536',
      };
    case 'mcp-tool':
      return { EFFECT_LEASE_MS: String(leaseMs) };
    case 'a2a':
      return { A2A_AGENTS: agentUrl, A2A_CARD_TTL_MS: '5000' };
    case 'audit':
      return { AUDIT_SWEEP_MS: '2000', LOG_TREE_DIR: logTree };
    case 'mock-a2a':
      return { MOCK_A2A_PORT: String(agentPort), MOCK_A2A_URL: agentUrl };
  }
}

/**
 * Ends every process whose command, environment or working folder names the folder, once our end of the pipe closes
 * without "done" having been said. Redis writes its title over its command and environment; its working folder stays.
 */
export function watchOver(dir: string): () => void {
  const script = `
read -r word; [ "$word" = done ] && exit 0
for p in /proc/[0-9]*; do
  pid=\${p#/proc/}; [ "$pid" = $$ ] && continue
  if { readlink "$p/cwd"; cat "$p/cmdline" "$p/environ"; } 2>/dev/null | tr '\\0' '\\n' | grep -qF "$1"
  then kill -KILL "$pid" 2>/dev/null; fi
done`;
  const watcher = spawn('sh', ['-c', script, 'watcher', dir], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  watcher.on('error', () => undefined);
  watcher.stdin.on('error', () => undefined);
  watcher.unref();
  (watcher.stdin as unknown as { unref?: () => void }).unref?.();
  return () => watcher.stdin.end('done\n');
}

/** A line about what the round did, beside the logs of the services. */
export function note(stack: Pick<Stack, 'files'>, line: object): void {
  appendFileSync(join(stack.files.logs, 'round.jsonl'), `${JSON.stringify({ ts: Date.now(), ...line })}\n`);
}

export function keepFile(stack: Pick<Stack, 'dir'>, name: string, content: unknown): void {
  writeFileSync(join(stack.dir, name), JSON.stringify(content, null, 2));
}
