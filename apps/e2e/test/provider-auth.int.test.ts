import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Bus, connectBus } from '@switchyard/bus';
import { callTool, finishAuthorisation, type Principal, type SystemEvent } from '@switchyard/contracts';
import { Config as GatewayConfig, createGateway, type Gateway } from '@switchyard/gateway';
import { freePort, type Servers, startServers, stockClient } from '@switchyard/local-servers';
import { Config as McpToolConfig, createMcpTool, defineTool } from '@switchyard/mcp-tool';
import { createLogger, parseConfig } from '@switchyard/platform';
import { migrateDatabase } from '@switchyard/store';
import { until } from '@switchyard/testing';
import { connect, type NatsConnection } from 'nats';
import pg from 'pg';
import { z } from 'zod';
import { Browser, type Page } from './browser.ts';
import { type HostedMcp, startHostedMcp } from './hosted-mcp.ts';
import { type OAuthProvider, RESOURCE, SCOPES, startOAuthProvider, stopServer } from './oauth-provider.ts';

/*
 * Users authorise a real OAuth provider through the real gateway: over HTTP, with a browser that keeps cookies. Two
 * replicas of mcp-tool, so that nothing hangs on one process.
 */

const log = createLogger({ app: 'test', level: 'silent' });
const KEYS = { old: randomBytes(32).toString('base64'), new: randomBytes(32).toString('base64') };

let servers: Servers<'nats' | 'postgres'>;
let provider: OAuthProvider;
let hosted: HostedMcp;
let gateway: Gateway;
let bus: Bus;
let raw: NatsConnection;
let sql: pg.Pool;
let directory: string;
const stops: (() => Promise<void>)[] = [];
/** All that went over the bus, as text. */
let heard = '';
const facts: SystemEvent[] = [];

const readMail = defineTool({
  name: 'mail__read',
  description: 'Read the mail.',
  provider: 'mail',
  kind: 'read',
  idempotency: 'safe',
  input: z.object({}),
  output: z.object({ mails: z.number() }),
  timeoutMs: 2_000,
  run: () => ({ mails: 3 }),
});

