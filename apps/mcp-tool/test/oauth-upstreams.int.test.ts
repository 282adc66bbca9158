import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { clientDocument, liveStatus, lookAtUpstream, type Principal, revokeAuthorisation } from '@switchyard/contracts';
import { sleep } from '@switchyard/platform';
import { until } from '@switchyard/testing';
import { begin, consent, finish, followLink, isWanted, lookedAt, PUBLIC_URL, viewOf } from './follow-link.ts';
import {
  type AuthorizationServer,
  type ProtectedServer,
  startAuthorizationServer,
  startProtectedServer,
} from './oauth-servers.ts';
import { ANN, BOB, type Database, startDatabase, startSystem, type System } from './upstream-system.ts';
import { text } from './upstream-servers.ts';

/**
 * MCP servers that want a login, and their authorization servers, as untrusted servers: the tests show what these can make us do
 * and what they cannot. Over real HTTP, with a real database.
 */

const LINK = (name: string) => `${PUBLIC_URL}/api/mcp/auth?provider=${name}`;
const whoami = { name: 'whoami', call: () => text('somebody') };

let database: Database;
let system: System;
let first: AuthorizationServer;
let second: AuthorizationServer;
let mcp: ProtectedServer;
/** A private server that nobody named. No request may reach it. */
let canary: { server: Server; url: string; hits: number };
let count = 0;

