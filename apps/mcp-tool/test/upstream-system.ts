import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bus, createMemoryBus, type Service } from '@switchyard/bus';
import {
  callTool,
  decideQuarantine,
  listQuarantine,
  listTools,
  listUpstreams,
  type McpFrame,
  mcpRequest,
  type McpMethod,
  type OutputOf,
  type Principal,
  type QuarantinedTool,
  type RequestOf,
  type StepResult,
  type SystemEvent,
  type ToolInfo,
} from '@switchyard/contracts';
import { startServers } from '@switchyard/local-servers';
import { createLogger, type Logger } from '@switchyard/platform';
import { migrateDatabase, openStore, type Store } from '@switchyard/store';
import { until } from '@switchyard/testing';
import { Config, createMcpTool, type McpToolOverrides } from '../src/index.ts';

/** The service on a bus in this process, with a database of its own and upstreams from a file. */

export const ANN: Principal = { tenantId: 'acme', userId: 'ann', role: 'user', via: 'dev' };
export const BOB: Principal = { ...ANN, userId: 'bob' };
export const ROOT: Principal = { ...ANN, userId: 'root', role: 'admin' };

export interface System {
  readonly facts: SystemEvent[];
  readonly lines: string[];
  /** Writes the file of upstreams; it is in effect when this resolves. */
  configure(yaml: string): Promise<void>;
  /** What the caller may use of every source. */
  list(who?: Principal): Promise<ToolInfo[]>;
  tools(who?: Principal): Promise<string[]>;
  call(
    tool: string,
    args?: Record<string, unknown>,
    more?: Partial<RequestOf<typeof callTool>>,
    options?: { signal: AbortSignal },
  ): Promise<StepResult>;
  readonly frames: McpFrame[];
  /** Asks the service anything. */
  readonly bus: Bus;
  /** Dispatches steps of runs. */
  readonly steps: Bus;
  /** Where the file of upstreams is. */
  readonly file: string;
  ask(method: McpMethod, params?: Record<string, unknown>, more?: object): Promise<OutputOf<typeof mcpRequest>>;
  quarantined(upstream: string): Promise<QuarantinedTool[]>;
  decide(tool: QuarantinedTool, verdict: 'approve' | 'reject', who?: Principal): Promise<unknown>;
  statuses(): Promise<OutputOf<typeof listUpstreams>['upstreams']>;
  stop(): Promise<void>;
}

export interface Database {
  readonly store: Store;
  stop(): Promise<void>;
}

export async function startDatabase(): Promise<Database> {
  const servers = await startServers(['postgres']);
  await migrateDatabase(servers.postgres.url);
  const store = openStore({ url: servers.postgres.urlFor('mcp-tool'), app: 'mcp-tool' });
  return {
    store,
    stop: async () => {
      await store.close();
      await servers.stop();
    },
  };
}

/** `env`: settings of the service beside those that it needs here. */
export async function startSystem(
  store: Store,
  more: McpToolOverrides = {},
  env: Record<string, string> = {},
): Promise<System> {
  const directory = await mkdtemp(join(tmpdir(), 'upstreams-test-'));
  const file = join(directory, 'upstreams.yaml');
  await writeFile(file, '');
  const hub = createMemoryBus();
  const asker: Bus = hub.connect('gateway');
  const steps: Bus = hub.connect('orchestrator');
  const facts: SystemEvent[] = [];
  const lines: string[] = [];
  const frames: McpFrame[] = [];
  asker.consume({
    stream: 'SYSTEM',
    durable: `test-${Math.random()}`,
    handle: async (messages) => void facts.push(...messages.flatMap(({ system }) => system ?? [])),
  });
  const config = Config.parse({ BUS_TRUST: 'open', DATABASE_URL: 'postgres://unused', MCP_UPSTREAMS: file, ...env });
  const service: Service = createMcpTool(
    { ...config, upstreams: { ...config.upstreams, lookEveryMs: 50 } },
    { bus: hub.connect('mcp-tool'), store, log: collecting(lines), handleSignals: false, ...more },
  );
  const close = async () => {
    await Promise.all([asker.close(), steps.close()]);
    await rm(directory, { recursive: true, force: true });
  };
  await service.start().catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const statuses = async () => (await asker.request(listUpstreams, { principal: ROOT })).upstreams;
  return {
    facts,
    lines,
    frames,
    file,
    statuses,
    bus: asker,
    steps,
    async configure(yaml) {
      const before = lines.filter((line) => line.includes('"event":"operator_file_read"')).length;
      await writeFile(file, yaml);
      await until(() => lines.filter((line) => line.includes('"event":"operator_file_read"')).length > before, 60_000);
      await until(
        async () =>
          (await statuses()).every(({ refreshedAt, state }) => refreshedAt !== null || state === 'unavailable'),
        60_000,
      );
    },
    list: async (who = ANN) => (await asker.request(listTools, { principal: who })).tools,
    async tools(who = ANN) {
      const { tools } = await asker.request(listTools, { principal: who });
      return tools.filter(({ source }) => source === 'mcp_upstream').map(({ name }) => name);
    },
    call: (tool, args = {}, rest = {}, options = undefined) =>
      asker.request(
        callTool,
        { principal: ANN, tool, arguments: args, ...rest },
        { onProgress: (frame) => void frames.push(frame as McpFrame), ...options },
      ),
    ask: (method, params = {}, rest = {}) => asker.request(mcpRequest, { principal: ANN, method, params, ...rest }),
    async quarantined(upstream) {
      const { tools } = await asker.request(listQuarantine, { principal: ROOT, limit: 100 });
      return tools.filter((tool) => tool.upstream === upstream);
    },
    decide: ({ upstream, tool, hash }, verdict, who = ROOT) =>
      asker.request(decideQuarantine, { principal: who, upstream, tool, hash, verdict }),
    async stop() {
      await service.stop();
      await close();
    },
  };
}

/** What the log says, as text, for what may not be in it. */
function collecting(lines: string[]): Logger {
  return createLogger({
    app: 'test',
    level: 'info',
    destination: { write: (line: string) => void lines.push(line) },
  });
}