function configured<T extends z.ZodType>(schema: T, env: Record<string, string>): z.output<T> {
  const parsed = parseConfig(schema, env);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

/** An authorization server that does not say that it checks PKCE. */
async function startWithoutPkce(): Promise<string> {
  const server = createServer((_request, response) => {
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const endpoints = { authorization_endpoint: `${issuer}/auth`, token_endpoint: `${issuer}/token` };
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ issuer, ...endpoints }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(() => stopServer(server));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What an upstream saw of those who came: it answers nothing that is MCP, and needs not. */
const seenUpstream: string[] = [];
async function startCanary(): Promise<string> {
  const server = createServer((request, response) => {
    seenUpstream.push(JSON.stringify(request.headers));
    response.writeHead(400).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(() => stopServer(server));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function startMcpTool(env: Record<string, string>) {
  const read = (name: string) => (name === 'MAIL_CLIENT_SECRET' ? provider.clientSecret : undefined);
  const service = createMcpTool(configured(McpToolConfig, env), { log, handleSignals: false, read, tools: [readMail] });
  return service.start().then(() => service);
}

let mcpEnv: Record<string, string>;

beforeAll(async () => {
  servers = await startServers(['nats', 'postgres']);
  stops.push(() => servers.stop());
  await migrateDatabase(servers.postgres.url);
  sql = new pg.Pool({ connectionString: servers.postgres.url, max: 2 });
  sql.on('error', () => undefined);
  stops.push(() => sql.end());
  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${port}`;
  provider = await startOAuthProvider(`${publicUrl}/api/mcp/auth/callback`);
  stops.push(() => provider.stop());
  hosted = await startHostedMcp(provider);
  stops.push(() => hosted.stop());
  const weak = await startWithoutPkce();
  const canary = await startCanary();
  directory = mkdtempSync(join(tmpdir(), 'switchyard-providers-'));
  stops.push(() => Promise.resolve(rmSync(directory, { recursive: true, force: true })));
  const file = join(directory, 'providers.yaml');
  writeFileSync(
    file,
    `providers:
  mail:
    title: Example Mail
    issuer: ${provider.issuer}
    client_id: ${provider.clientId}
    client_secret_env: MAIL_CLIENT_SECRET
    scopes: [${SCOPES.join(', ')}]
    resource: ${RESOURCE}
  weak:
    issuer: ${weak}
    client_id: somebody
`,
  );
  const upstreams = join(directory, 'upstreams.yaml');
  writeFileSync(
    upstreams,
    `upstreams:
  canary: { url: ${canary}/mcp, provider: mail, auth: user }
  letters: { url: ${hosted.url}, auth: oauth, trust: trusted, defaults: { kind: read, idempotency: safe } }
`,
  );
  mcpEnv = {
    MCP_UPSTREAMS: upstreams,
    ...servers.accessOf('mcp-tool'),
    AUTH_PROVIDERS_FILE: file,
    VAULT_KEYS: `old:${KEYS.old}`,
    PUBLIC_URL: publicUrl,
    EGRESS_ALLOW_HOSTS: [provider.issuer, weak, canary, hosted.url].map((url) => new URL(url).host).join(','),
  };
  for (let n = 0; n < 2; n += 1) {
    const replica = await startMcpTool(mcpEnv);
    stops.push(() => replica.stop());
  }
  gateway = createGateway(
    configured(GatewayConfig, {
      ...servers.accessOf('gateway'),
      GATEWAY_PORT: String(port),
      GATEWAY_HOST: '127.0.0.1',
      RATE_LIMIT_PER_MINUTE: '100000',
    }),
    { log },
  );
  await gateway.start();
  stops.push(() => gateway.stop());
  bus = await connectBus({ ...servers.busOf('gateway'), log });
  stops.push(() => bus.close());
  raw = await connect(stockClient(servers.nats.url));
  stops.push(() => raw.close());
  raw.subscribe('>', {
    callback: (_error, message) => {
      const text = Buffer.from(message.data).toString('utf8');
      heard += `${message.subject} ${text}\n`;
      if (message.subject.startsWith('sys.tools.')) facts.push(JSON.parse(text) as SystemEvent);
    },
  });
  await raw.flush();
}, 120_000);
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});
beforeEach(() => {
  provider?.answerWith(undefined);
});

const base = () => `${gateway.url}/api/mcp/auth`;
let users = 0;
/** A user of their own for each test. */
function newUser(): { user: string; browser: Browser; principal: Principal } {
  users += 1;
  const user = `user-${users}`;
  const principal: Principal = { tenantId: 'default', userId: user, role: 'user', via: 'dev' };
  return { user, browser: new Browser({ 'x-user-id': user }), principal };
}

async function json(
  browser: Browser,
  method: string,
  path: string,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await browser.send(`${base()}/${path}`, { method, headers: { accept: 'application/json' } });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

async function begin(browser: Browser, name = 'mail'): Promise<URL> {
  const { status, body } = await json(browser, 'POST', `${name}/start`);
  expect(status).toBe(200);
  return new URL(body['authorization_url'] as string);
}

const isCallback = (url: string) => url.startsWith(`${base()}/callback`);

/** Logs in at the provider and consents there; ends before the callback is asked for. */
async function consent(browser: Browser, at: URL): Promise<URL> {
  const options = { until: isCallback };
  let page: Page = await browser.open(at.href, options);
  if (page.text.includes('name="login"')) page = await browser.submit(page, { login: 'ann', password: 'x' }, options);
  if (!isCallback(page.url)) page = await browser.submit(page, {}, options);
  expect(isCallback(page.url)).toBe(true);
  return new URL(page.url);
}

async function connectMail(browser: Browser): Promise<Page> {
  return browser.open((await consent(browser, await begin(browser))).href);
}

const rowsOf = async (user: string) =>
  (await sql.query<Record<string, unknown>>('select * from mcp_tool.provider_connections where user_id = $1', [user]))
    .rows;
const mailCall = async (principal: Principal, tool = 'mail__read') => {
  const result = await bus.request(callTool, { principal, tool });
  return result.status === 'succeeded' ? 'succeeded' : result.code;
};
const fact = (type: string, user: string) =>
  until(() => facts.some((one) => one.type === type && (one.data as { user_id?: string }).user_id === user));

describe('a user authorises a provider', () => {
  it('connects, uses, checks, renews and revokes it; every tool of it appears and disappears with that', async () => {
    const { user, browser, principal } = newUser();
    expect(await mailCall(principal)).toBe('tool_not_found');
    const before = await json(browser, 'GET', 'providers');
    expect(before.body['providers']).toContainEqual(
      expect.objectContaining({ provider: 'mail', title: 'Example Mail', status: 'not_connected', authorized: false }),
    );

    const done = await connectMail(browser);
    expect(done.status).toBe(200);
    expect(done.url).toBe(`${base()}?connected=mail`);
    await fact('tools.provider.connected', user);
    expect(await mailCall(principal)).toBe('succeeded');
    const available = await json(browser, 'GET', 'tools/available?provider=mail');
    expect(available.body).toMatchObject({ total: 1, tools: [{ name: 'mail__read', provider: 'mail' }] });
    const found = await json(browser, 'GET', 'tools/search?q=read%20mails&top_k=3');
    expect(found.body['tools']).toContainEqual(expect.objectContaining({ name: 'mail__read' }));

    const live = await json(browser, 'GET', 'mail/status/live');
    expect(live.body).toMatchObject({
      status: 'connected',
      live: 'active',
      checked_by: 'introspection',
      scopes: SCOPES,
    });
    const renewed = await json(browser, 'POST', 'mail/refresh');
    expect(renewed).toMatchObject({ status: 200, body: { status: 'connected' } });

    const gone = await json(browser, 'DELETE', 'mail');
    expect(gone.body).toEqual({ provider: 'mail', revoked: true, at_provider: 'revoked' });
    // There is no time in which it still works.
    expect(await mailCall(principal)).toBe('tool_not_found');
    expect(await rowsOf(user)).toEqual([]);
    await fact('tools.provider.revoked', user);
    expect((await json(browser, 'DELETE', 'mail')).body).toMatchObject({ revoked: false, at_provider: 'nothing' });
  });

  it('raises the epoch with every change, so that a kept list is not used any longer', async () => {
    const { user, browser } = newUser();
    const epoch = async () =>
      Number(
        (await sql.query<{ epoch: string }>('select epoch from mcp_tool.provider_epochs where user_id = $1', [user]))
          .rows[0]?.epoch ?? 0,
      );
    const seen = [await epoch()];
    await connectMail(browser);
    seen.push(await epoch());
    await json(browser, 'POST', 'mail/refresh');
    seen.push(await epoch());
    await json(browser, 'DELETE', 'mail');
    seen.push(await epoch());
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(new Set(seen).size).toBe(4);
  });

  it('asks for one resource with S256, and says where to return to without another site', async () => {
    const { browser } = newUser();
    const url = await begin(browser);
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      response_type: 'code',
      code_challenge_method: 'S256',
      resource: RESOURCE,
      scope: SCOPES.join(' '),
      redirect_uri: `${base()}/callback`,
    });
    for (const evil of ['https://evil.example/', '//evil.example/', '/\\evil.example', 'javascript:alert(1)']) {
      const answer = await browser.send(`${base()}/mail/start?return_to=${encodeURIComponent(evil)}`);
      expect([evil, answer.status]).toEqual([evil, 400]);
    }
    const back = await browser.send(`${base()}/mail/start`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ return_to: '/docs' }),
    });
    const { authorization_url: at } = (await back.json()) as { authorization_url: string };
    expect((await browser.open((await consent(browser, new URL(at))).href)).url).toBe(`${gateway.url}/docs`);
  });

  it('renews a refresh token that may be used once exactly once, however many ask on however many replicas', async () => {
    const { browser } = newUser();
    await connectMail(browser);
    const before = provider.grants.get('refresh_token') ?? 0;
    const answers = await Promise.all(Array.from({ length: 8 }, () => json(browser, 'POST', 'mail/refresh')));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200));
    // Those that came after a renewal was done renew again; none of them used a token twice, or the grant were gone.
    expect((provider.grants.get('refresh_token') ?? 0) - before).toBeGreaterThanOrEqual(1);
    expect((await json(browser, 'GET', 'mail/status/live')).body).toMatchObject({ live: 'active' });
  });

  it('is expired for every tool once the provider renews no more, and works on while the provider is only away', async () => {
    const { user, browser, principal } = newUser();
    await connectMail(browser);
    provider.answerWith({ status: 503 });
    expect((await json(browser, 'POST', 'mail/refresh')).status).toBe(502);
    expect(await mailCall(principal)).toBe('succeeded');
    provider.answerWith({ status: 400, error: 'invalid_grant' });
    expect((await json(browser, 'POST', 'mail/refresh')).status).toBe(424);
    expect(await mailCall(principal)).toBe('tool_not_found');
    provider.answerWith(undefined);
    const { body } = await json(browser, 'GET', 'providers');
    expect(body['providers']).toContainEqual(expect.objectContaining({ provider: 'mail', status: 'expired' }));
    await fact('tools.provider.refused', user);
    await connectMail(browser);
    expect(await mailCall(principal)).toBe('succeeded');
  });
});

describe('what an upstream gets', () => {
  it('is its own token of this user, never what the caller sent', async () => {
    const { user } = newUser();
    const browser = new Browser({ 'x-user-id': user, authorization: 'Bearer the-token-of-the-caller' });
    seenUpstream.length = 0;
    await connectMail(browser);
    const isOfProvider = async (headers: string): Promise<boolean> => {
      const { authorization } = JSON.parse(headers) as { authorization?: string };
      const answer = await fetch(`${provider.issuer}/token/introspection`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa(`${provider.clientId}:${provider.clientSecret}`)}` },
        body: new URLSearchParams({ token: authorization?.replace(/^Bearer /, '') ?? 'none' }),
      });
      const { active, aud } = (await answer.json()) as { active: boolean; aud?: string };
      return active && aud === RESOURCE;
    };
    await until(async () => (await Promise.all(seenUpstream.map(isOfProvider))).includes(true));
    expect(seenUpstream.join()).not.toContain('the-token-of-the-caller');
  });
});

