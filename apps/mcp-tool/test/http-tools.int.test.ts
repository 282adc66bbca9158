import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Bus, createMemoryBus, type Service } from '@switchyard/bus';
import {
  AppError,
  callTool,
  HttpToolDefinition,
  listTools,
  type Principal,
  type StepResult,
  xmppRequest,
} from '@switchyard/contracts';
import { createLogger } from '@switchyard/platform';
import { createSafeFetch } from '@switchyard/safe-fetch';
import { until } from '@switchyard/testing';
import { httpTool } from '../src/declared-tools/http-tool.ts';
import { Config, createMcpTool } from '../src/index.ts';
import type { ToolContext } from '../src/tool/tool.ts';
import { memoryStore } from './memory-store.ts';

/** Tools that are HTTP calls, from files, through the whole service, against a real HTTP server. */

const ANN: Principal = { tenantId: 'acme', userId: 'ann', role: 'user', via: 'dev' };
const SECRET = 'canary-27182';

interface Hit {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
const hits: Hit[] = [];
type Answer = (response: ServerResponse, hit: Hit) => void;
const answers: Record<string, Answer> = {
  '/moved': (response) => response.writeHead(302, { location: `${origin}/canary` }).end(),
  '/huge': (response) => response.writeHead(200, { 'content-type': 'text/plain' }).end('x'.repeat(20 * 1024 ** 2)),
  '/long': (response) => response.writeHead(200, { 'content-type': 'text/plain' }).end('y'.repeat(200_000)),
  '/hangs': () => undefined,
  '/drips': (response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    const timer = setInterval(() => response.write('z'), 100);
    response.on('close', () => clearInterval(timer));
  },
  '/breaks': (response) => response.writeHead(500).end(`postgres://user:${SECRET}@db`),
  '/refuses': (response) => response.writeHead(404).end('no such city'),
  '/whispers': (response) =>
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end('Tea\u200b is\u{e0041}\u202e fine.'),
  '/empty': (response) => response.writeHead(204).end(),
};
const echo: Answer = (response, hit) =>
  response
    .writeHead(200, { 'content-type': 'application/json' })
    .end(JSON.stringify({ data: { items: [hit] }, items: [hit] }));

let server: Server;
let origin: string;
let directory: string;
let asker: Bus;
let hub: ReturnType<typeof createMemoryBus>;
let service: Service;
const lines: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const hit = { method, url, headers, body: Buffer.concat(chunks).toString('utf8') };
      hits.push(hit);
      (answers[url.split('?')[0]!] ?? echo)(response, hit);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  origin = `http://${host}`;
  directory = await mkdtemp(join(tmpdir(), 'tools-'));
  await put('shop.yaml', SHOP());
  hub = createMemoryBus();
  asker = hub.connect('gateway');
  const environment = {
    BUS_TRUST: 'open',
    DATABASE_URL: 'postgres://unused',
    TOOLS_DIR: directory,
    TOOLS_RELOAD_MS: '100',
  };
  // The same server by another name, which is mapped: it must not be reached by it, although it may be called.
  const mapped = host.replace('127.0.0.1', 'localhost');
  await put('mapped.yaml', MAPPED(mapped));
  const SERVICE_MAP = JSON.stringify({ [mapped]: 'shop@example.org', 'shop.internal': 'shop@example.org' });
  const secrets = { TOOL_SECRET_SHOP_KEY: SECRET, TOOL_SECRET_BOOKS_KEY: SECRET };
  const egress = { EGRESS_ALLOW_HOSTS: `${host},${mapped}`, ...secrets, SERVICE_MAP };
  service = createMcpTool(Config.parse({ ...environment, ...egress }), {
    bus: hub.connect('mcp-tool'),
    store: memoryStore(),
    log: createLogger({ app: 'test', level: 'info', destination: { write: (line: string) => void lines.push(line) } }),
    handleSignals: false,
  });
  await service.start();
});
afterAll(async () => {
  await service?.stop();
  await asker?.close();
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
  if (directory) await rm(directory, { recursive: true });
});
beforeEach(() => void (hits.length = 0));

/** Written beside and moved: nobody reads half a file. */
async function put(name: string, text: string): Promise<void> {
  await writeFile(join(directory, `.${name}`), text);
  await rename(join(directory, `.${name}`), join(directory, name));
}
const tool = (name: string, path: string, more = '') => `
  - name: ${name}
    description: ${name}
    timeout_ms: 1500
    http: { url: '${origin}${path}' }
    ${more}`;
