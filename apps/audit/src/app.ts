import 'reflect-metadata';
import { createService, serveOnBus, type Service, type ServiceOverrides } from '@switchyard/bus';
import { type CheckResult, type Logger, partOf, systemClock } from '@switchyard/platform';
import { CONFLICT_TYPE, openStore, type Store } from '@switchyard/store';
import { AuditService } from './audit-service.ts';
import { AuditHandler } from './audit.handler.ts';
import { Completer } from './completer.ts';
import type { AuditConfig } from './config.ts';
import { FactRecorder } from './fact-recorder.ts';
import { FactsConsumer } from './facts.consumer.ts';
import { JournalComparison } from './journal-comparison.ts';
import { JournalReader } from './journal-reader.ts';
import { logEvent } from './log-events.ts';
import { DiskThread, LogTreePruner, LogTreeWriter } from './log-tree/index.ts';
import { RecordRetention } from './record-retention.ts';
import { Repeated } from './repeated.ts';

const MAX_TREE_FILE_BYTES = 33_554_432;

/** Replacements that a test may pass in. */
export interface AuditOverrides extends ServiceOverrides {
  readonly store?: Store;
}

export interface AuditApp extends Service {
  /** Runs one round of completing from the journal now; for tests. */
  complete(): Promise<number>;
}

/** Wires audit. Nothing is opened before start(). */
export function createAudit(config: AuditConfig, overrides: AuditOverrides = {}): AuditApp {
  let completer: Completer | undefined;
  const service = createService('audit', config, overrides, async ({ bus, log: base, metrics, health, lifecycle }) => {
    const log = partOf(base, 'records');
    const { url, tls, poolSize } = config.database;
    const store =
      overrides.store ?? openStore({ url, tls, app: 'audit', log: partOf(base, 'store'), maxConnections: poolSize });
    if (!overrides.store) lifecycle.onStop('store', () => store.close());
    health.register('postgres', () => store.ping().then(() => ({ ok: true })));

    const { auditLog } = store;
    health.register('records', () => auditLog.conflicts().then(findingOf), { required: false });
    const journal = new JournalReader({ bus });
    const treeLog = partOf(base, 'log-tree');
    const disk = config.logTree && new DiskThread({ dir: config.logTree.dir, maxFileBytes: MAX_TREE_FILE_BYTES });
    if (disk) lifecycle.onStop('disk of the log tree', () => disk.close());
    const tree = disk && logTree(disk, journal, treeLog);
    const recorder = new FactRecorder({
      auditLog,
      journal,
      metrics,
      log,
      clock: systemClock,
      ...(tree ? { tree } : {}),
    });
    const completing = new Completer({ auditLog, journal, recorder, log, intervalMs: config.sweepMs });
    const consumer = new FactsConsumer({ bus, recorder });
    completer = completing;

    const handlers = await serveOnBus({ handlers: [AuditHandler], parts: [new AuditService(auditLog)] }, bus, base);
    lifecycle.onStop('handlers', () => handlers.close());
    consumer.start();
    lifecycle.onStop('consumer', () => consumer.stop());
    completing.start();
    lifecycle.onStop('completer', () => completing.stop());

    const { keepDays, pruneMs } = config.retention;
    const retention = new RecordRetention({ auditLog, keepDays, metrics, log });
    const repeat = (what: string, everyMs: number, work: (signal: AbortSignal) => Promise<unknown>): void => {
      const repeated = new Repeated(what, everyMs, log, async (signal) => void (await work(signal)));
      repeated.start();
      lifecycle.onStop(what, () => repeated.stop());
    };
    repeat('removing old records', pruneMs, (signal) => retention.prune(signal));
    const { everyMs, minAgeMs } = config.comparison;
    const comparison = new JournalComparison({
      bus,
      auditLog,
      journal,
      recorder,
      clock: systemClock,
      log,
      minAgeMs,
    });
    repeat('the comparison with the journal', everyMs, (signal) => comparison.compare(signal));
    if (config.logTree) {
      const pruner = new LogTreePruner({ ...config.logTree, auditLog, metrics, clock: systemClock, log: treeLog });
      repeat('pruning the log tree', config.logTree.pruneMs, (signal) => pruner.prune(signal));
    }
    logEvent(base, 'audit_started', { logTree: config.logTree?.dir ?? 'off' });
    if (tree === undefined) logEvent(treeLog, 'log_tree_off');
  });
  return Object.assign(service, { complete: () => completer?.complete() ?? Promise.resolve(0) });
}

/** Reports conflicts in readiness and doctor without making the service unready. */
function findingOf(conflicts: number): CheckResult {
  if (conflicts === 0) return { ok: true };
  return { ok: false, detail: `tampered: ${conflicts} records differ from what happened (type ${CONFLICT_TYPE})` };
}

function logTree(disk: DiskThread, journal: JournalReader, log: Logger): LogTreeWriter {
  return new LogTreeWriter({
    disk,
    log,
    clock: systemClock,
    findAccepted: async (tenantId, runId) => {
      const first = await journal.first(tenantId, runId);
      return first?.type === 'orchestrator.run.accepted' ? first : undefined;
    },
  });
}
