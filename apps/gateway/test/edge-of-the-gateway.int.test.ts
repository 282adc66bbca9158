import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { HTTP_ROUTES } from '@switchyard/contracts/http';
import { until } from '@switchyard/testing';
import { SignJWT } from 'jose';
import { type TestGateway, startTestGateway } from './http.ts';

/* Who is let in, from where, and what a request without credentials costs. */

let gateway: TestGateway | undefined;
afterEach(async () => {
  await gateway?.stop();
  gateway = undefined;
});

const SECRET = 's'.repeat(32);
const EDGE = { IDENTITY_MODE: 'edge', EDGE_SHARED_SECRET: SECRET };
const JWT = { IDENTITY_MODE: 'jwt', JWT_ISSUER: 'https://issuer', JWT_HS256_SECRET: SECRET };
const ADA = { 'x-user-id': 'ada', 'x-tenant-id': 'acme', 'x-user-role': 'admin' };
const OF_EDGE = {
  'x-edge-secret': SECRET,
  'x-supabase-user-id': 'ada',
  'x-supabase-tenant-id': 'acme',
};

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

/** As a browser sends it: with the Host of the page, wherever its name leads. */
function send(method: string, path: string, headers: Record<string, string>, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(gateway!.url + path, { method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      response.on('close', () => resolve({ status: response.statusCode!, headers: response.headers, body: text }));
    });
    request.on('error', reject).end(body);
  });
}

function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(gateway!.url).port), '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.setEncoding('utf8').on('data', (piece: string) => (answer += piece));
    socket.on('close', () => resolve(answer)).on('error', reject);
  });
}

const token = (role: string) =>
  new SignJWT({ app_metadata: { tenant_id: 'acme', role } })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('https://issuer')
    .setAudience('authenticated')
    .setSubject('ada')
    .setExpirationTime('1m')
    .sign(new TextEncoder().encode(SECRET));

/** Every documented route, with something at each place of its path. */
const ROUTES = HTTP_ROUTES.map(({ method, path, auth }) => ({
  method,
  path: path.replaceAll(/\{\w+\}/g, 'x'),
  auth,
}));
const TASK = JSON.stringify({ task: 'play success' });

describe('in development', () => {
  const REBOUND = 'rebind.evil.example';

  it.each(ROUTES)('a page whose name leads here is nobody at $method $path', async ({ method, path }) => {
    gateway = await startTestGateway({ TB_DEFAULT_USER_ID: 'me' });
    const host = `${REBOUND}:${new URL(gateway.url).port}`;
    const page = {
      host,
      'content-type': 'application/json',
      'sec-fetch-site': 'same-origin',
      ...(method === 'GET' ? {} : { origin: `http://${host}` }),
    };
    for (const headers of [page, { ...page, ...ADA }, { ...ADA, host }]) {
      const { status, body } = await send(method, path, headers, method === 'POST' ? TASK : undefined);
      expect([status, JSON.parse(body)]).toMatchObject([
        403,
        { code: 'forbidden', detail: expect.stringContaining('ALLOWED_HOSTS') },
      ]);
    }
    expect(gateway.orchestrator.starts).toEqual([]);
  });

  it('nothing is there for such a page', async () => {
    gateway = await startTestGateway({ CORS_ORIGINS: '*' });
    for (const method of ['GET', 'POST', 'DELETE'])
      expect((await send(method, '/nowhere', { host: REBOUND, origin: `http://${REBOUND}` })).status).toBe(403);
  });

  it('addresses, this machine and listed names are let in; a page of another origin is not', async () => {
    gateway = await startTestGateway({ ALLOWED_HOSTS: 'switchyard.test' });
    const { port } = new URL(gateway.url);
    for (const host of [
      `127.0.0.1:${port}`,
      `localhost:${port}`,
      `[::1]:${port}`,
      '10.1.2.3',
      `switchyard.test:${port}`,
    ])
      expect((await send('GET', '/tool-rules', { ...ADA, host, origin: `http://${host}` })).status).not.toBe(403);
    const foreign = {
      ...ADA,
      'content-type': 'application/json',
      origin: 'https://evil.example',
      'sec-fetch-site': 'cross-site',
    };
    expect((await send('POST', '/runs', foreign, TASK)).status).toBe(403);
  });
});

