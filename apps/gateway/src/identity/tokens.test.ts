import { describe, expect, it } from '@jest/globals';
import { AppError } from '@switchyard/contracts';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import type { JwtIdentity } from './identity.ts';
import { createTokenVerifiers, type VerifyToken } from './tokens.ts';

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
  const verify = createTokenVerifiers(HS)('authenticated');

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
    const verify = createTokenVerifiers(REMOTE, { fetch: fetcher })('authenticated');
    expect(await code(verify, await token('RS256').sign(privateKey))).toBe('accepted');
    const confused = await token('HS256').sign(new TextEncoder().encode(await exportSPKI(publicKey)));
    expect(await code(verify, confused)).toBe('unauthenticated');
  });

  const keyPair = () => generateKeyPair('ES256', { extractable: true });
  const jwkOf = async (key: Parameters<typeof exportJWK>[0], kid: string) => ({
    ...(await exportJWK(key)),
    kid,
    alg: 'ES256',
  });

  it('is read a few times at most, however many tokens name keys that nobody has', async () => {
    const { publicKey, privateKey } = await keyPair();
    const keys = [await jwkOf(publicKey, 'k1')];
    let fetches = 0;
    const verify = createTokenVerifiers(REMOTE, {
      fetch: () => ((fetches += 1), Promise.resolve(Response.json({ keys }))),
    })('authenticated');
    for (let i = 0; i < 5; i += 1) await verify(await token('ES256').sign(privateKey));
    expect(fetches).toBe(1);
    const strangers = Array.from({ length: 300 }, (_, i) => token('ES256', undefined, `unknown-${i}`).sign(privateKey));
    const codes = await Promise.all(strangers.map(async (stranger) => code(verify, await stranger)));
    expect(new Set(codes)).toEqual(new Set(['unauthenticated']));
    // The same ones again are refused without another look.
    for (const stranger of strangers) expect(await code(verify, await stranger)).toBe('unauthenticated');
    expect(fetches).toBeLessThanOrEqual(4);
  });

  it('takes a new key of the issuer with its first token, within a second', async () => {
    const [old, next] = [await keyPair(), await keyPair()];
    const keys = [await jwkOf(old.publicKey, 'k1')];
    const verify = createTokenVerifiers(REMOTE, { fetch: () => Promise.resolve(Response.json({ keys })) })(
      'authenticated',
    );
    await verify(await token('ES256').sign(old.privateKey));
    keys[0] = await jwkOf(next.publicKey, 'k2');
    const rotated = await token('ES256', undefined, 'k2').sign(next.privateKey);
    const before = performance.now();
    expect(await code(verify, rotated)).toBe('accepted');
    expect(performance.now() - before).toBeLessThan(1_500);
    // What the issuer has withdrawn does not count any more.
    expect(await code(verify, await token('ES256').sign(old.privateKey))).toBe('unauthenticated');
  });

  it('says that the keys are away, and nothing of the token, where it was never read; and is read again', async () => {
    const { publicKey, privateKey } = await keyPair();
    let answer = (): Promise<Response> => Promise.reject(new AppError('unavailable', 'no such host'));
    const verify = createTokenVerifiers(REMOTE, { fetch: () => answer() })('authenticated');
    const good = await token('ES256').sign(privateKey);
    await expect(verify(good)).rejects.toMatchObject({ code: 'unavailable', retryAfterMs: 1_000 });
    for (const broken of [new Response('no', { status: 500 }), new Response('{'), Response.json({})]) {
      await new Promise((resolve) => setTimeout(resolve, 1_050));
      answer = () => Promise.resolve(broken);
      expect(await code(verify, good)).toBe('unavailable');
    }
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    answer = async () => Response.json({ keys: [await jwkOf(publicKey, 'k1')] });
    expect(await code(verify, good)).toBe('accepted');
    // From now on its last keys serve, and only a key that is not among them must wait.
    answer = () => Promise.reject(new TypeError('fetch failed'));
    expect(await code(verify, good)).toBe('accepted');
    expect(await code(verify, await token('ES256', undefined, 'k2').sign(privateKey))).toBe('unavailable');
  }, 20_000);
});
