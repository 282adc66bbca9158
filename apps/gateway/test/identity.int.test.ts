import { afterEach, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { parseConfig } from '@switchyard/platform';
import { Config } from '../src/config.ts';
import { type TestGateway, startTestGateway, parseSse } from './http.ts';

let gateway: TestGateway | undefined;
afterEach(async () => {
  await gateway?.stop();
  gateway = undefined;
});

const EDGE_SECRET = 'e'.repeat(32);
const jwtEnv = { IDENTITY_MODE: 'jwt', JWT_ISSUER: 'https://issuer', JWT_AUDIENCE: 'authenticated' };
const ACME = { app_metadata: { tenant_id: 'acme' } };
const body = JSON.stringify({ task: 'play success', tenant: { tenant_id: 'stolen', user_id: 'stolen' } });
const forged = {
  'x-user-id': 'eve',
  x_user_id: 'eve',
  'x-user-role': 'admin',
  'x-supabase-user-id': 'eve',
  'x-tenant-id': 'evil',
  'x-aztm-from': 'eve@evil',
};
const run = (headers: Record<string, string>) =>
  fetch(`${gateway!.url}/orchestrate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
const principal = () => gateway!.orchestrator.starts.at(-1)?.run.principal;

async function keyed() {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' };
  const sign = (claims: object, expiresInS = 60) =>
    new SignJWT({ ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setIssuer('https://issuer')
      .setAudience('authenticated')
      .setSubject('user-1')
      .setIssuedAt()
      .setExpirationTime(Math.floor(Date.now() / 1000) + expiresInS)
      .sign(privateKey);
  gateway = await startTestGateway(
    { ...jwtEnv, JWT_JWKS_URL: 'https://issuer/jwks' },
    { fetch: () => Promise.resolve(Response.json({ keys: [jwk] })) },
  );
  return sign;
}

describe('dev', () => {
  it('believes the headers, then the body, and strips what belongs to other modes', async () => {
    gateway = await startTestGateway();
    expect((await run({ 'x-user-id': 'alice', 'x-user-role': 'admin', 'x-supabase-user-id': 'eve' })).status).toBe(200);
    expect(principal()).toEqual({ tenantId: 'stolen', userId: 'alice', role: 'admin', via: 'dev' });
    expect((await run({})).status).toBe(200);
    expect(principal()).toEqual({ tenantId: 'stolen', userId: 'stolen', role: 'user', via: 'dev' });
    expect((await fetch(`${gateway.url}/runs`)).status).toBe(401);
  });

  it('lends the default user to no page of another origin', async () => {
    gateway = await startTestGateway({ TB_DEFAULT_USER_ID: 'me', CORS_ORIGINS: 'https://app.example' });
    const simple = (headers: Record<string, string>) =>
      fetch(`${gateway!.url}/orchestrate`, {
        method: 'POST',
        headers: { 'content-type': 'text/plain', ...headers },
        body,
      });
    expect((await simple({ origin: 'https://evil.example' })).status).toBe(403);
    expect((await simple({ origin: 'null' })).status).toBe(403);
    const image = await fetch(`${gateway.url}/orchestrate/stream?task=x`, {
      headers: { 'sec-fetch-site': 'cross-site' },
    });
    expect(image.status).toBe(403);
    expect(gateway.orchestrator.starts).toEqual([]);
    const own: Record<string, string>[] = [{}, { origin: 'https://app.example' }, { origin: gateway.url }];
    for (const headers of own) {
      expect((await simple(headers)).status).toBe(200);
    }
    expect((await simple({ origin: 'https://evil.example', 'x-user-id': 'alice' })).status).toBe(403);
  });

  it('falls back to TB_DEFAULT_USER_ID', async () => {
    gateway = await startTestGateway({ TB_DEFAULT_USER_ID: 'me@example.org' });
    const response = await fetch(`${gateway.url}/ag-ui/events?user_message=play%20success`);
    expect(response.status).toBe(200);
    await response.text();
    expect(principal()?.userId).toMatch(/^x-/);
  });
});

describe('jwt', () => {
  it('takes user, tenant and role from the token alone', async () => {
    const sign = await keyed();
    const token = await sign({
      app_metadata: { role: 'admin', tenant_id: 'acme' },
      user_metadata: { role: 'auditor' },
      role: 'authenticated',
    });
    expect((await run({ ...forged, authorization: `Bearer ${token}` })).status).toBe(200);
    expect(principal()).toEqual({ tenantId: 'acme', userId: 'user-1', role: 'admin', via: 'jwt' });
  });

  it('refuses everything else with a problem, and tells the fact', async () => {
    const sign = await keyed();
    for (const authorization of [
      '',
      'Bearer x',
      `Bearer ${(await sign(ACME)).slice(0, -4)}AAAA`,
      `Bearer ${'a'.repeat(9_000)}`,
      'Basic YTpi',
    ]) {
      const response = await run({ ...forged, ...(authorization === '' ? {} : { authorization }) });
      expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
      expect(await response.json()).toMatchObject({ code: 'unauthenticated' });
    }
    expect(gateway!.orchestrator.starts).toEqual([]);
  });

  it('ends a stream when the token does, so that the client comes back with a new one', async () => {
    const sign = await keyed();
    const token = await sign(ACME, 1);
    const response = await fetch(`${gateway!.url}/orchestrate/stream?task=hang`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const text = await response.text();
    expect(text.endsWith('retry: 1000\n\n')).toBe(true);
    const cursor = parseSse(text).at(-1)?.id;
    expect(cursor).toMatch(/:1$/);
  });
});

describe('edge', () => {
  it('believes the headers with the secret, and nobody without', async () => {
    gateway = await startTestGateway({ IDENTITY_MODE: 'edge', EDGE_SHARED_SECRET: EDGE_SECRET });
    const trusted = {
      'x-edge-secret': EDGE_SECRET,
      'x-supabase-user-id': 'user-9',
      'x-supabase-user-email': 'u@x',
      'x-supabase-user-role': 'authenticated',
      'x-supabase-tenant-id': 'acme',
    };
    expect((await run({ ...trusted, 'x-user-id': 'eve', 'x-user-role': 'admin' })).status).toBe(200);
    expect(principal()).toEqual({ tenantId: 'acme', userId: 'user-9', role: 'user', via: 'edge' });
    for (const headers of [forged, { ...trusted, 'x-edge-secret': 'f'.repeat(32) }, { 'x-edge-secret': EDGE_SECRET }]) {
      expect((await run(headers)).status).toBe(401);
    }
  });
});

describe('the configuration', () => {
  const problems = (env: Record<string, string>) => {
    const parsed = parseConfig(Config, { BUS_TRUST: 'open', ...env });
    return parsed.ok ? [] : parsed.problems.map(({ variable }) => variable);
  };

  it('refuses an identity that proves nothing', () => {
    expect(problems({})).toEqual([]);
    expect(problems({ NODE_ENV: 'production' })).toEqual(['IDENTITY_MODE']);
    expect(problems({ NODE_ENV: 'production', IDENTITY_MODE: 'edge', EDGE_SHARED_SECRET: EDGE_SECRET })).toEqual([]);
    expect(problems({ IDENTITY_MODE: 'edge' })).toEqual(['EDGE_SHARED_SECRET']);
    expect(problems({ IDENTITY_MODE: 'edge', EDGE_SHARED_SECRET: 'short' })).toEqual(['EDGE_SHARED_SECRET']);
    expect(problems({ IDENTITY_MODE: 'jwt' })).toEqual(['JWT_ISSUER', 'JWT_JWKS_URL']);
    expect(problems({ ...jwtEnv, JWT_HS256_SECRET: 'short' })).toEqual(['JWT_HS256_SECRET']);
    expect(problems({ ...jwtEnv, JWT_HS256_SECRET: EDGE_SECRET, JWT_JWKS_URL: 'https://x' })).toEqual(['JWT_JWKS_URL']);
    expect(problems({ ...jwtEnv, JWT_HS256_SECRET: EDGE_SECRET, JWT_ROLE_CLAIM: 'user_metadata.role' })).toEqual([
      'JWT_ROLE_CLAIM',
    ]);
    expect(problems({ GATEWAY_PORT: 'x', IDENTITY_MODE: 'none' })).toEqual(['GATEWAY_PORT', 'IDENTITY_MODE']);
  });
});