describe('an MCP server that is known by its URL alone', () => {
  const tool = 'letters__letters';
  const known = async (browser: Browser) => {
    const { body } = await json(browser, 'GET', 'providers');
    return (body['providers'] as { provider: string; issuer: string | null }[]).find(
      (one) => one.provider === 'letters',
    )!;
  };

  it('is authorised like every provider: on the page it says who issues the tokens, and its tools come and go', async () => {
    const users = [newUser(), newUser()];
    await until(async () => (await known(users[0]!.browser)).issuer === provider.issuer);
    expect(await known(users[0]!.browser)).toMatchObject({ title: 'letters', status: 'not_connected' });
    // At once, on both replicas: one registration counts for all.
    const logins = await Promise.all(
      users.map(async ({ browser }) => ({ browser, at: await begin(browser, 'letters') })),
    );
    for (const { browser, at } of logins) {
      expect(at.searchParams.get('resource')).toBe(hosted.url);
      expect((await browser.open((await consent(browser, at)).href)).url).toBe(`${base()}?connected=letters`);
    }
    const clients = new Set(logins.map(({ at }) => at.searchParams.get('client_id')));
    expect(clients.size).toBe(1);
    expect(provider.registered).toContain([...clients][0]);
    for (const { principal, browser } of users) {
      await until(async () => (await mailCall(principal, tool)) === 'succeeded', 20_000);
      expect((await json(browser, 'POST', 'letters/refresh')).body).toMatchObject({
        status: 'connected',
        scopes: SCOPES,
      });
      expect((await json(browser, 'GET', 'letters/status/live')).body).toMatchObject({ live: 'active' });
    }
    expect(hosted.took).not.toContain(false);
    const [ann, bob] = users;
    expect((await json(ann!.browser, 'DELETE', 'letters')).body).toMatchObject({
      revoked: true,
      at_provider: 'revoked',
    });
    expect(await mailCall(ann!.principal, tool)).toBe('tool_not_found');
    expect(await mailCall(bob!.principal, tool)).toBe('succeeded');
  });

  it('says to an admin beforehand what it wants', async () => {
    const look = (role: string) =>
      fetch(`${gateway.url}/tools/upstreams/look`, {
        method: 'POST',
        headers: { 'x-user-id': 'root', 'x-user-role': role, 'content-type': 'application/json' },
        body: JSON.stringify({ url: hosted.url }),
      });
    expect(await (await look('admin')).json()).toMatchObject({
      wants: 'login',
      authorisation: { issuer: provider.issuer, resource: hosted.url, client: 'registration', scopes: SCOPES },
    });
    expect((await look('user')).status).toBe(403);
  });

  it('has no document about us where no authorization server could read it', async () => {
    const answer = await fetch(`${base()}/client.json`);
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([404, 'not_found']);
  });
});

