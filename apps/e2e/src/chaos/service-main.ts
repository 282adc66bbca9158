import { Config as AuditConfig, createAudit } from '@switchyard/audit';
import { type Bus, connectBus } from '@switchyard/bus';
import { createDevModel } from '@switchyard/dev-model';
import { Config as GatewayConfig, createGateway } from '@switchyard/gateway';
import { Config as McpToolConfig, createMcpTool } from '@switchyard/mcp-tool';
import { Config as OrchestratorConfig, createOrchestrator } from '@switchyard/orchestrator';
import { createLogger, loadConfig, type Logger } from '@switchyard/platform';
import { type Effects, openStore, type Store } from '@switchyard/store';
import type { AppName } from '@switchyard/contracts';
import { decoratedBus, decoratedJournal, decoratedLedger } from './decorated.ts';
import { EffectLog } from './effect-log.ts';
import { forgetfulLedger, unfencedJournal } from './mutants.ts';
import { FaultPoints, type Order } from './points.ts';
import { chaosTools } from './tools.ts';

/*
 * One service of a round, in a process of its own: the app as it is, with decorated ports.
 * argv: the app. The environment: the app's own, and CHAOS_SERVICE, CHAOS_POINTS, CHAOS_EFFECTS, CHAOS_MUTANT.
 */

interface Part {
  stop(): Promise<unknown>;
}

const [app = ''] = process.argv.slice(2);
const { CHAOS_SERVICE = app, CHAOS_POINTS, CHAOS_EFFECTS, CHAOS_MUTANT = '' } = process.env;
if (!CHAOS_POINTS || !CHAOS_EFFECTS) throw new Error('CHAOS_POINTS and CHAOS_EFFECTS name the files to write to');
const points = new FaultPoints(CHAOS_POINTS, CHAOS_SERVICE);
const effectFile = CHAOS_EFFECTS;
const parts: Part[] = [];

process.on('message', (order) => points.obey(order as Order));
// Whoever started this process is gone: nobody would ever stop it.
process.on('disconnect', () => process.exit(1));
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop());

let stopping = false;
async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  for (const part of parts.splice(0).reverse()) await part.stop();
  process.exit(0);
}

async function busOf(name: AppName, url: string, log: Logger): Promise<Bus> {
  const bus = await connectBus({ url, app: name, log });
  parts.push({ stop: () => bus.close() });
  return decoratedBus(bus, points);
}

function storeOf(name: Parameters<typeof openStore>[0]['app'], config: { url: string; poolSize: number }, log: Logger) {
  const store = openStore({ url: config.url, app: name, maxConnections: config.poolSize, log });
  parts.push({ stop: () => store.close() });
  return store;
}

function withJournal(store: Store, url: string): Store {
  const journal = CHAOS_MUTANT === 'nofence' ? unfencedJournal(store.journal, url) : store.journal;
  return { ...store, journal: decoratedJournal(journal, points) };
}

const START: Readonly<Record<string, () => Promise<void>>> = {
  orchestrator: async () => {
    const config = loadConfig(OrchestratorConfig);
    const log = createLogger({ app: 'orchestrator', level: config.logLevel });
    const store = withJournal(storeOf('orchestrator', config.database, log), config.database.url);
    const bus = await busOf('orchestrator', config.natsUrl, log);
    await started(createOrchestrator(config, { log, bus, store, handleSignals: false }));
  },
  'mcp-tool': async () => {
    const config = loadConfig(McpToolConfig);
    const log = createLogger({ app: 'mcp-tool', level: config.logLevel });
    const store = storeOf('mcp-tool', config.database, log);
    const bus = await busOf('mcp-tool', config.natsUrl, log);
    const tools = chaosTools(points, new EffectLog(effectFile));
    const effects = (ledger: Effects) =>
      decoratedLedger(CHAOS_MUTANT === 'noledger' ? forgetfulLedger(ledger) : ledger, points);
    await started(createMcpTool(config, { log, bus, store, effects, tools, handleSignals: false }));
  },
  audit: async () => {
    const config = loadConfig(AuditConfig);
    const log = createLogger({ app: 'audit', level: config.logLevel });
    const store = storeOf('audit', config.database, log);
    const bus = await busOf('audit', config.natsUrl, log);
    await started(createAudit(config, { log, bus, store, handleSignals: false }));
  },
  gateway: async () => {
    const config = loadConfig(GatewayConfig);
    const log = createLogger({ app: 'gateway', level: config.logLevel });
    const bus = await busOf('gateway', config.natsUrl, log);
    await started(createGateway(config, { log, bus }));
  },
  'dev-model': async () => {
    const model = await createDevModel({ port: Number(process.env['DEV_MODEL_PORT']) });
    parts.push(model);
  },
};

async function started(service: Part & { start(): Promise<void> }): Promise<void> {
  parts.push(service);
  await service.start();
}

const start = START[app];
if (!start) throw new Error(`there is no app "${app}" in a round`);
await start();
process.send?.('up');
