import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Config as GatewayConfig, createGateway } from '@switchyard/gateway';
import { type Servers, startServers } from '@switchyard/local-servers';
import { Config as ToolConfig, createMcpTool } from '@switchyard/mcp-tool';
import { createLogger, parseConfig, type ParsedConfig } from '@switchyard/platform';
import { migrateDatabase } from '@switchyard/store';

/** The services that use tools over MCP, and no others: gateway and mcp-tool on real NATS and PostgreSQL. */
export interface McpStack {
  /** The URL of /mcp. */
  readonly url: string;
  readonly servers: Servers<'nats' | 'postgres'>;
  stop(): Promise<void>;
}

/** `upstreams`: the YAML below the names of its MCP upstreams. */
export async function startMcpStack(upstreams: Record<string, object>, allowHosts: string[]): Promise<McpStack> {
  const servers = await startServers(['nats', 'postgres']);
  const directory = await mkdtemp(join(tmpdir(), 'switchyard-mcp-'));
  const ends: (() => Promise<unknown>)[] = [
    () => servers.stop(),
    () => rm(directory, { recursive: true, force: true }),
  ];
  const stop = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    await migrateDatabase(servers.postgres.url);
    const file = join(directory, 'upstreams.yaml');
    // JSON is YAML.
    await writeFile(file, JSON.stringify({ upstreams }));
    const log = createLogger({ app: 'e2e', level: 'silent' });
    const common = { EGRESS_ALLOW_HOSTS: allowHosts.join(',') };
    const forTools = { ...common, ...servers.accessOf('mcp-tool'), MCP_UPSTREAMS: file };
    const tools = createMcpTool(valid(parseConfig(ToolConfig, forTools)), { log, handleSignals: false });
    await tools.start();
    ends.push(() => tools.stop());
    const listen = { GATEWAY_PORT: '0', GATEWAY_HOST: '127.0.0.1', RATE_LIMIT_PER_MINUTE: '0' };
    const forGateway = { ...common, ...servers.accessOf('gateway'), ...listen };
    const gateway = createGateway(valid(parseConfig(GatewayConfig, forGateway)), { log });
    await gateway.start();
    ends.push(() => gateway.stop());
    return { url: `${gateway.url}/mcp`, servers, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function valid<T>(parsed: ParsedConfig<T>): T {
  if (parsed.ok) return parsed.value;
  throw new Error(JSON.stringify(parsed.problems));
}
