// What a tool call costs through rpc.tools.call and through /mcp, our own and forwarded to an upstream, beside a bare SDK
// server and a bare SDK client in the same minutes; and what listing 1,000 tools costs. Usage: ./switchyard bench tools
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, fromJsonSchema, McpServer } from '@modelcontextprotocol/server';
import { connectBus } from '@switchyard/bus';
import { callTool, listTools } from '@switchyard/contracts';
import { createLogger } from '@switchyard/platform';
import { cpuMs, startStack } from './stack.mjs';
import { rate } from './yardsticks.mjs';

const SELF = fileURLToPath(import.meta.url);
const SECONDS = Math.min(30, Math.max(1, Number(process.argv[process.argv.indexOf('--seconds') + 1]) || 4));
const AT_ONCE = [1, 8];
const MANY = 1_000;

/** The bare server: /echo has one tool, /many has a thousand. */
async function serveBare() {
  const info = { name: 'bare', version: '1.0.0' };
  // Compiled once: the server itself is made anew for each request, as the SDK has it.
  const inputSchema = fromJsonSchema({ type: 'object', properties: { text: { type: 'string' } } });
  const echo = createMcpHandler(() => {
    const server = new McpServer(info);
    server.registerTool('echo', { description: 'Gives back what it gets', inputSchema }, ({ text }) => ({
      content: [{ type: 'text', text }],
    }));
    return server;
  });
  const tools = Array.from({ length: MANY }, (_, n) => ({
    name: `tool_${String(n).padStart(4, '0')}`,
    description: `Tool number ${n}, one of many that a user may have.`,
    inputSchema: { type: 'object', properties: { id: { type: 'string' }, limit: { type: 'integer' } } },
  }));
  const many = createMcpHandler(() => {
    const server = new McpServer(info, { capabilities: { tools: {} } });
    server.server.setRequestHandler('tools/list', () => ({ tools }));
    return server;
  });
  const [serveEcho, serveMany] = [toNodeHandler(echo), toNodeHandler(many)];
  const http = createServer((request, response) =>
    request.url === '/many' ? serveMany(request, response) : serveEcho(request, response),
  );
  http.listen(0, '127.0.0.1', () => console.log(http.address().port));
}

async function connectTo(url) {
  const client = new Client({ name: 'bench', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return client;
}

async function rates(once) {
  await rate(4, 0.5, once);
  const found = [];
  for (const concurrency of AT_ONCE) found.push(await rate(concurrency, SECONDS, once));
  return found.map(({ perSecond }) => perSecond);
}

async function p50(once, times = 60) {
  const took = [];
  for (let n = 0; n < times; n += 1) {
    const began = performance.now();
    await once();
    took.push(performance.now() - began);
  }
  return took.sort((a, b) => a - b)[times >> 1];
}

async function measure() {
  const bare = spawn(process.execPath, [SELF, '--bare'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const directory = mkdtempSync(join(tmpdir(), 'switchyard-bench-tools-'));
  const ends = [() => bare.kill(), () => rmSync(directory, { recursive: true, force: true })];
  try {
    const port = Number(await new Promise((resolve) => bare.stdout.once('data', resolve)));
    const host = `127.0.0.1:${port}`;
    const upstream = (path) => ({
      ...{ url: `http://${host}/${path}`, trust: 'trusted', defaults: { kind: 'read', idempotency: 'safe' } },
    });
    const file = join(directory, 'upstreams.yaml');
    writeFileSync(file, JSON.stringify({ upstreams: { bare: upstream('echo'), many: upstream('many') } }));
    const stack = await startStack({ env: { MCP_UPSTREAMS: file, EGRESS_ALLOW_HOSTS: host } });
    ends.push(() => stack.stop());
    const log = createLogger({ app: 'bench', level: 'silent' });
    const bus = await connectBus({ url: stack.servers.nats.url, app: 'gateway', log });
    ends.push(() => bus.close());
    const principal = { tenantId: 'default', userId: 'dev', role: 'user', via: 'dev' };
    const all = async () => {
      const tools = [];
      for (let cursor; ;) {
        const page = await bus.request(listTools, { principal, ...(cursor ? { cursor } : {}) });
        tools.push(...page.tools);
        cursor = page.nextCursor;
        if (cursor === undefined) return tools;
      }
    };
    for (const until = Date.now() + 60_000; (await all()).length <= MANY;) {
      if (Date.now() > until) throw new Error('the tools of the upstreams did not come');
      await new Promise((resolve) => setTimeout(resolve, 250));
    }

    const direct = await connectTo(`http://${host}/echo`);
    const front = await connectTo(`${stack.gateway}/mcp`);
    ends.push(
      () => direct.close(),
      () => front.close(),
    );
    const echoed = async (client, name) => {
      const { content } = await client.callTool({ name, arguments: { text: 'hello' } });
      if (content[0]?.text !== 'hello') throw new Error('the answer is not what was asked');
    };
    const asked = async (tool, args) => {
      const result = await bus.request(callTool, { principal, tool, arguments: args });
      if (result.status !== 'succeeded') throw new Error(result.message);
    };
    const sum = { expression: '6*7' };
    const cases = {
      'bare SDK server, bare SDK client': () => echoed(direct, 'echo'),
      'rpc.tools.call, our own tool': () => asked('calculator', sum),
      'rpc.tools.call, forwarded': () => asked('bare__echo', { text: 'hello' }),
      '/mcp, our own tool': () => front.callTool({ name: 'calculator', arguments: sum }),
      '/mcp, forwarded': () => echoed(front, 'bare__echo'),
    };
    let yardstick;
    for (const [name, once] of Object.entries(cases)) {
      const before = {
        gateway: cpuMs(stack.pids.gateway),
        tools: cpuMs(stack.pids['mcp-tool']),
        bare: cpuMs(bare.pid),
      };
      const found = await rates(once);
      const calls = found.reduce((calls, perSecond) => calls + perSecond * SECONDS, 0);
      yardstick ??= found;
      const of = (what, pid) => `${what} ${((cpuMs(pid) - before[what]) / calls).toFixed(2)}`;
      console.log(
        name.padEnd(34),
        AT_ONCE.map(
          (n, i) => `${Math.round(found[i])}/s at ${n} (${Math.round((100 * found[i]) / yardstick[i])} %)`,
        ).join(', '),
        `| CPU ms a call: ${of('gateway', stack.pids.gateway)}, ${of('tools', stack.pids['mcp-tool'])}, ${of('bare', bare.pid)}`,
      );
    }
    let etag;
    const list = async () => ({ etag } = await bus.request(listTools, { principal, ...(etag ? { etag } : {}) }));
    console.log(`listing ${(await all()).length} tools, p50`);
    console.log('  rpc.tools.list, every page       ', `${(await p50(all)).toFixed(1)} ms`);
    await list();
    console.log('  rpc.tools.list, known by its etag', `${(await p50(list)).toFixed(1)} ms`);
    console.log(
      '  /mcp tools/list, every page      ',
      `${(await p50(() => front.listTools(undefined, { cacheMode: 'refresh' }), 30)).toFixed(1)} ms`,
    );
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

if (process.argv.includes('--bare')) await serveBare();
else await measure();
