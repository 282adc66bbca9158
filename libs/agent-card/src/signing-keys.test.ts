import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { jwksOf, publicKeysOf, SigningKeysText } from './signing-keys.ts';

const seed = (byte: number) => Buffer.alloc(32, byte).toString('base64');

describe('the ring of signing keys', () => {
  it('takes seeds of 32 bytes and PKCS #8 keys, the newest first', () => {
    const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const text = `b:${seed(2)}, a:${p256.export({ type: 'pkcs8', format: 'der' }).toString('base64')}`;
    expect(SigningKeysText.parse(text).map(({ kid, alg }) => [kid, alg])).toEqual([
      ['b', 'EdDSA'],
      ['a', 'ES256'],
    ]);
  });

  it.each([
    ['no name', seed(1)],
    ['a short key', 'a:AAAA'],
    ['a name twice', `a:${seed(1)},a:${seed(2)}`],
    ['too many', Array.from({ length: 6 }, (_, at) => `k${at}:${seed(at)}`).join()],
    [
      'a key of another kind',
      `a:${generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64')}`,
    ],
  ])('refuses %s and says no part of a key', (_, text) => {
    const parsed = SigningKeysText.safeParse(text);
    expect(parsed.success).toBe(false);
    expect(JSON.stringify(parsed.error?.issues)).not.toContain(seed(1));
  });

  it('publishes nothing of a private key', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const text = Buffer.from(bytes).toString('base64');
        const document = jwksOf(SigningKeysText.parse(`k:${text}`));
        expect(document.keys[0]).toMatchObject({ kid: 'k', kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig' });
        expect(document.keys[0]).not.toHaveProperty('d');
        expect(publicKeysOf(document)).toEqual(document.keys);
      }),
    );
  });

  it('reads of a JWKS document what can verify, whatever else is there', () => {
    const good = jwksOf(SigningKeysText.parse(`k:${seed(1)}`)).keys[0]!;
    const mixed = { keys: [good, { kty: 'oct', kid: 'x', k: 'AAAA' }, { ...good, d: 'AAAA' }, 7, null] };
    expect(publicKeysOf(mixed)).toEqual([good]);
    expect(publicKeysOf([good])).toEqual([good]);
    fc.assert(fc.property(fc.anything(), (anything) => void publicKeysOf(anything)));
  });
});
