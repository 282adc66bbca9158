import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { denoProgram } from '@switchyard/testing';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { type TestGateway, startTestGateway, parseSse } from './http.ts';

/* infra/supabase/functions/auth-gateway, run by Deno itself in front of a gateway in identity mode edge. */

const ROOT = new URL('../../../', import.meta.url);
const FUNCTION = new URL('infra/supabase/functions/auth-gateway/index.ts', ROOT).pathname;
const EDGE_SECRET = 'e'.repeat(32);
const JWT_SECRET = 's'.repeat(40);
const APP = 'https://app.example.com';
const deno = await denoProgram();
const folder = mkdtempSync(join(tmpdir(), 'switchyard-edge-'));
const config = join(folder, 'deno.json');
// Without a network: the library is the one of the gateway.
writeFileSync(
  config,
  JSON.stringify({
    imports: { jose: pathToFileURL(new URL('node_modules/jose/dist/webapi/index.js', ROOT).pathname).href },
  }),
);

let gateway: TestGateway;
let auth: { server: Server; issuer: string; up: boolean };
let sign: (claims?: object, options?: { expiresInS?: number; issuer?: string }) => Promise<string>;
const children: ChildProcess[] = [];
let edge = '';

async function startAuth() {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
  const server = createServer((_request, response) => {
    response.writeHead(auth.up ? 200 : 503, { 'content-type': 'application/json' });
    response.end(JSON.stringify(auth.up ? { keys: [jwk] } : {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  auth = { server, issuer: `http://127.0.0.1:${(server.address() as AddressInfo).port}/auth/v1`, up: true };
  const claims = {
    email: 'ada@example.com',
    role: 'authenticated',
    app_metadata: { tenant_id: 'acme', role: 'admin' },
  };
  sign = (more = {}, { expiresInS = 60, issuer = auth.issuer } = {}) =>
    new SignJWT({ ...claims, ...more })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setIssuer(issuer)
      .setAudience('authenticated')
      .setSubject('user-1')
      .setExpirationTime(Math.floor(Date.now() / 1000) + expiresInS)
      .sign(privateKey);
}

/** The function in a process of its own; resolves to where it listens, or to what it said before it ended. */
async function startEdge(env: Record<string, string> = {}): Promise<string> {
  const args = [
    'run',
    '--no-remote',
    '--no-npm',
    '--no-prompt',
    '--allow-net',
    '--allow-env',
    '--config',
    config,
    FUNCTION,
  ];
  const child = spawn(deno!, args, {
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      NO_COLOR: '1',
      DENO_SERVE_ADDRESS: 'tcp:127.0.0.1:0',
      GATEWAY_URL: gateway.url,
      EDGE_SHARED_SECRET: EDGE_SECRET,
      SUPABASE_URL: new URL(auth.issuer).origin,
      ALLOWED_ORIGINS: APP,
      JWT_SECRET,
      MAX_BODY_BYTES: '20000',
      ...env,
    },
  });
  children.push(child);
  let said = '';
  return new Promise((resolve) => {
    const heard = (chunk: Buffer) => {
      said += chunk.toString();
      const port = /Listening on \S+?:(\d+)/.exec(said)?.[1];
      if (port !== undefined) resolve(`http://127.0.0.1:${port}/auth-gateway`);
    };
    child.stdout.on('data', heard);
    child.stderr.on('data', heard);
    child.once('exit', () => resolve(said));
  });
}

const ask = async (path: string, token: string | null, init: RequestInit & { headers?: Record<string, string> } = {}) =>
  fetch(`${edge}${path}`, {
    ...init,
    headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...init.headers },
  });
const run = (token: string | null, headers: Record<string, string> = {}, task = 'play success') =>
  ask('/orchestrate', token, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ task }),
  });
const principal = () => gateway.orchestrator.starts.at(-1)?.run.principal;

