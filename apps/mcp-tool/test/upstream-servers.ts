import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, inputRequired, Server, type ServerContext } from '@modelcontextprotocol/server';

/** MCP servers for the tests, over HTTP, of both eras; what they offer and how they behave can be changed. */

export interface FixtureTool {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema?: Record<string, unknown>;
  readonly outputSchema?: Record<string, unknown>;
  readonly annotations?: Record<string, unknown>;
  readonly call?: (args: Record<string, unknown>, context: ServerContext) => unknown;
}

export interface Fixture {
  readonly url: string;
  /** What it offers now. */
  tools: FixtureTool[];
  /** The headers of every request. */
  readonly requests: { method: string | undefined; headers: IncomingMessage['headers'] }[];
  /** `down`: connections are cut; `slow`: nothing is answered. */
  mode: 'up' | 'down' | 'slow';
  /** It forgets its sessions (`legacy` alone). */
  forgetSessions(): Promise<void>;
  readonly sessions: number;
  /** Tells its clients that its tools are others now (`tells` alone). */
  tellChanged(): Promise<void>;
  close(): Promise<void>;
}

export const text = (value: string) => ({ content: [{ type: 'text', text: value }] });

export const echo: FixtureTool = {
  name: 'echo',
  description: 'Says what it is told.',
  inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
  call: (args, context) => ({
    ...text(String(args['text'])),
    structuredContent: { text: args['text'], meta: context.mcpReq._meta },
  }),
};

