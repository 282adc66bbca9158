import 'reflect-metadata';
import { createService, serveOnBus, type Service, type ServiceOverrides, type ServiceParts } from '@switchyard/bus';
import { type Metrics, partOf } from '@switchyard/platform';
import { openStore, type Store } from '@switchyard/store';
import { StepAgent, StepHandler } from './agent/index.ts';
import type { ComputerBackend } from './computer/index.ts';
import type { Config } from './config.ts';
import { Expiry } from './expiry.ts';
import { logEvent } from './log-events.ts';
import { Screens, ScreensHandler } from './screens/index.ts';
import { X11Backend } from './x11/index.ts';

/** Replacements that a test may pass in. */
export interface ComputerUseOverrides extends ServiceOverrides {
  readonly store?: Store;
  readonly backend?: ComputerBackend;
}

/** Wires one replica. Nothing is opened before start(); a screen is opened by the step that needs it. */
export function createComputerUse(config: Config, overrides: ComputerUseOverrides = {}): Service {
  return createService('computer-use', config, overrides, (parts) => wire(config, overrides, parts));
}

async function wire(
  config: Config,
  overrides: ComputerUseOverrides,
  { bus, log: base, metrics, health, lifecycle }: ServiceParts,
): Promise<void> {
  const log = partOf(base, 'steps');
  const { url, tls, poolSize } = config.database;
  const store =
    overrides.store ??
    openStore({ url, tls, app: 'computer-use', maxConnections: poolSize, log: partOf(base, 'store') });
  if (!overrides.store) lifecycle.onStop('store', () => store.close());
  health.register('postgres', () => store.ping().then(() => ({ ok: true })));

  const { sessions, folder, apps, size, startApp } = config.screens;
  const backend = overrides.backend ?? new X11Backend({ sessions, folder, apps });
  lifecycle.onStop('screens', () => backend.close());
  const { maxTurns, coordinates, leaseMs } = config;
  const agent = new StepAgent({
    bus,
    sessions: store.computerSessions,
    frames: store.frames,
    backend,
    log,
    onEnd: stepMetrics(metrics),
    settings: { maxTurns, size, coordinates, apps: Object.keys(apps), startApp, leaseMs },
  });
  const { frameHours, retentionDays } = config;
  const expiry = new Expiry({ sessions: store.computerSessions, frames: store.frames, log, frameHours, retentionDays });
  expiry.start();
  lifecycle.onStop('expiry', () => expiry.stop());

  const screens = new Screens({ backend, frames: store.frames, maxTurns, apps: Object.keys(apps) });
  const handlers = await serveOnBus({ handlers: [StepHandler, ScreensHandler], parts: [agent, screens] }, bus, base);
  lifecycle.onStop('handlers', () => handlers.close());
  // Stopped first: its steps are given back, so that the handlers have answered when they are closed.
  lifecycle.onStop('steps', () => agent.stop());
  logEvent(log, 'screens_ready', { sessions });
}

function stepMetrics(metrics: Metrics): (outcome: string, turns: number, seconds: number) => void {
  const steps = metrics.counter('computer_steps_total', 'Steps of the computer-use agent by outcome', ['outcome']);
  const turns = metrics.counter('computer_turns_total', 'Turns of the computer-use agent', []);
  const seconds = metrics.histogram('computer_step_seconds', 'How long a step on a screen took', ['outcome']);
  return (outcome, count, took) => {
    steps.inc({ outcome });
    turns.inc({}, count);
    seconds.observe({ outcome }, took);
  };
}