beforeAll(async () => {
  if (deno === undefined) return;
  gateway = await startTestGateway({ IDENTITY_MODE: 'edge', EDGE_SHARED_SECRET: EDGE_SECRET });
  await startAuth();
  edge = await startEdge();
  expect(edge).toMatch(/^http/);
}, 300_000);
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  auth?.server.close();
  await gateway?.stop();
  rmSync(folder, { recursive: true, force: true });
});

(deno === undefined ? describe.skip : describe)('the edge function in Deno', () => {
  it('is TypeScript that Deno finds no fault with', () => {
    execFileSync(deno!, ['check', '--no-remote', '--no-npm', '--config', config, FUNCTION], {
      env: { HOME: folder, PATH: process.env['PATH'] },
      stdio: 'pipe',
      timeout: 120_000,
    });
  }, 130_000);

  it('says who the user is, by the token and by nothing that the client wrote', async () => {
    const forged = {
      'x-supabase-user-id': 'eve',
      'x-supabase-user-role': 'admin',
      'x-supabase-tenant-id': 'evil',
      'x-user-id': 'eve',
      'x-edge-secret': 'x'.repeat(32),
      cookie: 'a=b',
    };
    expect(
      (await run(await sign({ app_metadata: { tenant_id: 'acme' }, user_metadata: { role: 'admin' } }), forged)).status,
    ).toBe(200);
    expect(principal()).toEqual({ tenantId: 'acme', userId: 'user-1', role: 'user', via: 'edge' });
    expect((await run(await sign())).status).toBe(200);
    expect(principal()).toMatchObject({ tenantId: 'acme', userId: 'user-1', role: 'admin' });
  });

  it('takes tokens of the shared key where it is set, and none by a key that is not its own', async () => {
    const shared = (secret: string) =>
      new SignJWT({ role: 'authenticated', app_metadata: { tenant_id: 'acme' } })
        .setProtectedHeader({ alg: 'HS256' })
        .setIssuer(auth.issuer)
        .setAudience('authenticated')
        .setSubject('user-2')
        .setExpirationTime('1m')
        .sign(new TextEncoder().encode(secret));
    expect((await run(await shared(JWT_SECRET))).status).toBe(200);
    expect(principal()).toMatchObject({ userId: 'user-2' });
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"eve"}').toString('base64url')}.`;
    const refused = [
      null,
      'x',
      none,
      await shared('t'.repeat(40)),
      await sign({}, { expiresInS: -60 }),
      await sign({}, { issuer: 'https://evil' }),
    ];
    for (const token of refused) {
      const answer = await run(token);
      expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([401, 'unauthenticated']);
    }
    for (const claims of [{ role: 'service_role' }, { role: 'anon' }, { is_anonymous: true }])
      expect((await run(await sign(claims))).status).toBe(403);
    expect((await run(await sign({ app_metadata: { tenant_id: 'a\r\nx-user-id: eve' } }))).status).toBe(401);
  });

  it('hands on each event when it happens, and the conversation that it belongs to', async () => {
    const answer = await ask('/orchestrate/stream?task=play%20tool%20300', await sign(), {
      headers: { 'x-session-id': 's-1' },
    });
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    const times: number[] = [];
    let text = '';
    for await (const chunk of answer.body!) {
      times.push(Date.now());
      text += Buffer.from(chunk as Uint8Array).toString();
    }
    expect(parseSse(text).at(-1)).toMatchObject({ event: 'response.completed' });
    expect(times.length).toBeGreaterThan(3);
    expect(times.at(-1)! - times[0]!).toBeGreaterThan(900);
    const turn = await ask('/ag-ui/events?user_message=play%20success', await sign(), {
      headers: { 'x-session-id': 's-1' },
    });
    expect(turn.headers.get('x-session-id')).toBe('s-1');
    await turn.body?.cancel();
  });

  it('goes on after Last-Event-ID, as the gateway does', async () => {
    const all = parseSse(await (await ask('/orchestrate/stream?task=play%20tool', await sign())).text());
    const ids = all.flatMap(({ id }) => id ?? []);
    const rest = await ask('/orchestrate/stream?task=play%20tool', await sign(), {
      headers: { 'last-event-id': ids[1]! },
    });
    expect(parseSse(await rest.text()).flatMap(({ id }) => id ?? [])).toEqual(ids.slice(2));
  });

  it('ends a stream when the token of its user does, and the request behind it when the client leaves', async () => {
    const token = await sign({}, { expiresInS: 2 });
    const answer = await ask('/orchestrate/stream?task=hang', token);
    const began = Date.now();
    await answer.text().catch(() => '');
    expect(Date.now() - began).toBeLessThan(10_000);
    const leaving = new AbortController();
    const left = await ask('/orchestrate/stream?task=hang', await sign(), { signal: leaving.signal });
    expect(await open()).toBe(1);
    leaving.abort();
    await left.text().catch(() => '');
    for (let tries = 0; tries < 50 && (await open()) > 0; tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await open()).toBe(0);
  }, 30_000);

  it('lets only those pages call that are named', async () => {
    const preflight = (origin: string) =>
      ask('/runs', null, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } });
    const named = await preflight(APP);
    expect([named.status, named.headers.get('access-control-allow-origin')]).toEqual([204, APP]);
    const foreign = await preflight('https://evil.example');
    expect([foreign.status, foreign.headers.get('access-control-allow-origin')]).toEqual([403, null]);
    expect((await run(await sign(), { origin: 'https://evil.example' })).status).toBe(403);
    const page = await run(await sign(), { origin: APP });
    expect([page.status, page.headers.get('access-control-allow-origin'), page.headers.get('vary')]).toEqual([
      200,
      APP,
      'origin',
    ]);
    expect((await run(null, { origin: APP })).headers.get('access-control-allow-origin')).toBe(APP);
  });

  it('reaches nothing that is for operators, by no spelling', async () => {
    for (const path of [
      '/metrics',
      '/readiness',
      '/',
      '/runs/%2e%2e/metrics',
      '/runs/..%2fmetrics',
      '/runsmetrics',
      '/docs',
    ])
      expect([path, (await ask(path, await sign())).status]).toEqual([path, 404]);
  });

  it('refuses a body that is too large, said or not', async () => {
    expect((await run(await sign(), {}, 'x'.repeat(30_000))).status).toBe(413);
    const chunks = new ReadableStream({
      start(controller) {
        for (let n = 0; n < 30; n += 1) controller.enqueue(new TextEncoder().encode('x'.repeat(1_000)));
        controller.close();
      },
    });
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: chunks, duplex: 'half' };
    expect(
      (await ask('/orchestrate', await sign(), init as RequestInit & { headers: Record<string, string> })).status,
    ).toBe(413);
  });

  it('says 503 or 504 where the gateway, or what gives out the keys, does not answer; and starts with no bad setting', async () => {
    const usual = edge;
    edge = await startEdge({ GATEWAY_URL: 'http://127.0.0.1:9' });
    expect((await run(await sign())).status).toBe(503);
    edge = await startEdge({ ANSWER_TIMEOUT_MS: '500' });
    expect((await run(await sign(), {}, 'hang')).status).toBe(504);
    auth.up = false;
    edge = await startEdge();
    const answer = await run(await sign());
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    auth.up = true;
    edge = usual;
    const said = await startEdge({
      GATEWAY_URL: 'http://gateway.example.com',
      EDGE_SHARED_SECRET: 'short',
      ALLOWED_ORIGINS: '*',
    });
    for (const name of ['GATEWAY_URL', 'EDGE_SHARED_SECRET', 'ALLOWED_ORIGINS']) expect(said).toContain(name);
    expect(said).not.toContain(JWT_SECRET);
  }, 60_000);
});

async function open(): Promise<number> {
  const headers = {
    'x-edge-secret': EDGE_SECRET,
    'x-supabase-user-id': 'op',
    'x-supabase-user-role': 'auditor',
    'x-supabase-tenant-id': 'acme',
  };
  const text = await (await fetch(`${gateway.url}/metrics`, { headers })).text();
  return Number(/^sse_connections\{.*\} (\d+)$/m.exec(text)?.[1]);
}