const SHOP = () => `
provider: shop
tools:
  - name: search
    description: Search for things in the shop.
    input:
      type: object
      properties:
        word: { type: string, minLength: 1 }
        shelf: { type: string }
        limit: { type: integer, default: 3 }
      required: [word, shelf]
      additionalProperties: false
    output: { type: object, required: [method, url] }
    http:
      url: ${origin}/shelves/{shelf}/things
      query: { q: '{word}', limit: '{limit}', sort: price }
      headers: { Authorization: 'Bearer {credential.SHOP_KEY}' }
      result: /data/items/0
  - name: order
    description: Order a thing.
    kind: write
    idempotency: key
    input:
      type: object
      properties: { thing: { type: string }, count: { type: integer } }
    http: { method: POST, url: '${origin}/orders' }
  - name: order_once
    description: Order a thing, of a server that knows no keys.
    kind: write
    input: { type: object, properties: { path: { type: string } } }
    http: { method: POST, url: '${origin}/{path}', body: { note: 'x' } }
${['moved', 'huge', 'long', 'hangs', 'drips', 'breaks', 'refuses', 'whispers', 'empty'].map((name) => tool(name, `/${name}`)).join('')}
`;

const MAPPED = (host: string) => `
provider: far
tools:
  - { name: here, description: x, timeout_ms: 1500, http: { url: 'http://${host}/mapped' } }
  - { name: nowhere, description: x, timeout_ms: 1500, http: { url: 'http://shop.internal/mapped' } }
`;

const call = (name: string, args: Record<string, unknown> = {}, more = {}): Promise<StepResult> =>
  asker.request(callTool, { principal: ANN, tool: name, arguments: args, ...more });
const names = async () => (await asker.request(listTools, { principal: ANN })).tools.map(({ name }) => name);

describe('a tool that is an HTTP call', () => {
  it('puts its arguments and credentials where the file says, and gives the part of the answer that it says', async () => {
    const result = await call('shop__search', { word: 'tea & ä', shelf: 'a/../b?c#d' });
    expect(result).toMatchObject({ status: 'succeeded', output: { method: 'GET' } });
    expect(hits).toMatchObject([
      {
        url: '/shelves/a%2F..%2Fb%3Fc%23d/things?q=tea+%26+%C3%A4&limit=3&sort=price',
        headers: { authorization: `Bearer ${SECRET}` },
      },
    ]);
  });

  it('keeps an argument within its segment of the path', async () => {
    for (const shelf of ['..', '.', ''])
      expect(await call('shop__search', { word: 'x', shelf })).toMatchObject({ status: 'failed', code: 'tool_failed' });
    expect(hits).toEqual([]);
  });

  it('goes over XMPP where its host is mapped, and never over the network, whatever the bridge does', async () => {
    const away = await Promise.all(['far__here', 'far__nowhere'].map((name) => call(name)));
    expect(away.map(({ status }) => status)).toEqual(['failed', 'failed']);
    const bridge = hub.connect('xmpp-bridge');
    const asked: string[] = [];
    const json: [string, string][] = [['content-type', 'application/json']];
    const body = Buffer.from('{"from":"afar"}').toString('base64');
    const answering = await bridge.answer(xmppRequest, async ({ host, resource }) => {
      asked.push(`${host.replace(/\d+$/, 'N')}${resource}`);
      if (asked.length === 3) throw new AppError('agent_unreachable');
      return { status: 200, headers: json, body };
    });
    try {
      expect(await call('far__here')).toMatchObject({ status: 'succeeded', output: { from: 'afar' } });
      expect(await call('far__nowhere')).toMatchObject({ status: 'succeeded', output: { from: 'afar' } });
      expect(await call('far__here')).toMatchObject({ status: 'failed' });
      expect(hits).toEqual([]);
      expect(asked).toEqual(['localhost:N/mapped', 'shop.internal:N/mapped', 'localhost:N/mapped']);
      expect(await call('shop__empty')).toMatchObject({ status: 'succeeded' });
      expect(hits).toHaveLength(1);
      expect(asked).toHaveLength(3);
    } finally {
      await answering.stop();
      await bridge.close();
    }
  });

  it('names the wrong arguments', async () => {
    const wrong = await call('shop__search', { word: '', extra: 1 });
    expect(wrong).toMatchObject({
      code: 'tool_invalid_arguments',
      message: expect.stringContaining('shelf: it is missing; extra: there is no such field'),
    });
    expect(hits).toEqual([]);
  });

  it('lists its schema, and nothing of where it leads and what it needs', async () => {
    const { tools } = await asker.request(listTools, { principal: ANN });
    expect(tools.find(({ name }) => name === 'shop__search')).toMatchObject({
      provider: 'shop',
      kind: 'read',
      idempotency: 'safe',
      source: 'http_endpoint',
      inputSchema: { required: ['word', 'shelf'] },
    });
    for (const hidden of [origin, 'SHOP_KEY', SECRET]) expect(JSON.stringify(tools)).not.toContain(hidden);
  });

  it('does not follow a redirect; the effect of a call that is answered with one is in doubt', async () => {
    expect(await call('shop__moved')).toMatchObject({ status: 'failed', code: 'upstream_failed' });
    expect(await call('shop__order_once', { path: 'moved' })).toMatchObject({ status: 'in_doubt' });
    expect(hits.map(({ url }) => url)).toEqual(['/moved', '/moved']);
  });

  it('gives up what is too large, hangs or drips, at its limit, and cuts what is long', async () => {
    expect(await call('shop__huge')).toMatchObject({ status: 'failed', code: 'response_too_large' });
    expect(await call('shop__hangs')).toMatchObject({ status: 'failed', code: 'tool_timeout' });
    expect(await call('shop__drips')).toMatchObject({ status: 'failed', code: 'tool_timeout' });
    const cut = await call('shop__long');
    expect(cut).toMatchObject({ status: 'succeeded', output: { truncated: true } });
    expect(JSON.stringify(cut).length).toBeLessThan(70_000);
    expect(await call('shop__empty')).toMatchObject({ status: 'succeeded', output: null });
  });

  it('tells nothing of what a broken server says, and the beginning of what a server says that refuses', async () => {
    const broken = await call('shop__breaks');
    expect(broken).toMatchObject({ status: 'failed', code: 'upstream_failed' });
    expect(JSON.stringify(broken)).not.toContain(SECRET);
    expect(await call('shop__refuses')).toMatchObject({
      code: 'tool_failed',
      message: expect.stringContaining('city'),
    });
    expect(await call('shop__order_once', { path: 'refuses' })).toMatchObject({ status: 'failed' });
    expect(await call('shop__order_once', { path: 'breaks' })).toMatchObject({ status: 'in_doubt' });
  });

  it('has one effect where the same call is made twice, and hands its key on', async () => {
    const order = () => call('shop__order', { thing: 'tea', count: 2 }, { idempotencyKey: 'order-1' });
    const [first, second] = await Promise.all([order(), order()]);
    expect(first).toMatchObject({ status: 'succeeded' });
    expect(second).toEqual(first);
    expect(await order()).toEqual(first);
    expect(hits).toMatchObject([
      { method: 'POST', url: '/orders', body: '{"thing":"tea","count":2}', headers: { 'idempotency-key': 'order-1' } },
    ]);
  });
});