describe('names of the gateway', () => {
  it('are checked on every route where they are given, in every mode', async () => {
    gateway = await startTestGateway({ ...JWT, ALLOWED_HOSTS: 'switchyard.test' });
    expect((await send('GET', '/health', { host: 'other.test' })).status).toBe(403);
    expect((await send('GET', '/health', { host: 'switchyard.test' })).status).toBe(200);
    await gateway.stop();
    gateway = await startTestGateway(JWT);
    expect((await send('GET', '/health', { host: 'other.test' })).status).toBe(200);
  });
});

describe('a Host that is none', () => {
  const HOSTS = ['a b', '[::1', 'evil.example"x', "o'neill", 'a<b>', 'a\\b', 'a,b', '%00'];

  it.each(HOSTS)('breaks nothing and stands in no answer: %s', async (host) => {
    gateway = await startTestGateway(JWT);
    for (const path of ['/mcp', '/runs', '/.well-known/oauth-protected-resource', '/health']) {
      const method = path === '/mcp' ? 'POST' : 'GET';
      const answer = await raw(
        `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
      );
      expect(answer).toMatch(/^HTTP\/1.1 (200|400|401|403) /);
      expect(answer).not.toContain(host);
    }
  });

  it('where the metadata names the Host of a request, no cache keeps it for others', async () => {
    gateway = await startTestGateway(JWT);
    const of = (path: string) => send('GET', path, { host: 'evil.example' });
    const path = '/.well-known/oauth-protected-resource/mcp';
    expect((await of(path)).headers['cache-control']).toBe('private, no-store');
    await gateway.stop();
    gateway = await startTestGateway({ ...JWT, MCP_PUBLIC_URL: 'https://switchyard.example/mcp' });
    const configured = await of(path);
    expect(configured.headers['cache-control']).toBe('public, max-age=300');
    expect(configured.body).not.toContain('evil');
  });
});

describe('behind an edge that knows users by cookies', () => {
  const post = (headers: Record<string, string>, path = '/runs') =>
    send('POST', path, { ...OF_EDGE, ...headers }, TASK).then(({ status }) => status);
  const JSON_TYPE = { 'content-type': 'application/json' };

  it('a page of another site changes nothing, by no method and with no type', async () => {
    gateway = await startTestGateway({ ...EDGE, CORS_ORIGINS: 'https://ui.example' });
    for (const foreign of [
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'cross-site' },
      { origin: 'null' },
    ] as Record<string, string>[]) {
      expect(await post({ ...JSON_TYPE, ...foreign })).toBe(403);
      for (const path of ['/orchestrate/stream?task=x', '/ag-ui/events?user_message=x', '/api/mcp/auth/x/start'])
        expect((await send('GET', path, { ...OF_EDGE, ...foreign })).status).toBe(403);
    }
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])
      for (const path of ['/runs', '/orchestrate', '/ag-ui', '/mcp'])
        expect([type, path, await post({ 'content-type': type }, path)]).toEqual([type, path, 415]);
    expect(gateway.orchestrator.starts).toEqual([]);
  });

  it('its own pages, listed ones, and programs go on as before', async () => {
    gateway = await startTestGateway({ ...EDGE, CORS_ORIGINS: 'https://ui.example' });
    for (const own of [
      {},
      { 'sec-fetch-site': 'same-origin', origin: 'https://public.example' },
      { origin: gateway.url },
      { origin: 'https://ui.example', 'sec-fetch-site': 'cross-site' },
    ] as Record<string, string>[])
      expect(await post({ 'content-type': 'application/json; charset=utf-8', ...own })).toBe(202);
  });
});

describe('without credentials', () => {
  it('refusals of one address are limited, and those with credentials never', async () => {
    gateway = await startTestGateway({ ...JWT, FAILED_LOGINS_PER_MINUTE: '20' });
    const good = await token('user');
    const statuses: number[] = [];
    for (let i = 0; i < 50; i += 1)
      statuses.push(
        (await send('GET', '/config', { authorization: 'Bearer no', 'x-forwarded-for': `10.0.0.${i}` })).status,
      );
    expect(statuses).toEqual([...Array<number>(20).fill(401), ...Array<number>(30).fill(429)]);
    const refused = await send('GET', '/config', { authorization: 'Bearer no' });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await send('GET', '/config', { authorization: `Bearer ${good}` })).status).toBe(200);
  });

  it('nobody fills the audit log: refusals are told together', async () => {
    gateway = await startTestGateway({ ...JWT, FAILED_LOGINS_PER_MINUTE: '0' });
    const heard: { type: string; data: { count?: number } }[] = [];
    const listening = await gateway.buses[2]!.subscribeSystem((event) => void heard.push(event as never));
    for (let i = 0; i < 300; i += 1) {
      const { status } = await send('GET', i % 2 === 0 ? '/config' : '/runs', { authorization: 'Bearer no' });
      expect(status).toBe(401);
    }
    await gateway.gateway.stop();
    const refusals = () => heard.filter(({ type }) => type === 'gateway.auth.failed');
    const counted = () => refusals().reduce((sum, { data }) => sum + (data.count ?? 0), 0);
    await until(() => counted() === 300, 5_000);
    await listening.stop();
    expect(refusals().length).toBeLessThanOrEqual(2);
  });

  it('the gateway tells that it lives, and nothing of what it does', async () => {
    gateway = await startTestGateway({ ...JWT, OPS_TOKEN: 'm'.repeat(32) });
    for (const { method, path, auth } of ROUTES) {
      const { status } = await send(method, path, {});
      expect([path, auth === 'none' || status === 401]).toEqual([path, true]);
    }
    for (const path of ['/metrics', '/metrics-debug']) {
      expect((await send('GET', path, {})).status).toBe(401);
      expect((await send('GET', path, { authorization: `Bearer ${'n'.repeat(32)}` })).status).toBe(401);
      expect((await send('GET', path, { authorization: `Bearer ${await token('user')}` })).status).toBe(403);
      for (const bearer of ['m'.repeat(32), await token('admin'), await token('auditor')])
        expect((await send('GET', path, { authorization: `Bearer ${bearer}` })).status).toBe(200);
    }
    expect((await send('GET', '/runs', { authorization: `Bearer ${'m'.repeat(32)}` })).status).toBe(401);
  });
});

describe('an auditor', () => {
  const READS = [
    'POST /mcp',
    'DELETE /mcp',
    'POST /tools/check',
    'POST /tools/x/call',
    // What sends and cancels is refused by its operation (a2a.int.test.ts).
    'POST /a2a',
    'POST /a2a/v1/tasks/x:subscribe',
  ];
  const ACTS = [
    ...ROUTES.filter(({ method }) => method !== 'GET'),
    { method: 'GET', path: '/orchestrate/stream?task=x' },
    { method: 'GET', path: '/ag-ui/events?user_message=x' },
    { method: 'GET', path: '/api/mcp/auth/x/start' },
  ].filter(({ method, path }) => !READS.includes(`${method} ${path}`));

  it.each(ACTS)('is refused at $method $path', async ({ method, path }) => {
    gateway = await startTestGateway();
    const headers = { ...ADA, 'x-user-role': 'auditor', 'content-type': 'application/json' };
    const { status, body } = await send(method, path, headers, method === 'POST' ? TASK : undefined);
    expect([status, JSON.parse(body)]).toMatchObject([
      403,
      { code: 'forbidden', detail: expect.stringContaining('auditor') },
    ]);
    expect(gateway.orchestrator.starts).toEqual([]);
  });

  it('reads', async () => {
    gateway = await startTestGateway();
    expect((await send('GET', '/config', { ...ADA, 'x-user-role': 'auditor' })).status).toBe(200);
  });
});