describe('attacks on a login', () => {
  it('no link leads to the provider before its person said so, each time and for each client', async () => {
    const { browser } = newUser();
    await connectMail(browser); // The provider has its consent cookie, and so would ask nothing.
    for (const client of ['first', 'second']) {
      const answer = await browser.send(`${base()}/mail/start?client=${client}`, {
        headers: { accept: 'text/html', 'x-user-id': 'user-1' },
      });
      expect(answer.status).toBe(303);
      const page = new URL(answer.headers.get('location')!, base());
      expect([page.origin, page.pathname]).toEqual([gateway.url, '/api/mcp/auth']);
      expect(page.searchParams.get('client')).toBe(client);
      expect(answer.headers.getSetCookie()).toEqual([]);
    }
    // Another site's page may not make the request that begins it, whatever cookies come along.
    for (const [method, path] of [
      ['POST', 'mail/start'],
      ['DELETE', 'mail'],
      ['POST', 'mail/refresh'],
    ] as const) {
      const answer = await browser.send(`${base()}/${path}`, { method, headers: { origin: 'https://evil.example' } });
      expect([path, answer.status]).toEqual([path, 403]);
    }
  });

  const tampered: [string, (back: URL, other: URL) => URL][] = [
    ['a missing state', (back) => without(back, 'state')],
    ['a state that nobody made', (back) => changed(back, 'state', `AAAAAAAAAAAA.${'B'.repeat(43)}`)],
    ['an issuer that is another one', (back) => changed(back, 'iss', 'https://evil.example')],
    ['no issuer, from a provider that always names it', (back) => without(back, 'iss')],
    ['a code of another login', (back, other) => changed(back, 'code', other.searchParams.get('code')!)],
    ['the state twice', (back) => new URL(`${back.href}&state=x`)],
    ['a refusal of the person', (back) => without(changed(back, 'error', 'access_denied'), 'code')],
  ];
  it.each(tampered)('%s is refused, nothing is stored, and the state is used up', async (_name, tamper) => {
    const { user, browser } = newUser();
    const other = await consent(browser, await begin(browser));
    const back = await consent(browser, await begin(browser));
    const sent = tamper(back, other);
    const page = await browser.open(sent.href);
    expect(page.status).toBe(400);
    expect(page.text).toContain('Not connected');
    expect(await rowsOf(user)).toEqual([]);
    if (
      sent.searchParams.getAll('state').length !== 1 ||
      sent.searchParams.get('state') !== back.searchParams.get('state')
    )
      return;
    expect((await browser.open(back.href)).status).toBe(400);
    expect(await rowsOf(user)).toEqual([]);
  });

  it('a callback is used once, by the browser that began, at exactly its address', async () => {
    const { user, browser } = newUser();
    const stranger = newUser();
    const stolen = await consent(browser, await begin(browser));
    expect((await stranger.browser.open(stolen.href)).status).toBe(400);
    expect((await browser.open(stolen.href)).status).toBe(400); // The stranger used it up.
    const back = await consent(browser, await begin(browser));
    expect((await browser.open(back.href.replace('/callback', '/callback/evil'))).status).toBe(404);
    expect((await browser.open(back.href)).status).toBe(200);
    const [{ connection_id: id } = {}] = await rowsOf(user);
    expect((await browser.open(back.href)).status).toBe(400);
    expect(await rowsOf(user)).toMatchObject([{ connection_id: id }]);
    await fact('tools.provider.refused', user);
  });

  it('a provider that does not say that it checks PKCE is refused before any browser goes there', async () => {
    const { browser } = newUser();
    const { status, body } = await json(browser, 'POST', 'weak/start');
    expect([status, body['code']]).toEqual([502, 'provider_unusable']);
    const left = await sql.query("select 1 from mcp_tool.provider_logins where provider = 'weak'");
    expect(left.rows).toEqual([]);
  });

  it('needs an identity, and knows no provider that the operator did not name', async () => {
    const nobody = await fetch(`${base()}/providers`);
    expect(nobody.status).toBe(401);
    const { browser } = newUser();
    for (const name of ['nothing', '..%2f', 'MAIL'])
      expect((await json(browser, 'POST', `${name}/start`)).status).toBe(404);
  });
});

