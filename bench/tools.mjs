// What a tool call costs through rpc.tools.call and through /mcp, our own and forwarded to an upstream, beside a bare SDK
// server and a bare SDK client; and what listing 1,000 tools costs, by part. Everything is warm before it is measured,
// and the cases take turns: a share is the middle one of what the rounds found, each against its own yardstick.
// Usage: ./switchyard bench tools [--rounds 7] [--only CASE] [--profile]
// `--only`: the cases whose names begin so, beside the yardstick, and no lists; so a profile holds nothing else.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, fromJsonSchema, McpServer } from '@modelcontextprotocol/server';
import { connectBus } from '@switchyard/bus';
import { callTool, listTools } from '@switchyard/contracts';
import { createLogger } from '@switchyard/platform';
import { stockClient } from '@switchyard/local-servers';
import { signedAs } from '@switchyard/testing';
import { connect, headers } from 'nats';
import { cpuMs } from './processes.mjs';
import { startStack } from './stack.mjs';
import { rate } from './yardsticks.mjs';

const SELF = fileURLToPath(import.meta.url);
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', default: '' },
    profile: { type: 'boolean', default: false },
    bare: { type: 'boolean', default: false },
  },
});
const ROUNDS = Math.min(50, Math.max(1, Number(values.rounds) || 7));
const SLICE_SECONDS = 0.7;
const AT_ONCE = [1, 8, 32];
/** So many calls of each case run before the measurement, since a service that runs for days has optimised code. */
const WARM_CALLS = 3_000;
const WARM_SECONDS = 20;
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

const middle = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];

async function p50(once, times = 60) {
  for (let n = 0; n < 10; n += 1) await once();
  const took = [];
  for (let n = 0; n < times; n += 1) {
    const began = performance.now();
    await once();
    took.push(performance.now() - began);
  }
  return middle(took);
}

async function warmUp(once) {
  const until = Date.now() + WARM_SECONDS * 1_000;
  let left = WARM_CALLS;
  const client = async () => {
    while (left > 0 && Date.now() < until) {
      left -= 1;
      await once();
    }
  };
  await Promise.all(Array.from({ length: Math.max(...AT_ONCE) }, client));
}

/** The cases in turns, round by round; of each its rates, its shares of the first one, and the CPU of a call. */
async function inTurns(cases, cpuOf) {
  const found = cases.map(() => ({ rates: AT_ONCE.map(() => []), shares: AT_ONCE.map(() => []), calls: 0, cpu: {} }));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [at, concurrency] of AT_ONCE.entries()) {
      let yardstick;
      for (const [n, [, once]] of cases.entries()) {
        const before = cpuOf();
        const { perSecond } = await rate(concurrency, SLICE_SECONDS, once);
        const used = cpuOf();
        yardstick ??= perSecond;
        const one = found[n];
        one.rates[at].push(perSecond);
        one.shares[at].push(perSecond / yardstick);
        one.calls += perSecond * SLICE_SECONDS;
        for (const [who, ms] of Object.entries(used)) one.cpu[who] = (one.cpu[who] ?? 0) + ms - before[who];
      }
    }
  }
  return found;
}

async function measureCalls(cases, cpuOf, toggleProfiles) {
  for (const once of Object.values(cases)) await warmUp(once);
  await toggleProfiles();
  const found = await inTurns(Object.entries(cases), cpuOf);
  await toggleProfiles();
  for (const [n, name] of Object.keys(cases).entries()) {
    const { rates, shares, calls, cpu } = found[n];
    const shown = AT_ONCE.map(
      (many, at) => `${Math.round(middle(rates[at]))}/s at ${many} (${Math.round(100 * middle(shares[at]))} %)`,
    );
    const spent = Object.entries(cpu).map(([who, ms]) => `${who} ${(ms / calls).toFixed(2)}`);
    console.log(name.padEnd(34), shown.join(', '), `| CPU ms a call: ${spent.join(', ')}`);
  }
}

