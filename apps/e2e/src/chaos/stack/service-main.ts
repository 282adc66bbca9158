import { type Bus, type BusTrust, connectBus } from '@switchyard/bus';
import { createLogger, loadConfig, type Logger } from '@switchyard/platform';
import { type Effects, openStore, type Store } from '@switchyard/store';
import type { AppName } from '@switchyard/contracts';
import { decoratedBus, decoratedJournal, decoratedLedger, decoratedTurns } from './decorated.ts';
import { batchMutant, forgetfulLedger, unfencedJournal } from './mutants.ts';
import { FaultPoints, type Order } from './points.ts';
import type { RoundApp } from './topology.ts';
import { type AgentMessage, type Effect, TruthLog } from './truth-log.ts';

/*
 * One service of a round, in a process of its own: the app as it is, with decorated ports.
 * argv: the app. The environment: the app's own, and CHAOS_SERVICE, CHAOS_POINTS, CHAOS_EFFECTS, CHAOS_MESSAGES,
 * CHAOS_MUTANT.
 */

interface Part {
  stop(): Promise<unknown>;
}

const [app = ''] = process.argv.slice(2);
const { CHAOS_SERVICE = app, CHAOS_MUTANT = '' } = process.env;
const effectsFile = fileOf('CHAOS_EFFECTS');
const messagesFile = fileOf('CHAOS_MESSAGES');
const points = new FaultPoints(fileOf('CHAOS_POINTS'), CHAOS_SERVICE);
const parts: Part[] = [];

process.on('message', (order) => points.obey(order as Order));
// The parent process has ended, so no other process would stop this one.
process.on('disconnect', () => process.exit(1));
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop());

function fileOf(variable: string): string {
  const file = process.env[variable];
  if (!file) throw new Error(`${variable} names a file to write to`);
  return file;
}

let stopping = false;
async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  for (const part of parts.splice(0).reverse()) await part.stop();
  process.exit(0);
}

async function busOf(name: AppName, at: { natsUrl: string; busTrust: BusTrust }, log: Logger): Promise<Bus> {
  const bus = await connectBus({ url: at.natsUrl, trust: at.busTrust, app: name, log });
  parts.push({ stop: () => bus.close() });
  return decoratedBus(bus, points);
}

function storeOf(name: Parameters<typeof openStore>[0]['app'], config: { url: string; poolSize: number }, log: Logger) {
  const store = openStore({ url: config.url, app: name, maxConnections: config.poolSize, log });
  parts.push({ stop: () => store.close() });
  return store;
}

function withJournal(store: Store, url: string): Store {
  const mutant = CHAOS_MUTANT === 'nofence' ? unfencedJournal(store.journal, url) : undefined;
  const journal = mutant ?? batchMutant(store.journal, CHAOS_MUTANT) ?? store.journal;
  return { ...store, journal: decoratedJournal(journal, points) };
}

/** Each imports its own app alone: a round starts many processes, and starts them again. */
const START: Readonly<Record<RoundApp | 'dev-model', () => Promise<void>>> = {
  orchestrator: async () => {
    const { Config, createOrchestrator } = await import('@switchyard/orchestrator');
    const config = loadConfig(Config);
    const log = createLogger({ app: 'orchestrator', level: config.logLevel });
    const store = withJournal(storeOf('orchestrator', config.database, log), config.database.url);
    const bus = await busOf('orchestrator', config, log);
    await started(createOrchestrator(config, { log, bus, store, handleSignals: false }));
  },
  'mcp-tool': async () => {
    const [{ Config, createMcpTool }, { chaosTools }] = await Promise.all([
      import('@switchyard/mcp-tool'),
      import('./tools.ts'),
    ]);
    const config = loadConfig(Config);
    const log = createLogger({ app: 'mcp-tool', level: config.logLevel });
    const opened = storeOf('mcp-tool', config.database, log);
    const store = { ...opened, agentTurns: decoratedTurns(opened.agentTurns, points) };
    const bus = await busOf('mcp-tool', config, log);
    const tools = chaosTools(points, new TruthLog<Effect>(effectsFile));
    const effects = (ledger: Effects) =>
      decoratedLedger(CHAOS_MUTANT === 'noledger' ? forgetfulLedger(ledger) : ledger, points);
    await started(createMcpTool(config, { log, bus, store, effects, tools, handleSignals: false }));
  },
  a2a: async () => {
    const { Config, createA2a } = await import('@switchyard/a2a');
    const config = loadConfig(Config);
    const log = createLogger({ app: 'a2a', level: config.logLevel });
    const bus = await busOf('a2a', config, log);
    await started(createA2a(config, { log, bus, handleSignals: false }));
  },
  audit: async () => {
    const { Config, createAudit } = await import('@switchyard/audit');
    const config = loadConfig(Config);
    const log = createLogger({ app: 'audit', level: config.logLevel });
    const store = storeOf('audit', config.database, log);
    const bus = await busOf('audit', config, log);
    await started(createAudit(config, { log, bus, store, handleSignals: false }));
  },
  gateway: async () => {
    const { Config, createGateway } = await import('@switchyard/gateway');
    const config = loadConfig(Config);
    const log = createLogger({ app: 'gateway', level: config.logLevel });
    const bus = await busOf('gateway', config, log);
    await started(createGateway(config, { log, bus }));
  },
  'mock-a2a': async () => {
    const { createMockA2a } = await import('@switchyard/mock-a2a');
    const messages = new TruthLog<AgentMessage>(messagesFile);
    const agent = await createMockA2a({
      port: Number(process.env['MOCK_A2A_PORT']),
      publicUrl: process.env['MOCK_A2A_URL'] ?? '',
      onMessage: (what, key) => {
        messages.write({ ts: Date.now(), what, key, pid: process.pid });
        points.pass(`message.${what}`);
      },
    });
    parts.push(agent);
  },
  'dev-model': async () => {
    const { createDevModel } = await import('@switchyard/dev-model');
    parts.push(await createDevModel({ port: Number(process.env['DEV_MODEL_PORT']) }));
  },
};

async function started(service: Part & { start(): Promise<void> }): Promise<void> {
  parts.push(service);
  await service.start();
}

const start = Object.hasOwn(START, app) ? START[app as keyof typeof START] : undefined;
if (!start) throw new Error(`there is no app "${app}" in a round`);
await start();
process.send?.('up');
