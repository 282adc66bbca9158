import 'reflect-metadata';
import { type Bus, connectBus, serveOnBus } from '@switchyard/bus';
import {
  createLifecycle,
  createLogger,
  createMetrics,
  HealthChecks,
  type Logger,
  startOpsServer,
  startTelemetry,
} from '@switchyard/platform';
import { Bridge } from './bridge.ts';
import type { BridgeConfig } from './config.ts';
import { XmppBridgeModule } from './xmpp-bridge.module.ts';

/** What a test may bring in place of the real thing. */
export interface XmppBridgeOverrides {
  readonly bus?: Bus;
  readonly log?: Logger;
  readonly handleSignals?: boolean;
}

export interface XmppBridge {
  readonly opsPort: number;
  stop(): Promise<void>;
}

/** Starts one replica. Resolves when it answers. */
export async function startXmppBridge(config: BridgeConfig, overrides: XmppBridgeOverrides = {}): Promise<XmppBridge> {
  const log = overrides.log ?? createLogger({ app: 'xmpp-bridge', level: config.logLevel });
  const metrics = createMetrics('xmpp-bridge');
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

  const bridge = new Bridge(config);
  health.register(
    'aztm login',
    async () => {
      const { state, sentence } = bridge.status();
      return { ok: state === 'online' || state === 'disabled', detail: sentence };
    },
    { required: config.required },
  );
  let connected: Bus | undefined;
  health.register('nats', async () => ({ ok: connected?.status().connected ?? false, detail: 'the message bus' }));
  const bus = overrides.bus ?? (await connectBus({ url: config.natsUrl, app: 'xmpp-bridge', log }));
  connected = bus;
  lifecycle.onStop('bus', () => bus.close());

  const handlers = await serveOnBus(XmppBridgeModule.with(bridge), bus, log);
  lifecycle.onStop('handlers', () => handlers.close());
  lifecycle.onStop('readiness', () => health.drain());
  const { state, sentence } = bridge.status();
  log.info({ state, sentence, opsPort: ops.port }, 'xmpp-bridge is up');
  return { opsPort: ops.port, stop: () => lifecycle.stop() };
}
