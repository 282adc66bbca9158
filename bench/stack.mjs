// A private stack for measuring: the servers, logins, log level and log tree of `./switchyard up`, every service a process
// of its own, so that its CPU time can be read by itself. Started from the built files; nothing of a running stack is touched.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort, LOG_LEVEL, NODE_FLAGS, startServers } from '@switchyard/local-servers';
import { migrateDatabase } from '@switchyard/store';
import { cpuMs } from './processes.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

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
      env: { PATH: process.env.PATH, LOG_LEVEL, ...profile, ...env },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    children.set(name, child);
    return child;
  };

  const common = (app) => ({ ...servers.accessOf(app), ...options.env });
  const model = `127.0.0.1:${modelPort}`;
  launch('dev-model', { DEV_MODEL_PORT: String(modelPort) });
  /** Starts an orchestrator, or one in the place of another that ended. */
  const launchOrchestrator = (name = 'orchestrator') =>
    launch(
      'orchestrator',
      {
        ...common('orchestrator'),
        OPENAI_API_KEY: 'bench',
        OPENAI_BASE_URL: `http://${model}/v1`,
        EGRESS_ALLOW_HOSTS: model,
        OPS_PORT: '0',
      },
      name,
    );
  launchOrchestrator();
  for (let n = 2; n <= (options.orchestrators ?? 1); n += 1) launchOrchestrator(`orchestrator-${n}`);
  launch('mcp-tool', { ...common('mcp-tool'), MOCK_WEATHER_TOOL_API_KEY: 'bench', OPS_PORT: '0' });
  const agent = `127.0.0.1:${agentPort}`;
  if (options.agent) launch('mock-a2a', { MOCK_A2A_PORT: String(agentPort) });
  const agents = options.agent ? { A2A_AGENTS: `http://${agent}`, EGRESS_ALLOW_HOSTS: agent } : { A2A_AGENTS: '' };
  launch('a2a', { ...common('a2a'), ...agents, OPS_PORT: '0' });
  launch('audit', { ...common('audit'), LOG_TREE_DIR: join(dir, 'tree'), OPS_PORT: '0' });
  // Without an account it waits, as on a stack that federates with nobody.
  launch('xmpp-bridge', { ...common('xmpp-bridge'), OPS_PORT: '0' });
  launch('gateway', {
    ...common('gateway'),
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
  /** CPU time so far of each process of the system, its servers with all their children included; not of the model. */
  const cpu = () => {
    const services = [...children].filter(([name]) => !['dev-model', 'mock-a2a'].includes(name));
    const own = ['nats', 'postgres', 'redis'].map((name) => [name, servers[name].pid]);
    const all = [...services.map(([name, child]) => [name, child.pid]), ...own];
    return Object.fromEntries(all.map(([name, pid]) => [name, cpuMs(pid)]));
  };
  return { gateway, pids, cpu, children, model: `http://${model}`, servers, launchOrchestrator, toggleProfiles, stop };
}