async function measureLists({ bus, servers, mcp, front, principal, cpuOf }) {
  const say = (what, ms, more = '') => console.log(`  ${what.padEnd(52)} ${ms.toFixed(1).padStart(6)} ms${more}`);
  const all = () => everyTool(bus, principal);
  console.log(`listing ${(await all()).length} tools, p50`);
  // The cost of the service alone: the client does not parse the answer.
  const nats = await connect(stockClient(servers.nats.url));
  const { trust } = servers.busOf('gateway');
  let bytes = 0;
  const raw = async (cursor) => {
    const body = JSON.stringify({ principal, ...(cursor ? { cursor } : {}) });
    const { caller, reply } = signedAs('gateway', 'mcp-tool', trust, { subject: listTools.subject, body });
    const signed = headers();
    signed.set('caller', caller);
    const { data } = await nats.request(listTools.subject, body, {
      timeout: 30_000,
      noMux: true,
      reply,
      headers: signed,
    });
    bytes = data.length;
    return data;
  };
  say('rpc.tools.list, first page, not read', await p50(() => raw()), `  (${Math.round(bytes / 1_000)} KB)`);
  say('rpc.tools.list, every page, read', await p50(all));
  let etag;
  const known = async () => ({ etag } = await bus.request(listTools, { principal, ...(etag ? { etag } : {}) }));
  await known();
  say('rpc.tools.list, known by its etag', await p50(known));
  await nats.close();

  const version = '2026-07-28';
  const about = 'io.modelcontextprotocol/';
  const _meta = {
    [`${about}protocolVersion`]: version,
    [`${about}clientInfo`]: { name: 'bench', version: '1.0.0' },
    [`${about}clientCapabilities`]: {},
  };
  const beside = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': version,
    'mcp-method': 'tools/list',
  };
  const page = async (cursor) => {
    const params = { _meta, ...(cursor ? { cursor } : {}) };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params });
    const text = await (await fetch(mcp, { method: 'POST', headers: beside, body })).text();
    const next = /"nextCursor":"([^"]+)"/.exec(text)?.[1];
    return { text, next };
  };
  const pages = async () => {
    const texts = [];
    for (let cursor; ;) {
      const { text, next } = await page(cursor);
      texts.push(text);
      cursor = next;
      if (cursor === undefined) return texts;
    }
  };
  const texts = await pages();
  const before = cpuOf();
  const whole = await p50(pages);
  const used = cpuOf();
  const spent = ['gateway', 'mcp-tool']
    .map((who) => `${who} ${((used[who] - before[who]) / 70).toFixed(1)}`)
    .join(', ');
  say(`/mcp tools/list, ${texts.length} pages, not read`, whole, `  (CPU ms a list: ${spent})`);
  const sdk = await p50(() => front.listTools(undefined, { cacheMode: 'refresh' }), 40);
  say(
    '/mcp tools/list, every page, by an SDK client',
    sdk,
    `  (the client's own part: ${(sdk - whole).toFixed(1)} ms)`,
  );
}

async function everyTool(bus, principal) {
  const tools = [];
  for (let cursor; ;) {
    const page = await bus.request(listTools, { principal, ...(cursor ? { cursor } : {}) });
    tools.push(...page.tools);
    cursor = page.nextCursor;
    if (cursor === undefined) return tools;
  }
}

async function measure() {
  const bare = spawn(process.execPath, [SELF, '--bare'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const directory = mkdtempSync(join(tmpdir(), 'switchyard-bench-tools-'));
  const ends = [() => bare.kill(), () => rmSync(directory, { recursive: true, force: true })];
  try {
    const port = Number(await new Promise((resolve) => bare.stdout.once('data', resolve)));
    const host = `127.0.0.1:${port}`;
    const upstream = (path) => ({
      url: `http://${host}/${path}`,
      trust: 'trusted',
      defaults: { kind: 'read', idempotency: 'safe' },
    });
    const file = join(directory, 'upstreams.yaml');
    writeFileSync(file, JSON.stringify({ upstreams: { bare: upstream('echo'), many: upstream('many') } }));
    const stack = await startStack({
      env: { MCP_UPSTREAMS: file, EGRESS_ALLOW_HOSTS: host },
      profile: values.profile ? ['gateway', 'mcp-tool'] : [],
    });
    ends.push(() => stack.stop());
    const log = createLogger({ app: 'bench', level: 'silent' });
    const { servers } = stack;
    const bus = await connectBus({ ...servers.busOf('gateway'), log });
    ends.push(() => bus.close());
    const principal = { tenantId: 'default', userId: 'dev', role: 'user', via: 'dev' };
    for (const until = Date.now() + 60_000; (await everyTool(bus, principal).catch(() => [])).length <= MANY;) {
      if (Date.now() > until) throw new Error('the tools of the upstreams did not come');
      await new Promise((resolve) => setTimeout(resolve, 250));
    }

    const mcp = `${stack.gateway}/mcp`;
    const direct = await connectTo(`http://${host}/echo`);
    const front = await connectTo(mcp);
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
      '/mcp, forwarded': () => echoed(front, 'bare__echo'),
      '/mcp, our own tool': () => front.callTool({ name: 'calculator', arguments: sum }),
      'rpc.tools.call, forwarded': () => asked('bare__echo', { text: 'hello' }),
      'rpc.tools.call, our own tool': () => asked('calculator', sum),
    };
    const cpuOf = () => {
      const { user, system } = process.cpuUsage();
      return {
        client: (user + system) / 1_000,
        gateway: cpuMs(stack.pids.gateway),
        'mcp-tool': cpuMs(stack.pids['mcp-tool']),
        upstream: cpuMs(bare.pid),
      };
    };
    const wanted = Object.entries(cases).filter(([name], n) => n === 0 || name.startsWith(values.only));
    await measureCalls(Object.fromEntries(wanted), cpuOf, stack.toggleProfiles);
    if (values.only === '') await measureLists({ bus, servers, mcp, front, principal, cpuOf });
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

if (values.bare) await serveBare();
else await measure();
