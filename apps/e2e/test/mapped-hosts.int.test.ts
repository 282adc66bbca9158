import { generateKeyPairSync, sign } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Bus, type Call, connectBus, type Service } from '@switchyard/bus';
import { httpBody, httpRequest, type InputOf, type OutputOf, xmppStatus } from '@switchyard/contracts';
import { createDevModel, type DevModel } from '@switchyard/dev-model';
import { type ProsodyServer, type Servers, startProsody, startServers } from '@switchyard/local-servers';
import { createMockA2a, type MockA2a } from '@switchyard/mock-a2a';
import { createLogger, parseConfig } from '@switchyard/platform';
import { CarriedBodies } from '@switchyard/safe-fetch';
import { type Proxy, startProxy, until } from '@switchyard/testing';
import { Config as BridgeConfig, createXmppBridge } from '@switchyard/xmpp-bridge';
import { startSystem, type System } from '../src/index.ts';
import { type McpFixture, startMcpFixture } from '../src/mcp-fixture.ts';

/*
 * The model, an agent, an MCP server and the keys of an identity provider at one mapped address. Something listens at
 * that address of the network too: nothing may ever arrive there.
 */

const log = createLogger({ app: 'test', level: 'silent' });
const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const dir = mkdtempSync(join(tmpdir(), 'switchyard-mapped-'));

let prosody: ProsodyServer;
let way: Proxy;
/** Those of the other organisation. */
let fars: Servers<'nats'>;
let bridge: Service;
let far: Bus;
let near: Bus;
let model: DevModel;
let agent: MockA2a;
let mcp: McpFixture;
let jwks: Server;
let decoy: Server;
let system: System;
/** What came over the network to the mapped address, and what came over XMPP to the other side. */
const overNetwork: string[] = [];
const overXmpp: string[] = [];

const listening = (server: Server): Promise<string> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  });
const token = (kid: string): string => {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1_000);
  const whose = { sub: 'ada', app_metadata: { tenant_id: 'default' } };
  const claims = { iss: 'https://issuer', aud: 'authenticated', ...whose, iat: now, exp: now + 600 };
  const signed = `${part({ alg: 'ES256', kid })}.${part(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), { key: keys.privateKey, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
};
const account = (user: string, port: number): Record<string, string> => ({
  AZTM_JID: `${user}@localhost`,
  AZTM_PASSWORD: `pw-${user}`,
  AZTM_TLS: 'off',
  AZTM_HOST: '127.0.0.1',
  AZTM_PORT: String(port),
});

/** The other side's gateway: hands on to whoever serves the path there. */
async function serve(
  request: InputOf<typeof httpRequest>,
  body: Buffer,
  call: Call,
): Promise<OutputOf<typeof httpRequest>> {
  const { method, resource } = request;
  const [path = ''] = resource.split('?');
  overXmpp.push(`${method} ${path}`);
  const origin = [
    ['/v1/', model.url],
    ['/mcp', new URL(mcp.url).origin],
    ['/jwks', `http://127.0.0.1:${(jwks.address() as AddressInfo).port}`],
  ].find(([prefix]) => path.startsWith(prefix!))?.[1];
  const kept = request.headers.filter(([name]) => !/^(host|content-length|connection|transfer-encoding)$/.test(name));
  const response = await fetch(`${origin ?? agent.url}${resource}`, {
    method,
    headers: kept,
    signal: call.signal,
    ...(body.length > 0 ? { body: new Uint8Array(body) } : {}),
  });
  const headers = [...response.headers].filter(([name]) => !/^(content-length|transfer-encoding)$/.test(name));
  const head = { status: response.status, headers };
  if (!response.headers.get('content-type')?.startsWith('text/event-stream'))
    return { ...head, body: Buffer.from(await response.arrayBuffer()).toString('base64') };
  call.progress({ head });
  for await (const piece of response.body!) call.progress({ chunk: Buffer.from(piece).toString('base64') });
  return { ...head, body: '' };
}

