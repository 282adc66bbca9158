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
  systemClock,
} from '@switchyard/platform';
import { openStore, type Store } from '@switchyard/store';
import { AuditDesk } from './audit-desk.ts';
import { AuditModule } from './audit.module.ts';
import { Completer } from './completer.ts';
import type { AuditConfig } from './config.ts';
import { FactRecorder } from './fact-recorder.ts';
import { FactsConsumer } from './facts.consumer.ts';
import { JournalReader } from './journal-reader.ts';
import { LogTreeWriter } from './log-tree-writer.ts';

/** What tests put in place of the real thing. */
export interface AuditOverrides {
  readonly bus?: Bus;
  readonly store?: Store;
  readonly log?: Logger;
  /** Default true; off where many apps share one process. */
  readonly handleSignals?: boolean;
}

export interface AuditApp {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Port of /health, /readiness and /metrics, once started. */
  readonly opsPort: number;
  /** One round of completing from the journal, now; for tests. */
  complete(): Promise<number>;
}

/** Wires audit. Nothing is connected before `start`. */
export function createAudit(config: AuditConfig, overrides: AuditOverrides = {}): AuditApp {
  const log = overrides.log ?? createLogger({ app: 'audit', level: config.logLevel });
  const lifecycle = createLifecycle({
    log,
    drainTimeoutMs: config.drainTimeoutMs,
    handleSignals: overrides.handleSignals ?? true,
  });
  const metrics = createMetrics('audit');
  const health = new HealthChecks();
  let opsPort = 0;
  let completer: Completer | undefined;

  const start = async (): Promise<void> => {
    const telemetry = await startTelemetry(config.telemetry);
    lifecycle.onStop('telemetry', () => telemetry.shutdown());

    const ops = await startOpsServer({ port: config.opsPort, health, metrics });
    lifecycle.onStop('ops', () => ops.stop());
    opsPort = ops.port;

    const { url, poolSize } = config.database;
    const store = overrides.store ?? openStore({ url, app: 'audit', log, maxConnections: poolSize });
    if (!overrides.store) lifecycle.onStop('store', () => store.close());
    health.register('postgres', () => store.ping().then(() => ({ ok: true })));

    // Connecting waits for the server as long as it takes; meanwhile readiness says what is missing.
    let connected: Bus | undefined = overrides.bus;
    health.register('nats', async () => ({ ok: connected?.status().connected ?? false }));
    const bus = overrides.bus ?? (await connectBus({ url: config.natsUrl, app: 'audit', log }));
    if (!overrides.bus) lifecycle.onStop('bus', () => bus.close());
    connected = bus;

    const { auditLog } = store;
    const journal = new JournalReader({ bus });
    const tree = config.logTreeDir === undefined ? undefined : logTree(config.logTreeDir, journal, log);
    const recorder = new FactRecorder({ auditLog, journal, metrics, log, ...(tree ? { tree } : {}) });
    completer = new Completer({ auditLog, journal, recorder, log, intervalMs: config.sweepMs });
    const consumer = new FactsConsumer({ bus, recorder, auditLog });

    const desk = new AuditDesk(auditLog);
    const nest = await serveOnBus(AuditModule.with({ desk }), bus, log);
    lifecycle.onStop('requests', () => nest.close());

    consumer.start();
    lifecycle.onStop('consumer', () => consumer.stop());
    completer.start();
    lifecycle.onStop('completer', () => completer?.stop());
    lifecycle.onStop('readiness', () => health.drain());
    log.info({ opsPort, logTree: config.logTreeDir ?? 'off' }, 'audit is up');
  };

  return {
    start,
    stop: () => lifecycle.stop(),
    get opsPort() {
      return opsPort;
    },
    complete: () => completer?.complete() ?? Promise.resolve(0),
  };
}

function logTree(dir: string, journal: JournalReader, log: Logger): LogTreeWriter {
  return new LogTreeWriter({
    dir,
    log,
    clock: systemClock,
    findAccepted: async (tenantId, runId) => {
      const first = await journal.first(tenantId, runId);
      return first?.type === 'orchestrator.run.accepted' ? first : undefined;
    },
  });
}