describe('an untrusted response', () => {
  it('has nothing in it that people do not see, and says whose it is, also in a step of a run', async () => {
    const result = await call('shop__whispers');
    const provenance = { tool: 'shop__whispers', provider: 'shop', trust: 'untrusted' };
    expect(result).toEqual({ status: 'succeeded', output: 'Tea is fine.', provenance });
    expect(await call('calculator', { expression: '1' })).not.toHaveProperty('provenance');
  });
});

describe('where it may lead', () => {
  const definition = (url: string) =>
    HttpToolDefinition.parse({ name: 'x', provider: 'p', description: 'x', http: { url } });
  const make = (url: string, lookup?: Parameters<typeof createSafeFetch>[0]) =>
    httpTool(definition(url), { fetch: createSafeFetch(lookup), allowHosts: new Set(), writtenBy: 'tenant' });

  it('is refused when it is registered, in every way of writing an address that is not public', () => {
    const { port } = server.address() as AddressInfo;
    for (const host of [
      '127.0.0.1',
      '127.1',
      '2130706433',
      '0x7f000001',
      '0x7f.1',
      '0177.0.0.1',
      '127.000.000.001',
      '0.0.0.0',
      '0',
      'localhost',
      'LOCALHOST',
      'a.localhost',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '[::]',
      '[::ffff:7f00:1]',
      '169.254.169.254',
      '10.0.0.1',
      '192.168.1.1',
      '172.16.0.1',
      '[fd00::1]',
      '[fe80::1]',
      '[64:ff9b::7f00:1]',
    ])
      expect(() => make(`http://${host}:${port}/canary`)).toThrow(/not public|not a URL/);
    expect(() => make('ftp://example.com/')).toThrow();
    expect(hits).toEqual([]);
  });

  it('is refused when it is called, where a name leads to an address that is not public', async () => {
    const { port } = server.address() as AddressInfo;
    type Lookup = NonNullable<NonNullable<Parameters<typeof createSafeFetch>[0]>['lookup']>;
    const [inside, outside] = [
      { address: '127.0.0.1', family: 4 },
      { address: '93.184.216.34', family: 4 },
    ];
    const answering =
      (...found: { address: string; family: number }[]): Lookup =>
      (_host, options, done) =>
        options.all ? done(null, found) : done(null, found[0]!.address, found[0]!.family);
    const context: ToolContext = { principal: ANN, credentials: {}, signal: new AbortController().signal };
    // One of several is enough.
    for (const found of [[inside], [inside, outside], [outside, inside]]) {
      const rebound = make(`http://rebind.example:${port}/canary`, { lookup: answering(...found) });
      await expect(rebound.run({}, context)).rejects.toMatchObject({ code: 'egress_blocked' });
    }
    expect(hits).toEqual([]);
  });

  it('never takes a credential of the deployment where a tenant wrote it', () => {
    const http = { url: 'https://example.com/', headers: { Authorization: '{credential.SHOP_KEY}' } };
    const stolen = HttpToolDefinition.parse({ name: 'x', provider: 'p', description: 'x', http });
    const parts = { fetch: createSafeFetch(), allowHosts: new Set<string>() };
    expect(() => httpTool(stolen, { ...parts, writtenBy: 'tenant' })).toThrow('files of the operator');
    expect(httpTool(stolen, { ...parts, writtenBy: 'operator' }).requiredCredentials).toEqual(['SHOP_KEY']);
  });
});

