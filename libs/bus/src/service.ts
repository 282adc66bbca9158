import type { AppName } from '@switchyard/contracts';
import {
  createLifecycle,
  createLogger,
  createMetrics,
  HealthChecks,
  type Lifecycle,
  type Logger,
  type LoggerOptions,
  type LogLevels,
  type Metrics,
  partOf,
  startOpsServer,
  startTelemetry,
  type TlsFiles,
} from '@switchyard/platform';
import { logEvent } from './log-events.ts';
import type { Bus, BusTrust } from './protocol/index.ts';
import { connectBus } from './nats/index.ts';

/** The part of a service's configuration that every service on the bus has. */
export interface ServiceConfig {
  readonly natsUrl: string;
  readonly natsTls?: TlsFiles | undefined;
  readonly busTrust: BusTrust;
  /** null: no port for operations is opened. */
  readonly opsPort: number | null;
  /** Where that port listens and who reads the metrics there. Default: loopback, without a token. */
  readonly ops?: { readonly host: string; readonly token?: string | undefined };
  readonly logLevel: string;
  /** Of its parts, beside that. */
  readonly logLevels?: LogLevels;
  readonly telemetry: { readonly serviceName: string; readonly endpoint?: string | undefined };
  readonly drainTimeoutMs: number;
}

/** What a test may bring in place of the real thing. */
export interface ServiceOverrides {
  readonly bus?: Bus;
  readonly log?: Logger;
  /** Default true; false where many apps share one process. */
  readonly handleSignals?: boolean;
}

/** The part of the time for stopping that requests under way have; the rest is for what comes after them. */
const STOP_SHARE = 0.6;

/** What a service is wired from. What it registers with `lifecycle` is stopped in reverse order. */
export interface ServiceParts {
  readonly bus: Bus;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly health: HealthChecks;
  readonly lifecycle: Lifecycle;
}

export interface Service {
  /**
   * Resolves when the service answers, or when it was stopped before. While NATS is away it waits, and its readiness says
   * so.
   */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Port of /health, /readiness and /metrics, once started; 0 where there is none. */
  readonly opsPort: number;
}

const loggerOptions = (app: AppName, { logLevel: level, logLevels: levels }: ServiceConfig): LoggerOptions => ({
  app,
  level,
  ...(levels ? { levels } : {}),
});

/**
 * A service on the bus: telemetry, the port for operations, the connection and the lifecycle, then what `wire` adds.
 * Nothing is opened before start(). On a stop it first says that it is not ready, then `wire`'s parts stop, last the
 * connection.
 */
export function createService(
  app: AppName,
  config: ServiceConfig,
  overrides: ServiceOverrides,
  wire: (parts: ServiceParts) => Promise<void>,
): Service {
  const log = overrides.log ?? createLogger(loggerOptions(app, config));
  const { drainTimeoutMs } = config;
  const stopLimitMs = Math.floor(drainTimeoutMs * STOP_SHARE);
  const lifecycle = createLifecycle({ log, drainTimeoutMs, handleSignals: overrides.handleSignals ?? true });
  const metrics = createMetrics(app);
  const health = new HealthChecks();
  // The port for operations answers before the handlers do: who asks it must not be told too early.
  health.starting();
  let opsPort = 0;

  const start = async (): Promise<void> => {
    const telemetry = await startTelemetry(config.telemetry);
    lifecycle.onStop('telemetry', () => telemetry.shutdown());
    if (config.opsPort !== null) {
      const ops = await startOpsServer({ ...config.ops, port: config.opsPort, health, metrics });
      lifecycle.onStop('ops server', () => ops.stop());
      opsPort = ops.port;
    }

    let connected = overrides.bus;
    health.register('nats', async () => {
      const ok = connected?.status().connected ?? false;
      return ok ? { ok } : { ok, detail: 'The message bus does not answer.' };
    });
    const wait = new AbortController();
    lifecycle.onStop('the wait for the bus', () => wait.abort());
    const bus =
      overrides.bus ??
      (await connectBus({
        url: config.natsUrl,
        tls: config.natsTls,
        trust: config.busTrust,
        app,
        log: partOf(log, 'bus'),
        metrics,
        stopLimitMs,
        signal: wait.signal,
      }).catch((error: unknown) => {
        if (wait.signal.aborted) return undefined;
        throw error;
      }));
    if (!bus) return; // stopped before it was up
    connected = bus;
    if (!overrides.bus) lifecycle.onStop('bus', () => bus.close());

    await wire({ bus, log, metrics, health, lifecycle });
    lifecycle.onStop('readiness', () => health.drain());
    health.started();
    logEvent(log, 'service_started', { opsPort });
  };

  return {
    start,
    stop: () => lifecycle.stop(),
    get opsPort() {
      return opsPort;
    },
  };
}