beforeAll(async () => {
  database = await startDatabase();
  [first, second] = await Promise.all([startAuthorizationServer(), startAuthorizationServer()]);
  mcp = await startProtectedServer(first, [whoami]);
  const server = createServer((_request, response) => {
    canary.hits += 1;
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  canary = { server, hits: 0, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  system = await startSystem(
    database.store,
    { read: (name) => (name === 'OUR_SECRET' ? 'our-own-secret' : undefined) },
    {
      VAULT_KEYS: `first:${randomBytes(32).toString('base64')}`,
      PUBLIC_URL,
      EGRESS_ALLOW_HOSTS: [first, second].map(({ issuer }) => new URL(issuer).host).join(','),
    },
  );
});
afterAll(async () => {
  await system?.stop();
  for (const server of [mcp, first, second]) await server?.close();
  canary?.server.closeAllConnections();
  await new Promise((resolve) => (canary ? canary.server.close(resolve) : resolve(0)));
  await database?.stop();
});
/** Waits until the background work of the last upstream is over, before the next test counts requests. */
beforeEach(async () => {
  await system.configure('upstreams: {}');
  const asked = () => [mcp, first, second].reduce((sum, server) => sum + server.asked.length, 0);
  await until(async () => {
    const before = asked();
    await sleep(100);
    return asked() === before;
  }, 20_000);
  for (const server of [first, second]) {
    Object.assign(server, { metadata: {}, script: undefined });
    for (const kept of [server.clients, server.tokens, server.refreshTokens]) kept.clear();
    server.tokenRequests.length = server.asked.length = 0;
  }
  Object.assign(mcp, { metadata: {}, script: undefined, trusts: first, challenge: '', calls: 0 });
  mcp.seen.length = mcp.asked.length = 0;
  canary.hits = 0;
});

/** Adds the server as an upstream with a name of its own. */
async function upstream(settings: object = {}, url = mcp.url): Promise<string> {
  const name = `up${(count += 1)}`;
  const usual = { url, auth: 'oauth', trust: 'trusted', defaults: { kind: 'write', idempotency: 'none' } };
  await system.configure(JSON.stringify({ upstreams: { [name]: { ...usual, ...settings } } }));
  await lookedAt(system, name);
  return name;
}

const statusOf = async (name: string) => (await system.statuses()).find((status) => status.name === name)!;
const call = (name: string, who: Principal = ANN) => system.call(`${name}__whoami`, {}, { principal: who });
const isListed = async (name: string, who: Principal = ANN) => (await system.tools(who)).includes(`${name}__whoami`);

/** A call after which its user must act: the tool says so, or is hidden where another call noticed it before. */
async function refused(name: string, who: Principal = ANN): Promise<void> {
  const result = await call(name, who);
  expect(result.status).toBe('failed');
  if (result.status === 'failed' && result.code === 'provider_not_connected')
    expect(result.message).toContain(LINK(name));
  else expect(result).toMatchObject({ code: 'tool_not_found' });
}

async function connected(settings?: object): Promise<string> {
  const name = await upstream(settings);
  await followLink(system, name, ANN);
  await until(() => isListed(name), 20_000);
  return name;
}

describe('a server that is known by its URL alone', () => {
  it('tells who authorises it and what to do, is registered at once for all users, and gets tokens for it alone', async () => {
    const name = await upstream();
    expect(await statusOf(name)).toMatchObject({
      available: false,
      reason: expect.stringContaining(LINK(name)),
      authorisation: { by: 'user', issuer: first.issuer, resource: mcp.url, client: 'registration' },
    });
    await Promise.all([ANN, BOB].map((who) => followLink(system, name, who)));
    for (const who of [ANN, BOB]) {
      await until(() => isListed(name, who), 20_000);
      expect(await call(name, who)).toMatchObject({ status: 'succeeded', output: 'somebody' });
      expect(await viewOf(system, name, who)).toMatchObject({ status: 'connected', issuer: first.issuer });
    }
    expect(new Set(first.tokenRequests.map(({ client }) => client)).size).toBe(1);
    expect(first.tokenRequests.map(({ body }) => body.get('resource'))).toEqual([mcp.url, mcp.url]);
    const gone = await system.bus.request(revokeAuthorisation, { principal: ANN, provider: name });
    expect(gone).toMatchObject({ revoked: true, at_provider: 'not_supported' });
    expect(await call(name)).toMatchObject({ code: 'tool_not_found' });
    expect(await call(name, BOB)).toMatchObject({ status: 'succeeded' });
  });

  it('has a refused token renewed once and the call repeated once, however many wait', async () => {
    const name = await connected();
    const before = first.tokenRequests.length;
    mcp.calls = 0;
    first.tokens.clear();
    const results = await Promise.all(Array.from({ length: 5 }, () => call(name)));
    expect(results.map(({ status }) => status)).toEqual(Array.from({ length: 5 }, () => 'succeeded'));
    expect(mcp.calls).toBe(5);
    expect(first.tokenRequests.slice(before).map(({ body }) => body.get('grant_type'))).toEqual(['refresh_token']);
  });

  it('is authorised anew where nothing is renewed any more, and where it forgot who we are', async () => {
    const name = await connected();
    first.tokens.clear();
    first.refreshTokens.clear();
    await refused(name);
    expect(await viewOf(system, name, ANN)).toMatchObject({ status: 'expired' });
    await followLink(system, name, ANN);
    await until(() => isListed(name), 20_000);
    first.tokens.clear();
    first.clients.clear();
    await refused(name);
    const before = first.asked.filter((path) => path === '/register').length;
    await followLink(system, name, ANN);
    expect(first.asked.filter((path) => path === '/register').length).toBe(before + 1);
    await until(async () => (await call(name)).status === 'succeeded', 20_000);
  });

  it('is asked for a renewal where it has no other way to say whether the authorisation holds', async () => {
    const name = await connected();
    const live = () => system.bus.request(liveStatus, { principal: ANN, provider: name });
    const before = first.tokenRequests.length;
    expect(await live()).toMatchObject({ live: 'active', checked_by: 'refresh', status: 'connected' });
    expect(first.tokenRequests.slice(before).map(({ body }) => body.get('grant_type'))).toEqual(['refresh_token']);
    first.refreshTokens.clear();
    expect(await live()).toMatchObject({ live: 'inactive', checked_by: 'refresh', status: 'expired' });
  });

  it('has its registration sealed for its issuer: a row that is moved to another one does not open', async () => {
    const name = await connected();
    const { registrations } = database.store;
    const stored = (await registrations.get({ provider: name, issuer: first.issuer }))!;
    expect(stored.clientId).toBe(first.tokenRequests.at(-1)!.client);
    for (const secret of first.clients.values()) expect(JSON.stringify(stored)).not.toContain(secret);
    await registrations.save({ ...stored, issuer: second.issuer });
    mcp.trusts = second;
    await refused(name);
    await followLink(system, name, ANN);
    expect(second.tokenRequests.map(({ client }) => client)).not.toContain(stored.clientId);
  });

  it('reads who we are at our own address, where that is https', async () => {
    const { document } = await system.bus.request(clientDocument, {});
    expect(document).toMatchObject({
      client_id: `${PUBLIC_URL}/api/mcp/auth/client.json`,
      redirect_uris: [`${PUBLIC_URL}/api/mcp/auth/callback`],
      grant_types: ['authorization_code', 'refresh_token'],
    });
    first.metadata = { client_id_metadata_document_supported: true, token_endpoint_auth_methods_supported: ['none'] };
    const name = await upstream();
    const { url } = await begin(system, name, ANN);
    expect(url.searchParams.get('client_id')).toBe(document!['client_id']);
    expect(first.asked).not.toContain('/register');
    expect((await statusOf(name)).authorisation).toMatchObject({ client: 'document' });
  });
});

describe('tokens and clients of one issuer', () => {
  it('go to no other: its users authorise anew, and the new one sees nothing of the old one', async () => {
    const name = await connected();
    const [old] = first.tokenRequests;
    mcp.trusts = second;
    await refused(name);
    expect(await viewOf(system, name, ANN)).toMatchObject({ status: 'not_connected', issuer: second.issuer });
    expect(second.tokenRequests).toEqual([]);
    const renewals = first.tokenRequests.length;
    await followLink(system, name, ANN);
    await until(async () => (await call(name)).status === 'succeeded', 20_000);
    expect(second.tokenRequests).toHaveLength(1);
    expect(second.tokenRequests[0]!.client).not.toBe(old!.client);
    expect(first.tokenRequests).toHaveLength(renewals);
    const moved = () =>
      system.facts.filter(({ type, data }) => type === 'tools.provider.moved' && data.upstream === name);
    await until(() => moved().length > 0, 20_000);
    const issuers = { issuer: second.issuer, earlier_issuer: first.issuer };
    expect(moved().map(({ data }) => data)).toEqual([{ upstream: name, provider: name, ...issuers }]);
  });

  it('mix-up: a login that began at one issuer ends there or not at all', async () => {
    const name = await upstream();
    const begun = await begin(system, name, ANN);
    const params = await consent(begun);
    await expect(finish(system, begun, { ...params, iss: second.issuer })).rejects.toMatchObject({
      code: 'authorisation_refused',
    });
    const without = await begin(system, name, ANN);
    const { iss: _iss, ...rest } = await consent(without);
    await expect(finish(system, without, rest)).rejects.toMatchObject({ code: 'authorisation_refused' });
    expect(first.tokenRequests).toEqual([]);
    await followLink(system, name, BOB);
    await until(() => isListed(name, BOB), 20_000);
    const late = await begin(system, name, ANN);
    const came = await consent(late);
    mcp.trusts = second; // It names another issuer while the browser is away, and a call of another user notices.
    await refused(name, BOB);
    await expect(finish(system, late, came)).rejects.toMatchObject({ code: 'authorisation_refused' });
    expect([first.tokenRequests.length, second.tokenRequests.length]).toEqual([1, 0]); // BOB's own.
    expect((await viewOf(system, name, ANN))?.status).toBe('not_connected');
  });

  it('audience: a token for one server is not sent to another that takes its place', async () => {
    const name = await connected();
    const other = await startProtectedServer(first, [whoami]);
    try {
      const settings = { url: other.url, auth: 'oauth', trust: 'trusted' };
      await system.configure(JSON.stringify({ upstreams: { [name]: settings } }));
      await lookedAt(system, name);
      await until(async () => (await call(name)).status === 'failed' && isWanted(system, name, ANN), 20_000);
      expect(other.seen.filter((token) => token !== undefined)).toEqual([]);
    } finally {
      await other.close();
    }
  });
});

describe('an untrusted server', () => {
  const metadata = (path: string) => path.startsWith('/.well-known/');
  const cases: [string, RegExp, () => void][] = [
    ['metadata of another issuer', /names another issuer/, () => (first.metadata = { issuer: second.issuer })],
    [
      'a login without PKCE',
      /does not check PKCE/,
      () => (first.metadata = { code_challenge_methods_supported: undefined }),
    ],
    [
      'a login with plain PKCE',
      /does not check PKCE/,
      () => (first.metadata = { code_challenge_methods_supported: ['plain'] }),
    ],
    ['another resource', /another resource/, () => (mcp.metadata = { resource: 'https://evil.example/mcp' })],
    ['a resource of a longer path', /another resource/, () => (mcp.metadata = { resource: `${mcp.url}/more` })],
    [
      'a token endpoint in private',
      /not reached over https/,
      () => (first.metadata = { token_endpoint: `${canary.url}/t` }),
    ],
    [
      'a registration in private',
      /not reached over https/,
      () => (first.metadata = { registration_endpoint: canary.url }),
    ],
    ['an issuer in private', /not https/, () => (mcp.metadata = { authorization_servers: [canary.url] })],
    [
      'an issuer with TLS in private',
      /could not be asked/,
      () => {
        mcp.metadata = { authorization_servers: [canary.url.replace('http:', 'https:')] };
      },
    ],
    [
      'an issuer that is the metadata of the cloud',
      /not https/,
      () => {
        mcp.metadata = { authorization_servers: ['http://169.254.169.254/'] };
      },
    ],
    [
      'the same with TLS',
      /could not be asked/,
      () => {
        mcp.metadata = { authorization_servers: ['https://169.254.169.254/', 'https://[::ffff:10.0.0.1]/'] };
      },
    ],
    [
      'metadata elsewhere in private',
      /not https/,
      () => {
        const header = { 'www-authenticate': `Bearer resource_metadata="${canary.url}/m"` };
        mcp.script = (path) => (path === '/mcp' ? { status: 401, headers: header } : undefined);
      },
    ],
    [
      'metadata that is elsewhere now',
      /could not be asked/,
      () => {
        mcp.script = (path) => (metadata(path) ? { status: 302, headers: { location: `${canary.url}/m` } } : undefined);
      },
    ],
    [
      'metadata of the issuer that is elsewhere now',
      /could not be asked/,
      () => {
        first.script = (path) =>
          metadata(path) ? { status: 307, headers: { location: `${canary.url}/m` } } : undefined;
      },
    ],
    ['metadata of a megabyte', /could not be asked/, () => (mcp.metadata = { padding: 'x'.repeat(1024 ** 2) })],
    [
      'metadata of the issuer of a megabyte',
      /could not be asked/,
      () => (first.metadata = { padding: 'x'.repeat(1024 ** 2) }),
    ],
    [
      'metadata that is no JSON',
      /cannot be read/,
      () => {
        mcp.script = (path) => (metadata(path) ? { status: 200, body: '<html>' } : undefined);
      },
    ],
    [
      'endless lists',
      /cannot be read/,
      () => (first.metadata = { scopes_supported: Array.from({ length: 600 }, String) }),
    ],
    [
      'no metadata at all',
      /no metadata/,
      () => {
        mcp.script = (path) => ({ status: metadata(path) ? 404 : 401 });
      },
    ],
  ];
  it.each(cases)('%s: nobody is sent there, nothing is called that was not named', async (_what, sentence, say) => {
    say();
    const name = await upstream();
    expect((await statusOf(name)).authorisation?.missing).toMatch(sentence);
    await expect(begin(system, name, ANN)).rejects.toThrow(sentence);
    expect(canary.hits).toBe(0);
    expect(first.asked.filter((path) => !metadata(path))).toEqual([]);
  });

  it('does not lead a code or a secret elsewhere: a token endpoint that redirects is refused', async () => {
    const name = await upstream();
    const begun = await begin(system, name, ANN);
    const params = await consent(begun);
    first.script = (path) =>
      path === '/token' ? { status: 307, headers: { location: `${canary.url}/t` } } : undefined;
    await expect(finish(system, begun, params)).rejects.toMatchObject({ code: 'authorisation_refused' });
    expect(canary.hits).toBe(0);
  });

  it('is one sentence with what to do where it does not let us register', async () => {
    first.script = (path) => (path === '/register' ? { status: 403, body: { error: 'access_denied' } } : undefined);
    const refusing = await upstream();
    await expect(begin(system, refusing, ANN)).rejects.toThrow('refused to register us (HTTP 403)');
    first.metadata = { registration_endpoint: undefined };
    const without = await upstream();
    await expect(begin(system, without, ANN)).rejects.toThrow(`redirect address ${PUBLIC_URL}/api/mcp/auth/callback`);
    expect((await statusOf(without)).authorisation).toMatchObject({ client: 'none' });
  });
});

describe('a server that is no upstream yet', () => {
  const ROOT: Principal = { ...ANN, userId: 'root', role: 'admin' };
  const look = (principal: Principal, url: string) => system.bus.request(lookAtUpstream, { principal, url });

  it('is asked for admins alone, within what logins may call, and nothing of it stays', async () => {
    mcp.trusts = second;
    await expect(look(ANN, mcp.url)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(look(ROOT, mcp.url)).rejects.toMatchObject({ code: 'egress_blocked' });
    await expect(look(ROOT, 'http://169.254.169.254/mcp')).rejects.toMatchObject({ code: 'egress_blocked' });
    expect(mcp.asked).toEqual([]);
    // A server that logins may reach, and that asks nobody for a token.
    expect(await look(ROOT, `${second.issuer}/mcp`)).toEqual({ wants: 'nothing', authorisation: null });
    // A server that asks for a token, and names its issuer.
    const described = { resource: `${first.issuer}/mcp`, authorization_servers: [second.issuer] };
    first.script = (path) =>
      path.startsWith('/.well-known/oauth-protected-resource') ? { status: 200, body: described } : { status: 401 };
    expect(await look(ROOT, `${first.issuer}/mcp`)).toMatchObject({
      wants: 'login',
      authorisation: { issuer: second.issuer, resource: described.resource, client: 'registration' },
    });
    expect(await statusOf('127.0.0.1')).toBeUndefined();
    expect(canary.hits).toBe(0);
  });
});

describe('auth: service', () => {
  const oauth = (issuer = first.issuer) => ({ issuer, client_id: 'us', client_secret_env: 'OUR_SECRET' });

  it('gets one token for all who wait, and another one once where it is refused', async () => {
    first.clients.set('us', 'our-own-secret');
    const name = await upstream({ auth: 'service', oauth: oauth() });
    await until(() => isListed(name), 20_000);
    expect(await Promise.all([call(name), call(name, BOB)])).toMatchObject([
      { output: 'somebody' },
      { output: 'somebody' },
    ]);
    expect(first.tokenRequests.map(({ body }) => body.get('grant_type'))).toEqual(['client_credentials']);
    first.tokens.clear();
    expect(await Promise.all([call(name), call(name, BOB)])).toMatchObject([
      { output: 'somebody' },
      { output: 'somebody' },
    ]);
    expect(first.tokenRequests).toHaveLength(2);
  });

  it('gives our secret to nobody but the issuer that the operator named', async () => {
    mcp.trusts = second;
    const name = await upstream({ auth: 'service', oauth: oauth() });
    expect((await statusOf(name)).authorisation?.missing).toContain('does not name the issuer');
    expect([...first.tokenRequests, ...second.tokenRequests]).toEqual([]);
    expect(await isListed(name)).toBe(false);
  });
});

it('is in no log and in no event: tokens, codes and secrets stay where they are sealed', () => {
  const told = system.lines.join('\n') + JSON.stringify(system.facts);
  expect(told).toContain('"event":"upstream_issuer_discovered"');
  expect(told).not.toMatch(/(access|refresh|code|secret)-[0-9a-f]{8}-|our-own-secret/);
});
