import { generateKeyPairSync } from 'node:crypto';
import { verifyAgentCardSignature } from '@a2a-js/sdk';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { base64url, FlattenedSign } from 'jose';
import { type Card, readCard, signedText } from './canonical.ts';
import { checkCard, keyAddresses } from './check-card.ts';
import { signCard } from './sign-card.ts';
import { jwksOf, type PublicKey, publicKeysOf, type SigningKey, SigningKeysText } from './signing-keys.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');
const HOUR = 3_600_000;
const RAW = {
  name: 'Agent',
  description: 'Does things',
  version: '1.2.0',
  supportedInterfaces: [{ url: 'https://agent.example/a2a', protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
  capabilities: { streaming: true },
  skills: [{ id: 'a', name: 'Größe', description: 'does a', tags: [] }],
};
const card = (over: object = {}): Card => readCard({ ...RAW, ...over })!;
const seed = (byte: number) => Buffer.alloc(32, byte).toString('base64');
const ES256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'der' });

let ring: SigningKey[];
let keys: PublicKey[];
beforeAll(() => {
  ring = SigningKeysText.parse(`new:${seed(1)},old:${ES256.toString('base64')}`);
  keys = publicKeysOf(jwksOf(ring))!;
});
const signed = (over: Partial<Parameters<typeof signCard>[1]> = {}, what = card()) =>
  signCard(what, { keys: ring, nowMs: NOW, validForMs: HOUR, ...over });
const sentences = (verdict: { checks: readonly { sentence: string }[] }) =>
  verdict.checks.map(({ sentence }) => sentence).join(' ');

describe('a signed card', () => {
  it('verifies with any key of the ring, here and in the A2A SDK', async () => {
    const one = await signed();
    for (const key of keys) {
      expect(await checkCard(one, { keys: [key], nowMs: NOW })).toMatchObject({
        verified: true,
        kid: key.kid,
        issuedAt: NOW / 1_000,
        expiresAt: (NOW + HOUR) / 1_000,
      });
      const ofTheSdk = verifyAgentCardSignature((kid) => Promise.resolve(keys.find((each) => each.kid === kid)!));
      await expect(ofTheSdk(one)).resolves.toBeUndefined();
    }
  });

  it('explains each check in a sentence', async () => {
    const verdict = await checkCard(await signed(), { keys, nowMs: NOW });
    expect(verdict.checks.map(({ sentence }) => sentence)).toEqual([
      'The card carries 2 signatures.',
      'The signature of key "new" has the algorithm EdDSA.',
      'Key "new" is known.',
      'The signature of key "new" fits the card.',
      'It was signed at 2026-11-22T12:00:00Z, good until 2026-11-22T13:00:00Z.',
      'No card was accepted before it.',
    ]);
  });

  it('is read the same from its text on the wire, whatever the order of its fields', async () => {
    const text = JSON.stringify(await signed());
    const reordered = Object.fromEntries(Object.entries(JSON.parse(text) as object).reverse());
    expect((await checkCard(readCard(reordered)!, { keys, nowMs: NOW })).verified).toBe(true);
  });

  it('names where its keys are published', async () => {
    const at = 'https://agent.example/.well-known/jwks.json';
    expect(keyAddresses(await signed({ jwksUrl: at }))).toEqual([at]);
    expect(keyAddresses(card())).toEqual([]);
  });
});

describe('A1: a card is refused before any message is sent', () => {
  it('unsigned', async () => {
    expect(await checkCard(card(), { keys, nowMs: NOW })).toMatchObject({ verified: false });
  });

  it('changed in any text that counts', async () => {
    const one = await signed();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('name', 'description', 'version', 'documentationUrl'),
        fc.string(),
        async (field, text) => {
          const changed = { ...one, [field]: text };
          fc.pre(signedText(changed) !== signedText(one));
          expect((await checkCard(changed, { keys, nowMs: NOW })).verified).toBe(false);
        },
      ),
    );
    const led = { ...one, supportedInterfaces: [{ ...one.supportedInterfaces[0]!, url: 'https://evil.example' }] };
    expect(sentences(await checkCard(led, { keys, nowMs: NOW }))).toContain('does not fit');
  });

  it('with a signature or header that is anything else', async () => {
    const one = await signed();
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.string(), fc.boolean(), async (head, signature, keeps) => {
        const spoiled = { protected: keeps ? one.signatures[0]!.protected : head, signature, header: undefined };
        expect((await checkCard({ ...one, signatures: [spoiled] }, { keys, nowMs: NOW })).verified).toBe(false);
      }),
    );
  });

  it.each([
    ['alg none', { alg: 'none', kid: 'new' }, /algorithm "none"/],
    ['HS256 with the public key as its secret', { alg: 'HS256', kid: 'new' }, /algorithm "HS256"/],
  ])('%s', async (_, header, sentence) => {
    const secret = new TextEncoder().encode(JSON.stringify(keys[0]));
    const jws = await new FlattenedSign(new TextEncoder().encode(signedText(card())))
      .setProtectedHeader({ alg: 'HS256', kid: 'new' })
      .sign(secret);
    const one = {
      ...card(),
      signatures: [
        { protected: base64url.encode(JSON.stringify(header)), signature: jws.signature, header: undefined },
      ],
    };
    const verdict = await checkCard(one, { keys, nowMs: NOW });
    expect([verdict.verified, sentences(verdict)]).toEqual([false, expect.stringMatching(sentence)]);
  });

  it('signed by a stranger under the name of a known key', async () => {
    const stranger = SigningKeysText.parse(`new:${seed(9)}`);
    expect((await checkCard(await signed({ keys: stranger }), { keys, nowMs: NOW })).verified).toBe(false);
  });

  it('expired, or of tomorrow', async () => {
    const one = await signed();
    expect(sentences(await checkCard(one, { keys, nowMs: NOW + 2 * HOUR }))).toContain('is no more');
    expect(sentences(await checkCard(one, { keys, nowMs: NOW - HOUR }))).toContain('still to come');
  });

  it('older than the one accepted last', async () => {
    const older = await signed();
    const accepted = { version: '1.2.0', issuedAt: NOW / 1_000 + 60 };
    const verdict = await checkCard(older, { keys, nowMs: NOW, accepted });
    expect([verdict.verified, sentences(verdict)]).toEqual([false, expect.stringContaining('An older card')]);
    expect(
      (await checkCard(await signed({ nowMs: NOW + 60_000 }), { keys, nowMs: NOW + 60_000, accepted })).verified,
    ).toBe(true);
  });
});