export function mcpServer(tools: () => readonly FixtureTool[], tells = false): Server {
  const server = new Server(
    { name: 'fixture', version: '1.0.0' },
    {
      capabilities: {
        tools: tells ? { listChanged: true } : {},
        resources: {},
        prompts: {},
        completions: {},
        logging: {},
      },
    },
  );
  server.setRequestHandler('tools/list', () => ({
    tools: tools().map(({ call: _call, ...tool }) => ({ inputSchema: { type: 'object' }, ...tool })) as never,
  }));
  server.setRequestHandler('tools/call', async (request, context) => {
    const tool = tools().find(({ name }) => name === request.params.name);
    if (!tool?.call) return { ...text('no such tool'), isError: true } as never;
    return (await tool.call(request.params.arguments ?? {}, context)) as never;
  });
  server.setRequestHandler('resources/list', () => ({ resources: [{ uri: 'note://one', name: 'one' }] }));
  server.setRequestHandler('resources/templates/list', () => ({
    resourceTemplates: [{ uriTemplate: 'note://{id}', name: 'any' }],
  }));
  server.setRequestHandler('resources/read', ({ params }) => ({
    contents: [{ uri: params.uri, mimeType: 'text/plain', text: `the text of ${params.uri}` }],
  }));
  server.setRequestHandler('prompts/list', () => ({ prompts: [{ name: 'greet', arguments: [{ name: 'who' }] }] }));
  server.setRequestHandler('prompts/get', ({ params }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Greet ${params.arguments?.['who']}` } }],
  }));
  server.setRequestHandler('completion/complete', ({ params }) => ({
    completion: { values: [`${params.argument.value}na`], hasMore: false },
  }));
  return server;
}

export async function startFixture(
  era: 'modern' | 'legacy',
  tools: FixtureTool[] = [echo],
  { tells = false } = {},
): Promise<Fixture> {
  const sessions = new Map<string, NodeStreamableHTTPServerTransport>();
  const servers = new Set<Server>();
  const current: { tools: FixtureTool[]; mode: Fixture['mode'] } = { tools, mode: 'up' };
  const requests: Fixture['requests'] = [];
  const handler = createMcpHandler(() => mcpServer(() => current.tools, tells));
  const modern = toNodeHandler(handler);
  const http: HttpServer = createServer((req, res) => {
    requests.push({ method: req.method, headers: req.headers });
    if (current.mode === 'down') return void req.socket.destroy();
    if (current.mode === 'slow') return;
    if (era === 'modern') return void modern(req, res as never);
    const id = req.headers['mcp-session-id'] as string | undefined;
    const known = id === undefined ? undefined : sessions.get(id);
    if (id !== undefined && !known)
      return void res
        .writeHead(404)
        .end('{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"},"id":null}');
    if (known) return void known.handleRequest(req, res);
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (session) => void sessions.set(session, transport),
    });
    const server = mcpServer(() => current.tools, tells);
    servers.add(server);
    server.onclose = () => servers.delete(server);
    void server.connect(transport).then(() => transport.handleRequest(req, res));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    get tools() {
      return current.tools;
    },
    set tools(next) {
      current.tools = next;
    },
    requests,
    get mode() {
      return current.mode;
    },
    set mode(next) {
      current.mode = next;
      if (next === 'down') http.closeAllConnections();
    },
    get sessions() {
      return sessions.size;
    },
    async tellChanged() {
      handler.notify.toolsChanged();
      await Promise.all([...servers].map((server) => server.sendToolListChanged()));
    },
    async forgetSessions() {
      const all = [...sessions.values()];
      sessions.clear();
      await Promise.all(all.map((session) => session.close()));
    },
    async close() {
      await handler.close();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

/** Asks for a name before it goes on; the state holds how often it asked. */
export const asks: FixtureTool = {
  name: 'asks',
  description: 'Greets whoever says a name.',
  call: (_args, context) => {
    const given = context.mcpReq.inputResponses?.['name'] as { content?: { name?: string } } | undefined;
    if (given) return text(`Hello ${given.content?.name}, state ${String(context.mcpReq.requestState())}`);
    return inputRequired({
      inputRequests: {
        name: inputRequired.elicit({
          message: 'Your name?',
          requestedSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
        }),
      },
      requestState: 'the upstream alone may read this',
    });
  },
};

/** The same as an older server has it: it asks in the middle of its call, and after that a model. */
export const asksMeanwhile: FixtureTool = {
  name: 'asks_meanwhile',
  description: 'Greets whoever says a name, in the words of a model.',
  call: async (_args, { mcpReq }) => {
    const { action, content } = await mcpReq.elicitInput({
      message: 'Your name?',
      requestedSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
    });
    if (action !== 'accept') return text(`You said ${action}.`);
    const messages = [
      { role: 'user' as const, content: { type: 'text' as const, text: `Greet ${content?.['name']}` } },
    ];
    const said = await mcpReq.requestSampling({ messages, maxTokens: 10 });
    return text(`The model says: ${JSON.stringify(said.content)}`);
  },
};

/** A schema of so many levels, as text: JSON.stringify could not write it. */
const deepSchema = (levels: number) =>
  `${'{"type":"object","properties":{"a":'.repeat(levels)}{}${'}}'.repeat(levels)}`;
export const DEEP = { type: 'DEEP' };

/** One that no SDK keeps from saying what it likes: an older server, by hand. */
export async function startRaw(tools: readonly FixtureTool[]): Promise<{ url: string; close(): Promise<void> }> {
  const results: Record<string, (params: { name: string; arguments: Record<string, unknown> }) => unknown> = {
    initialize: () => ({
      protocolVersion: '2025-06-18',
      capabilities: { tools: {} },
      serverInfo: { name: 'raw', version: '1' },
    }),
    'tools/list': () => ({
      tools: tools.map(({ call: _call, ...tool }) => ({ inputSchema: { type: 'object' }, ...tool })),
    }),
    'tools/call': ({ name, arguments: args }) =>
      tools.find((tool) => tool.name === name)?.call?.(args, { mcpReq: {} } as never),
  };
  const http = createServer((req, res) => {
    const parts: Buffer[] = [];
    req.on('data', (part: Buffer) => parts.push(part));
    req.on('end', () => {
      const { id, method, params } = JSON.parse(Buffer.concat(parts).toString('utf8') || '{}');
      if (id === undefined) return void res.writeHead(req.method === 'POST' ? 202 : 405).end();
      const answer = results[method]
        ? { result: results[method](params) }
        : { error: { code: -32601, message: 'no such method' } };
      const text = JSON.stringify({ jsonrpc: '2.0', id, ...answer });
      res.writeHead(200, { 'content-type': 'application/json' });
      res.end(text.replace(JSON.stringify(DEEP), () => deepSchema(3_000)));
    });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    async close() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