beforeAll(async () => {
  chmodSync(dir, 0o755);
  [prosody, fars, model, mcp] = await Promise.all([
    startProsody({ dir: join(dir, 'prosody'), users: { near: 'pw-near', far: 'pw-far' } }),
    startServers(['nats']),
    createDevModel({ port: 0 }),
    startMcpFixture(),
  ]);
  way = await startProxy(prosody.port);
  const jwk = { ...keys.publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256', use: 'sig' };
  jwks = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [jwk] }));
  });
  await listening(jwks);
  decoy = createServer((request, response) => {
    overNetwork.push(`${request.method} ${request.url}`);
    response.end('{}');
  });
  const mapped = await listening(decoy);
  agent = await createMockA2a({ port: 0, publicUrl: mapped });

  const policy = join(dir, 'policy.json');
  writeFileSync(
    policy,
    JSON.stringify({
      'near@localhost': { methods: ['GET', 'POST', 'DELETE'], paths: ['/*'], perMinute: 100_000, maxBodyKb: 1_024 },
    }),
  );
  const parsed = parseConfig(BridgeConfig, {
    ...account('far', prosody.port),
    ...fars.accessOf('xmpp-bridge'),
    AZTM_PEER_POLICY: policy,
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  bridge = createXmppBridge(parsed.value, { log, handleSignals: false });
  await bridge.start();
  far = await connectBus({ ...fars.busOf('gateway'), log });
  const bodies = new CarriedBodies();
  await far.answer(httpBody, (piece) => Promise.resolve(bodies.piece(piece)), { as: bodies.name });
  await far.answer(httpRequest, async (request, call) =>
    serve(request, await bodies.take(request, 1_048_576, call), call),
  );

  const upstreams = join(dir, 'upstreams.yaml');
  const defaults = { kind: 'read', idempotency: 'safe' };
  writeFileSync(
    upstreams,
    JSON.stringify({ upstreams: { far: { url: `${mapped}/mcp`, trust: 'trusted', refresh_ms: 2_000, defaults } } }),
  );
  system = await startSystem({
    env: {
      ...account('near', way.port),
      AZTM_SERVER_MODE: 'false',
      SERVICE_MAP: JSON.stringify({ [new URL(mapped).host]: 'far@localhost' }),
      // So that the network would be a way, were it ever taken.
      EGRESS_ALLOW_HOSTS: new URL(mapped).host,
      OPENAI_BASE_URL: `${mapped}/v1`,
      OPENAI_MAX_RETRIES: '0',
      A2A_AGENTS: mapped,
      A2A_CARD_TTL_MS: '500',
      MCP_UPSTREAMS: upstreams,
      IDENTITY_MODE: 'jwt',
      JWT_ISSUER: 'https://issuer',
      JWT_JWKS_URL: `${mapped}/jwks`,
    },
  });
  near = await connectBus({ ...system.servers.busOf('gateway'), log });
}, 180_000);
afterAll(async () => {
  way?.heal();
  await near?.close();
  await system?.stop();
  await far?.close();
  await bridge?.stop();
  for (const server of [jwks, decoy]) {
    server?.closeAllConnections();
    server?.close();
  }
  await Promise.all([model?.stop(), agent?.stop(), mcp?.stop()]);
  way?.stop();
  await Promise.all([prosody?.stop(), fars?.stop()]);
  rmSync(dir, { recursive: true, force: true });
});

async function ask(
  path: string,
  body?: object,
  kid = 'k1',
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${system.gateway}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${token(kid)}`, 'content-type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('what a service calls at a mapped address', () => {
  it('travels over XMPP alone: the model, an agent, an MCP server and the keys of callers', async () => {
    await until(async () => JSON.stringify((await ask('/tools')).body).includes('far'), 60_000);
    const run = () => ask('/orchestrate', { task: 'Ask the mock agent to uppercase hello' });
    await until(async () => JSON.stringify((await run()).body).includes('HELLO'), 60_000);
    for (const [what, request] of [
      ['the model', 'POST /v1/chat/completions'],
      ['the agent', 'GET /.well-known/agent-card.json'],
      ['the agent', 'POST /a2a'],
      ['the MCP server', 'POST /mcp'],
      ['the keys', 'GET /jwks'],
    ])
      expect([what, overXmpp.filter((each) => each === request).length > 0]).toEqual([what, true]);
    expect(overNetwork).toEqual([]);
  }, 180_000);

  it('is refused while the bridge is not logged in, and never called over the network', async () => {
    way.cut();
    await until(async () => (await near.request(xmppStatus, {})).state !== 'online', 30_000);
    const before = overXmpp.length;
    const run = await ask('/orchestrate', { task: 'What is 17% of 2340?' });
    expect(JSON.stringify(run.body)).not.toContain('397.8');
    // Keys that are not known yet would have to be fetched.
    expect((await ask('/runs', undefined, 'k2')).status).toBeGreaterThanOrEqual(401);
    expect(overNetwork).toEqual([]);
    expect(overXmpp.slice(before).filter((each) => /completions|jwks/.test(each))).toEqual([]);
  });
});
