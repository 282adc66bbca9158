import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { toNodeHandler } from '@modelcontextprotocol/node';
import {
  createMcpHandler,
  type InputRequiredResult,
  type ListToolsResult,
  McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type Result,
} from '@modelcontextprotocol/server';
import { PROMPTS, RESOURCES } from './mcp-fixture-content.ts';
import { JSON_SCHEMA_2020_12, TOOLS } from './mcp-fixture-tools.ts';
import type { Json } from './mcp-fixture-texts.ts';

/*
 * An MCP server with everything that the conformance suite asks for by name. It is an upstream of the product, so that
 * the suite tests what passes through /mcp. Each tool and prompt does what the description of its scenario says.
 */

export interface McpFixture {
  readonly url: string;
  /** The headers of all requests that it received. */
  readonly seen: Record<string, unknown>[];
  stop(): Promise<void>;
}

/** As the SDK types schemas. */
type Schema = ListToolsResult['tools'][number]['inputSchema'];

function fixtureServer(): McpServer {
  const capabilities = { tools: {}, resources: {}, prompts: {}, logging: {}, completions: {} };
  const front = new McpServer({ name: 'fixture', version: '1.0.0' }, { capabilities });
  const { server } = front;
  server.setRequestHandler('tools/list', () => ({
    tools: Object.entries(TOOLS).map(([name, { description, input }]) => ({
      name,
      description,
      inputSchema: (name === 'json_schema_2020_12_tool'
        ? JSON_SCHEMA_2020_12
        : { type: 'object', properties: input ?? {}, required: Object.keys(input ?? {}) }) as Schema,
    })),
  }));
  server.setRequestHandler('tools/call', async ({ params }, context) => {
    const tool = Object.hasOwn(TOOLS, params.name) ? TOOLS[params.name] : undefined;
    if (!tool) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown tool: ${params.name}`);
    return (await tool.run(params.arguments ?? {}, context)) as InputRequiredResult;
  });
  server.setRequestHandler('resources/list', () => ({
    resources: Object.entries(RESOURCES).map(([uri, { mimeType }]) => ({
      uri,
      name: uri.slice('test://'.length),
      mimeType: String(mimeType),
    })),
  }));
  server.setRequestHandler('resources/templates/list', () => ({
    resourceTemplates: [{ uriTemplate: 'test://template/{id}/data', name: 'template', mimeType: 'application/json' }],
  }));
  server.setRequestHandler('resources/read', ({ params: { uri } }) => {
    const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
    const known = Object.hasOwn(RESOURCES, uri) ? RESOURCES[uri] : undefined;
    const filled = id && { mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true }) };
    const found = known ?? (filled || undefined);
    if (!found) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Resource not found: ${uri}`, { uri });
    return { contents: [{ uri, ...found } as { uri: string; text: string }] };
  });
  server.setRequestHandler('prompts/list', () => ({
    prompts: Object.entries(PROMPTS).map(([name, { arguments: names = [] }]) => ({
      name,
      description: `The prompt ${name}`,
      arguments: names.map((argument) => ({ name: argument, required: true })),
    })),
  }));
  server.setRequestHandler('prompts/get', async ({ params }, context) => {
    const prompt = Object.hasOwn(PROMPTS, params.name) ? PROMPTS[params.name] : undefined;
    if (!prompt) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown prompt: ${params.name}`);
    return (await prompt.get(params.arguments ?? {}, context)) as Result as InputRequiredResult;
  });
  server.setRequestHandler('completion/complete', ({ params }) => ({
    completion: {
      values: ['paris', 'park', 'party'].filter((value) => value.startsWith(params.argument.value)),
      hasMore: false,
    },
  }));
  return front;
}

/** Starts it on a free port of loopback. */
export async function startMcpFixture(): Promise<McpFixture> {
  const seen: Json[] = [];
  const handler = createMcpHandler(fixtureServer);
  const serve = toNodeHandler(handler);
  const server = createServer((request, response) => {
    seen.push({ ...request.headers });
    if (seen.length > 1_000) seen.shift();
    void serve(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    seen,
    stop: async () => {
      await handler.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