describe('what is stored', () => {
  it('opens for its owner alone: a moved row and a changed text are refused, and told of', async () => {
    const [ann, bob] = [newUser(), newUser()];
    await connectMail(ann.browser);
    await connectMail(bob.browser);
    const [mine] = await rowsOf(ann.user);
    expect(mine!['sealed']).not.toMatch(/access_token|refresh_token/);
    const put = (sealed: unknown) =>
      sql.query('update mcp_tool.provider_connections set sealed = $2 where user_id = $1', [bob.user, sealed]);
    const [theirs] = await rowsOf(bob.user);

    await put(mine!['sealed']);
    expect(await json(bob.browser, 'GET', 'mail/status/live')).toMatchObject({ body: { live: 'inactive' } });
    await fact('tools.credential.unreadable', bob.user);
    const jwe = JSON.parse(theirs!['sealed'] as string) as { ciphertext: string; protected: string };
    const flipped = (text: string) => (text.startsWith('A') ? 'B' : 'A') + text.slice(1);
    await put(JSON.stringify({ ...jwe, ciphertext: flipped(jwe.ciphertext) }));
    expect((await json(bob.browser, 'POST', 'mail/refresh')).status).toBe(424);
    const header = { alg: 'dir', enc: 'A256GCM', kid: 'old' };
    await put(JSON.stringify({ ...jwe, protected: Buffer.from(JSON.stringify(header)).toString('base64url') }));
    expect((await json(bob.browser, 'POST', 'mail/refresh')).status).toBe(424);
    await put(theirs!['sealed']);
    expect((await json(bob.browser, 'GET', 'mail/status/live')).body).toMatchObject({ live: 'active' });
  });

  it('is sealed anew under the newest key, and lost to nobody', async () => {
    const { user, browser } = newUser();
    await connectMail(browser);
    const rotated = await startMcpTool({ ...mcpEnv, VAULT_KEYS: `new:${KEYS.new},old:${KEYS.old}` });
    try {
      await until(async () => (await rowsOf(user))[0]?.['kid'] === 'new');
      const registered = () => sql.query<{ kid: string }>('select kid from mcp_tool.provider_registrations');
      await until(async () => (await registered()).rows.every(({ kid }) => kid === 'new'));
      expect((await registered()).rows).toHaveLength(1);
      const [row] = await rowsOf(user);
      expect(
        JSON.parse(Buffer.from(JSON.parse(row!['sealed'] as string).protected as string, 'base64url').toString()),
      ).toMatchObject({
        kid: 'new',
        alg: 'A256GCMKW',
        enc: 'A256GCM',
      });
    } finally {
      await rotated.stop();
    }
  });

  it('is in no message: tokens, verifiers and client secrets stay in mcp-tool', async () => {
    const { browser } = newUser();
    await connectMail(browser);
    await raw.flush();
    expect(heard).toContain(finishAuthorisation.subject);
    expect(heard).not.toMatch(/access_token|refresh_token|code_verifier/);
    expect(heard).not.toContain(provider.clientSecret);
  });
});

function changed(url: URL, name: string, value: string): URL {
  const copy = new URL(url);
  copy.searchParams.set(name, value);
  return copy;
}

function without(url: URL, name: string): URL {
  const copy = new URL(url);
  copy.searchParams.delete(name);
  return copy;
}
