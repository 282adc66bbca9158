// A private stack for measuring: every service is a process of its own, as in production, so that its CPU
// time can be read by itself. Started from the built files; nothing of a running development stack is touched.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startServers } from '@switchyard/local-servers';
import { migrateDatabase } from '@switchyard/store';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const CLOCK_TICKS_PER_SECOND = 100;
/** As services are started everywhere (apps/cli/src/services.ts, infra/Dockerfile). */
const NODE_FLAGS = ['--enable-source-maps', '--max-semi-space-size=4'];

/** CPU time that a process has used so far, in ms. */
export function cpuMs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / CLOCK_TICKS_PER_SECOND;
}

/** Resident memory of a process, in MB. */
export function rssMb(pid) {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return match ? Math.round(Number(match[1]) / 1024) : 0;
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * Starts servers, model and services.
 * @param {{ durable?: boolean, profile?: string[], orchestrators?: number, agent?: boolean, env?: Record<string, string> }} options `profile`: apps that can write a CPU profile (toggleProfiles); `agent`: with the mock agent to delegate to
 */
export async function startStack(options = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'switchyard-bench-'));
  const servers = await startServers(['nats', 'postgres', 'redis'], { durable: options.durable ?? true });
  await migrateDatabase(servers.postgres.url);
  const children = new Map();
  const [gatewayPort, modelPort, agentPort] = [await freePort(), await freePort(), await freePort()];

  const launch = (app, env, name = app) => {
    const log = openSync(join(dir, `${name}.log`), 'a');
    const profiled = (options.profile ?? []).includes(app);
    const preload = profiled ? ['--import', join(ROOT, 'bench/profiler.mjs')] : [];
    const profile = profiled ? { BENCH_PROFILE: join(ROOT, `bench/profiles/${app}.cpuprofile`) } : {};
    const child = spawn(process.execPath, [...NODE_FLAGS, ...preload, join(ROOT, 'apps', app, 'dist/main.js')], {
      env: { PATH: process.env.PATH, LOG_LEVEL: 'warn', ...profile, ...env },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    children.set(name, child);
    return child;
  };

  const common = {
    NATS_URL: servers.nats.url,
    DATABASE_URL: servers.postgres.url,
    REDIS_URL: servers.redis.url,
    ...options.env,
  };
  const model = `127.0.0.1:${modelPort}`;
  launch('dev-model', { DEV_MODEL_PORT: String(modelPort) });
  /** Starts an orchestrator, or one in the place of another that ended. */
  const launchOrchestrator = (name = 'orchestrator') =>
    launch(
      'orchestrator',
      {
        ...common,
        OPENAI_API_KEY: 'bench',
        OPENAI_BASE_URL: `http://${model}/v1`,
        EGRESS_ALLOW_HOSTS: model,
        OPS_PORT: '0',
      },
      name,
    );
  launchOrchestrator();
  for (let n = 2; n <= (options.orchestrators ?? 1); n += 1) launchOrchestrator(`orchestrator-${n}`);
  launch('mcp-tool', { ...common, MOCK_WEATHER_TOOL_API_KEY: 'bench', OPS_PORT: '0' });
  const agent = `127.0.0.1:${agentPort}`;
  if (options.agent) launch('mock-a2a', { MOCK_A2A_PORT: String(agentPort) });
  const agents = options.agent ? { A2A_AGENTS: `http://${agent}`, EGRESS_ALLOW_HOSTS: agent } : { A2A_AGENTS: '' };
  launch('a2a', { ...common, ...agents, OPS_PORT: '0' });
  launch('audit', { ...common, LOG_TREE_DIR: '', OPS_PORT: '0' });
  launch('gateway', {
    ...common,
    GATEWAY_PORT: String(gatewayPort),
    GATEWAY_HOST: '127.0.0.1',
    IDENTITY_MODE: 'dev',
    RATE_LIMIT_PER_MINUTE: '1000000',
    MAX_STREAMS_PER_USER: '10000',
  });

  let profiling = false;
  /** Begins the profiles that were asked for, or ends and writes them. */
  const toggleProfiles = async () => {
    const apps = options.profile ?? [];
    if (apps.length === 0) return;
    profiling = !profiling;
    mkdirSync(join(ROOT, 'bench/profiles'), { recursive: true });
    for (const app of apps) children.get(app)?.kill('SIGUSR2');
    await sleep(1_000);
  };

  const stop = async () => {
    if (profiling) await toggleProfiles();
    const exits = [...children.values()].map(
      (child) => new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve(0))),
    );
    for (const child of children.values()) child.kill('SIGTERM');
    const limit = setTimeout(() => children.forEach((child) => child.kill('SIGKILL')), 12_000);
    await Promise.all(exits);
    clearTimeout(limit);
    await servers.stop();
    rmSync(dir, { recursive: true, force: true });
  };

  const gateway = `http://127.0.0.1:${gatewayPort}`;
  const deadline = Date.now() + 60_000;
  for (;;) {
    const ready = await fetch(`${gateway}/readiness`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (ready) break;
    if (Date.now() > deadline || [...children.values()].some((child) => child.exitCode !== null)) {
      const logs = [...children.keys()].map(
        (app) => `--- ${app}\n${readFileSync(join(dir, `${app}.log`), 'utf8').slice(-1_500)}`,
      );
      await stop();
      throw new Error(`the stack did not get ready:\n${logs.join('\n')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const pids = Object.fromEntries([...children].map(([app, child]) => [app, child.pid]));
  return { gateway, pids, children, model: `http://${model}`, servers, launchOrchestrator, toggleProfiles, stop };
}
