import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Config as A2aConfig, createA2a } from '@switchyard/a2a';
import { Config as AuditConfig, createAudit } from '@switchyard/audit';
import type { AppName } from '@switchyard/contracts';
import { createDevModel, type DevModel } from '@switchyard/dev-model';
import { Config as GatewayConfig, createGateway } from '@switchyard/gateway';
import { LOG_LEVEL, type Servers, startServers } from '@switchyard/local-servers';
import { Config as McpToolConfig, createMcpTool } from '@switchyard/mcp-tool';
import { createMockA2a } from '@switchyard/mock-a2a';
import { Config as OrchestratorConfig, createOrchestrator } from '@switchyard/orchestrator';
import type { Service } from '@switchyard/bus';
import { createLogger, parseConfig } from '@switchyard/platform';
import { migrateDatabase } from '@switchyard/store';
import { Config as BridgeConfig, createXmppBridge } from '@switchyard/xmpp-bridge';
import type { z } from 'zod';
import { testTools } from './test-tools.ts';

/*
 * The whole system in one process, on real servers: every app, the development model and a small agent.
 * Everything is private, on free ports, and gone after stop().
 */

export interface SystemOptions {
  /** Added to the environment of every app; hosts of EGRESS_ALLOW_HOSTS beside those of the system. */
  readonly env?: Readonly<Record<string, string>>;
  readonly orchestrators?: number;
}

export interface System {
  readonly gateway: string;
  /** The servers of this stack; their URLs are the administrator's, for what a test observes. */
  readonly servers: Servers<'nats' | 'postgres' | 'redis'>;
  readonly model: DevModel;
  /** The URL of each service's metrics; for the orchestrator that of the first replica. */
  readonly metrics: Readonly<Record<string, string>>;
  readonly logTree: string;
  /** Effects of the tool `slow_write`, by idempotency key. */
  readonly effects: string[];
  /** Stops one orchestrator, as a rolling deploy does. */
  stopOrchestrator(index: number): Promise<void>;
  stop(): Promise<void>;
}

type Stoppable = { stop(): Promise<void> };

function configured<T extends z.ZodType>(schema: T, env: Readonly<Record<string, string>>): z.output<T> {
  const parsed = parseConfig(schema, env);
  if (!parsed.ok) throw new Error(parsed.problems.map(({ variable, remedy }) => `${variable}: ${remedy}`).join('; '));
  return parsed.value;
}

/** Starts everything; resolves when the gateway is ready. */
export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const log = createLogger({ app: 'e2e', level: process.env['E2E_LOG_LEVEL'] ?? 'silent' });
  const stops: Stoppable[] = [];
  const stop = async () => {
    for (const part of stops.splice(0).reverse()) await part.stop();
  };
  const started = async <P extends Stoppable & { start(): Promise<void> }>(part: P): Promise<P> => {
    stops.push(part);
    await part.start();
    return part;
  };
  try {
    const servers = await startServers(['nats', 'postgres', 'redis']);
    stops.push(servers);
    await migrateDatabase(servers.postgres.url);
    const [model, agent] = await Promise.all([createDevModel({ port: 0 }), createMockA2a({ port: 0 })]);
    stops.push(model, agent);
    const logTree = mkdtempSync(join(tmpdir(), 'switchyard-logs-'));
    stops.push({ stop: async () => rmSync(logTree, { recursive: true, force: true }) });
    const { EGRESS_ALLOW_HOSTS: more = '', ...given } = options.env ?? {};
    const hosts = [...[model.url, agent.url].map((url) => new URL(url).host), more].filter(Boolean).join(',');
    const common = {
      LOG_LEVEL,
      OPENAI_API_KEY: 'test',
      OPENAI_BASE_URL: `${new URL(model.url).origin}/v1`,
      EGRESS_ALLOW_HOSTS: hosts,
      A2A_AGENTS: agent.url,
      MOCK_WEATHER_TOOL_API_KEY: 'test-weather-key',
      GATEWAY_PORT: '0',
      GATEWAY_HOST: '127.0.0.1',
      RATE_LIMIT_PER_MINUTE: '100000',
      LOG_TREE_DIR: logTree,
      ...given,
    };
    const env = (app: AppName) => ({ ...common, ...servers.accessOf(app) });
    const overrides = { log, handleSignals: false };
    const effects: string[] = [];
    const orchestrators: Stoppable[] = [];
    // Started first: the other services reach mapped hosts through it.
    const ops = new Map<string, Pick<Service, 'opsPort'>>();
    ops.set('xmpp-bridge', await started(createXmppBridge(configured(BridgeConfig, env('xmpp-bridge')), overrides)));
    for (let n = 0; n < (options.orchestrators ?? 1); n += 1) {
      const replica = createOrchestrator(configured(OrchestratorConfig, env('orchestrator')), overrides);
      orchestrators.push(await started(replica));
      if (n === 0) ops.set('orchestrator', replica);
    }
    const toolApp = await started(
      createMcpTool(configured(McpToolConfig, env('mcp-tool')), {
        ...overrides,
        tools: testTools((key) => effects.push(key)),
      }),
    );
    ops.set('mcp-tool', toolApp);
    ops.set('a2a', await started(createA2a(configured(A2aConfig, env('a2a')), overrides)));
    ops.set('audit', await started(createAudit(configured(AuditConfig, env('audit')), overrides)));
    const gateway = await started(createGateway(configured(GatewayConfig, env('gateway')), { log }));
    await untilReady(gateway.url);
    return {
      gateway: gateway.url,
      servers,
      model,
      metrics: {
        gateway: `http://127.0.0.1:${gateway.opsPort}/metrics`,
        ...Object.fromEntries([...ops].map(([app, { opsPort }]) => [app, `http://127.0.0.1:${opsPort}/metrics`])),
      },
      logTree,
      effects,
      stopOrchestrator: async (index) => orchestrators[index]?.stop(),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function untilReady(url: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  let last = '';
  while (Date.now() < deadline) {
    const answer = await fetch(`${url}/readiness`);
    if (answer.ok) return;
    last = await answer.text();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`the system did not get ready: ${last}`);
}
