import 'reflect-metadata';
import { type Bus, connectBus, serveOnBus } from '@switchyard/bus';
import {
  type Clock,
  createLifecycle,
  createLogger,
  createMetrics,
  HealthChecks,
  type Logger,
  startOpsServer,
  startTelemetry,
  systemClock,
} from '@switchyard/platform';
import { openStore, type Store } from '@switchyard/store';
import type { McpToolConfig } from './config.ts';
import type { Tool } from './define-tool.ts';
import { Executor } from './executor.ts';
import { Lister } from './lister.ts';
import { McpToolModule } from './mcp-tool.module.ts';
import { StepAgent } from './step-agent.ts';
import { createRegistry } from './toolbox.ts';
import { adminDebug } from './tool-admin-debug.ts';
import { calculator } from './tool-calculator.ts';
import { getWeather } from './tool-get-weather.ts';
import { noteTools } from './tool-notes.ts';

/** What a test may bring in place of the real thing. */
export interface McpToolOverrides {
  readonly bus?: Bus;
  readonly store?: Store;
  /** Beside the built-in tools. */
  readonly tools?: readonly Tool[];
  readonly clock?: Clock;
  readonly log?: Logger;
  readonly handleSignals?: boolean;
}

export interface McpTool {
  readonly opsPort: number;
  stop(): Promise<void>;
}

/** Starts one replica. Resolves when it answers. */
export async function startMcpTool(config: McpToolConfig, overrides: McpToolOverrides = {}): Promise<McpTool> {
  const log = overrides.log ?? createLogger({ app: 'mcp-tool', level: config.logLevel });
  const clock = overrides.clock ?? systemClock;
  const metrics = createMetrics('mcp-tool');
  const health = new HealthChecks();
  const lifecycle = createLifecycle({
    log,
    drainTimeoutMs: config.drainTimeoutMs,
    handleSignals: overrides.handleSignals ?? true,
  });

  const telemetry = await startTelemetry(config.telemetry);
  lifecycle.onStop('telemetry', () => telemetry.shutdown());
  const ops = await startOpsServer({ port: config.opsPort, health, metrics });
  lifecycle.onStop('ops server', () => ops.stop());

  let connected: Bus | undefined;
  health.register('nats', async () => ({ ok: connected?.status().connected ?? false, detail: 'the message bus' }));
  const store =
    overrides.store ??
    openStore({ url: config.database.url, app: 'mcp-tool', maxConnections: config.database.poolSize, log });
  lifecycle.onStop('store', () => store.close());
  health.register('postgres', async () => {
    await store.ping();
    return { ok: true };
  });
  const bus = overrides.bus ?? (await connectBus({ url: config.natsUrl, app: 'mcp-tool', log }));
  connected = bus;
  lifecycle.onStop('bus', () => bus.close());

  const registry = createRegistry([
    getWeather,
    calculator,
    ...noteTools(store.notes),
    adminDebug,
    ...(overrides.tools ?? []),
  ]);
  const executor = new Executor({ registry, bus, log, metrics, credentials: config.credentials });
  const agent = new StepAgent({ registry, executor, clock });
  const handlers = await serveOnBus(McpToolModule.with({ lister: new Lister(registry), executor, agent }), bus, log);
  lifecycle.onStop('handlers', () => handlers.close());
  lifecycle.onStop('readiness', () => health.drain());
  log.info({ tools: registry.size, opsPort: ops.port }, 'mcp-tool is up');
  return { opsPort: ops.port, stop: () => lifecycle.stop() };
}