describe('the files', () => {
  it('are read again while the service runs; a bad one keeps its last good version, and each mistake has its line', async () => {
    await put('games.yaml', `provider: games\ntools:${tool('roll', '/roll')}${tool('flip', '/flip')}`);
    await until(async () => (await names()).includes('games__flip'));
    expect(await call('games__roll')).toMatchObject({ status: 'succeeded' });

    lines.length = 0;
    await put(
      'games.yaml',
      `provider: games\ntools:\n  - name: roll\n    description: x\n    http: { url: 'nowhere' }\n    knd: read\n`,
    );
    await until(() => lines.join('').includes('games.yaml:5: http.url'));
    expect(lines.join('')).toContain('games.yaml:6: knd: there is no such field');
    expect(await names()).toEqual(expect.arrayContaining(['games__roll', 'games__flip']));
    const metrics = await (await fetch(`http://127.0.0.1:${service.opsPort}/metrics`)).text();
    expect(metrics).toMatch(/tool_files_bad\{.*\} 1/);

    // A name that another file has is told where the second one stands.
    await put('more.yaml', `provider: games\ntools:${tool('draw', '/draw')}${tool('flip', '/flip')}`);
    await until(() => lines.join('').includes('more.yaml:8: A tool called \\"games__flip\\" is there already'));
    await rm(join(directory, 'more.yaml'));

    await put('games.yaml', `provider: games\ntools:${tool('roll', '/roll')}`);
    await until(async () => !(await names()).includes('games__flip'));
    await rm(join(directory, 'games.yaml'));
    await until(async () => !(await names()).includes('games__roll'));
    expect(await call('games__roll')).toMatchObject({ code: 'tool_not_found' });
  });

  it('say which variable of the environment is missing, by its whole name', async () => {
    const unset = "http: { url: 'https://shop.example/', headers: { X-Key: '{credential.NOT_THERE}' } }";
    await put('unset.yaml', `tools:\n  - name: look\n    description: x\n    ${unset}\n`);
    await until(async () => (await names()).includes('unset__look'));
    const message = expect.stringContaining('must provide TOOL_SECRET_NOT_THERE.');
    expect(await call('unset__look')).toMatchObject({ code: 'credentials_missing', message });
    await rm(join(directory, 'unset.yaml'));
  });

  it('may be the one of the documentation', async () => {
    const page = await readFile(new URL('../../../docs/tools.md', import.meta.url), 'utf8');
    const example = /```yaml\n(.*?)```/s.exec(page)![1]!;
    await put('books.yaml', example.replace('https://books.example', origin));
    await until(async () => (await names()).includes('books__search'));
    expect(await call('books__search', { words: 'trains' })).toMatchObject({ status: 'succeeded' });
    expect(hits).toMatchObject([
      { url: '/shelves/science/books?q=trains&limit=5', headers: { authorization: `Bearer ${SECRET}` } },
    ]);
    await rm(join(directory, 'books.yaml'));
  });

  it('tell what a tenant may use, at once for listing and calling', async () => {
    await put('policy.yaml', 'policies:\n  acme: { deny: [shop__empty] }\n  other: { allow: [] }\n');
    await until(async () => !(await names()).includes('shop__empty'));
    expect(await call('shop__empty')).toMatchObject({ code: 'tool_not_found' });
    const other = await asker.request(listTools, { principal: { ...ANN, tenantId: 'other' } });
    expect(other.tools).toEqual([]);
    await rm(join(directory, 'policy.yaml'));
    await until(async () => (await names()).includes('shop__empty'));
  });
});
