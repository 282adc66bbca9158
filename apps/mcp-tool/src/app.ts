import 'reflect-metadata';
import { createService, serveOnBus, type Service, type ServiceOverrides } from '@switchyard/bus';
import { type Clock, systemClock } from '@switchyard/platform';
import { openStore, type Store } from '@switchyard/store';
import type { McpToolConfig } from './config.ts';
import type { Tool } from './define-tool.ts';
import { Executor } from './executor.ts';
import { Lister } from './lister.ts';
import { McpToolModule } from './mcp-tool.module.ts';
import { StepAgent } from './step-agent.ts';
import { adminDebug } from './tool-admin-debug.ts';
import { calculator } from './tool-calculator.ts';
import { getWeather } from './tool-get-weather.ts';
import { noteTools } from './tool-notes.ts';
import { createRegistry } from './toolbox.ts';

/** What a test may bring in place of the real thing. */
export interface McpToolOverrides extends ServiceOverrides {
  readonly store?: Pick<Store, 'notes' | 'ping'>;
  /** Beside the built-in tools. */
  readonly tools?: readonly Tool[];
  readonly clock?: Clock;
}

/** Wires one replica. Nothing is opened before start(). */
export function createMcpTool(config: McpToolConfig, overrides: McpToolOverrides = {}): Service {
  return createService('mcp-tool', config, overrides, async ({ bus, log, metrics, health, lifecycle }) => {
    const { url, poolSize } = config.database;
    const opened = overrides.store ? undefined : openStore({ url, app: 'mcp-tool', maxConnections: poolSize, log });
    const store = overrides.store ?? opened!;
    if (opened) lifecycle.onStop('store', () => opened.close());
    health.register('postgres', () => store.ping().then(() => ({ ok: true })));

    const builtIn = [getWeather, calculator, ...noteTools(store.notes), adminDebug];
    const registry = createRegistry([...builtIn, ...(overrides.tools ?? [])]);
    const executor = new Executor({ registry, bus, log, metrics, credentials: config.credentials });
    const agent = new StepAgent({ registry, executor, clock: overrides.clock ?? systemClock });
    const lister = new Lister(registry);
    const handlers = await serveOnBus(McpToolModule.with({ lister, executor, agent }), bus, log);
    lifecycle.onStop('handlers', () => handlers.close());
  });
}
