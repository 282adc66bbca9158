import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { AppError } from '@switchyard/contracts';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import type { JwtIdentity } from './identity.ts';
import { createTokenVerifier, type VerifyToken } from './tokens.ts';

const SECRET = 'a-secret-of-at-least-32-characters';
const base = {
  mode: 'jwt',
  issuer: 'https://issuer',
  audience: 'authenticated',
  roleClaim: 'app_metadata.role',
  tenantClaim: 'app_metadata.tenant_id',
  defaultTenantId: 'default',
} as const;
const HS: JwtIdentity = { ...base, keys: { secret: SECRET } };
const REMOTE: JwtIdentity = { ...base, keys: { jwksUrl: 'https://issuer/jwks' } };

function token(alg = 'HS256', change: (jwt: SignJWT) => SignJWT = (jwt) => jwt, kid = 'k1'): SignJWT {
  const now = Math.floor(Date.now() / 1000);
  return change(
    new SignJWT({})
      .setProtectedHeader({ alg, kid })
      .setSubject('u')
      .setIssuer('https://issuer')
      .setAudience('authenticated')
      .setIssuedAt(now)
      .setExpirationTime(now + 60),
  );
}
const key = new TextEncoder().encode(SECRET);

async function code(verify: VerifyToken, text: string): Promise<string> {
  return verify(text).then(
    () => 'accepted',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );
}

describe('a shared secret', () => {
  const verify = createTokenVerifier(HS);

  it('proves a token with issuer, audience, expiry and subject', async () => {
    expect((await verify(await token().sign(key))).sub).toBe('u');
  });

  it('proves nothing else', async () => {
    const now = Math.floor(Date.now() / 1000);
    const refused: [string, string | Promise<string>][] = [
      ['wrong key', token().sign(new TextEncoder().encode('b'.repeat(32)))],
      ['wrong issuer', token('HS256', (jwt) => jwt.setIssuer('https://evil')).sign(key)],
      ['wrong audience', token('HS256', (jwt) => jwt.setAudience('other')).sign(key)],
      ['expired', token('HS256', (jwt) => jwt.setExpirationTime(now - 60)).sign(key)],
      ['not yet', token('HS256', (jwt) => jwt.setNotBefore(now + 600)).sign(key)],
      ['from the future', token('HS256', (jwt) => jwt.setIssuedAt(now + 3_600)).sign(key)],
      [
        'no expiry',
        new SignJWT({ sub: 'u', iss: 'https://issuer', aud: 'authenticated' })
          .setProtectedHeader({ alg: 'HS256' })
          .sign(key),
      ],
      [
        'no subject',
        new SignJWT({})
          .setProtectedHeader({ alg: 'HS256' })
          .setIssuer('https://issuer')
          .setAudience('authenticated')
          .setExpirationTime('1m')
          .sign(key),
      ],
      ['another HMAC', token('HS512').sign(key)],
      [
        'none',
        new UnsecuredJWT({ sub: 'u' })
          .setIssuer('https://issuer')
          .setAudience('authenticated')
          .setExpirationTime('1m')
          .encode(),
      ],
      ['garbage', 'not.a.token'],
      [
        'tampered',
        token()
          .sign(key)
          .then((text) => text.slice(0, -3)),
      ],
    ];
    for (const [what, text] of refused)
      expect([what, await code(verify, await text)]).toEqual([what, 'unauthenticated']);
  });
});

describe('a remote key set', () => {
  it('refuses a token signed with the public key as a secret', async () => {
    const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
    const fetcher = () => Promise.resolve(Response.json({ keys: [{ ...jwk, kid: 'k1', alg: 'RS256' }] }));
    const jwk = await exportJWK(publicKey);
    const verify = createTokenVerifier(REMOTE, { fetch: fetcher });
    expect(await code(verify, await token('RS256').sign(privateKey))).toBe('accepted');
    const confused = await token('HS256').sign(new TextEncoder().encode(await exportSPKI(publicKey)));
    expect(await code(verify, confused)).toBe('unauthenticated');
  });

  it('is fetched once, however many tokens come and whatever keys they name', async () => {
    const old = await generateKeyPair('ES256', { extractable: true });
    let fetches = 0;
    const keys = [{ ...(await exportJWK(old.publicKey)), kid: 'k1', alg: 'ES256' }];
    const verify = createTokenVerifier(REMOTE, {
      fetch: () => ((fetches += 1), Promise.resolve(Response.json({ keys }))),
    });
    for (let i = 0; i < 5; i += 1) await verify(await token('ES256').sign(old.privateKey));
    const stranger = await token('ES256', undefined, 'unknown').sign(old.privateKey);
    for (let i = 0; i < 20; i += 1) expect(await code(verify, stranger)).toBe('unauthenticated');
    expect(fetches).toBe(1);
  });

  it('answers `unavailable` where it was never read', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const verify = createTokenVerifier(REMOTE, { fetch: () => Promise.reject(new TypeError('fetch failed')) });
    expect(await code(verify, await token('ES256').sign(privateKey))).toBe('unavailable');
  });
});
