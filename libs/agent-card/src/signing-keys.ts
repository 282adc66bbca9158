import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { JWK } from 'jose';
import { z } from 'zod';

/*
 * The keys that an organisation signs with, and the document that publishes their public halves.
 *
 * - The ring is written as `name:key`, the newest first. A key is 32 bytes in base64 (the seed of an Ed25519 key, as
 *   `openssl rand -base64 32` makes one), or a PKCS #8 key for P-256 or Ed25519 in base64.
 * - Every key of the ring signs, so that whoever pinned an older one still verifies while the keys change.
 * - Error messages hold no part of a key.
 */

const KID = /^[A-Za-z0-9_.-]{1,40}$/;
const SEED_BYTES = 32;
/** What stands before the seed in a PKCS #8 document of an Ed25519 key (RFC 8410). */
const ED25519_PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');
const MAX_SIGNING_KEYS = 5;
const REMEDY =
  'expected name:key, comma-separated, the newest first; a key is 32 bytes in base64 (openssl rand -base64 32) or a PKCS #8 key for P-256 or Ed25519 in base64';

export interface SigningKey {
  readonly kid: string;
  readonly alg: 'ES256' | 'EdDSA';
  readonly privateKey: KeyObject;
}

export const SigningKeysText = z.string().transform((text, context): SigningKey[] => {
  const keys: SigningKey[] = [];
  const entries = text.split(/[\s,]+/).filter((entry) => entry !== '');
  const refuse = (problem: string) => {
    context.addIssue({ code: 'custom', message: `${REMEDY}; ${problem}` });
    return z.NEVER;
  };
  if (entries.length > MAX_SIGNING_KEYS) return refuse(`at most ${MAX_SIGNING_KEYS} keys`);
  for (const [index, entry] of entries.entries()) {
    const colon = entry.indexOf(':');
    const kid = entry.slice(0, Math.max(colon, 0));
    const key = KID.test(kid) ? signingKeyOf(kid, Buffer.from(entry.slice(colon + 1), 'base64')) : undefined;
    if (!key) return refuse(`entry ${index + 1} is not`);
    if (keys.some((other) => other.kid === kid)) return refuse(`entry ${index + 1} is there twice`);
    keys.push(key);
  }
  return keys;
});

function signingKeyOf(kid: string, bytes: Buffer): SigningKey | undefined {
  try {
    const der = bytes.length === SEED_BYTES ? Buffer.concat([ED25519_PKCS8_HEAD, bytes]) : bytes;
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    if (privateKey.asymmetricKeyType === 'ed25519') return { kid, alg: 'EdDSA', privateKey };
    const curve = privateKey.asymmetricKeyDetails?.namedCurve;
    return privateKey.asymmetricKeyType === 'ec' && curve === 'prime256v1'
      ? { kid, alg: 'ES256', privateKey }
      : undefined;
  } catch {
    return undefined;
  }
}

/** A public key as JWKS publish it. */
export type PublicKey = JWK & { readonly kid: string };

/** The JWKS document: the public half of every key of the ring, and nothing of a private one. */
export function jwksOf(keys: readonly SigningKey[]): { keys: PublicKey[] } {
  return {
    keys: keys.map(({ kid, alg, privateKey }) => ({
      ...(createPublicKey(privateKey).export({ format: 'jwk' }) as JWK),
      kid,
      alg,
      use: 'sig',
    })),
  };
}

const MAX_PUBLIC_KEYS = 50;
const PublicKeyShape = z.looseObject({
  kid: z.string().min(1).max(200),
  kty: z.enum(['EC', 'OKP', 'RSA']),
});
const Jwks = z.object({ keys: z.array(z.unknown()).max(MAX_PUBLIC_KEYS) });

/**
 * The keys of a JWKS document, or of a list of JWK, that can verify. Keys without a name, secret keys and private halves
 * are left out. Undefined: it is no such document.
 */
export function publicKeysOf(document: unknown): PublicKey[] | undefined {
  const parsed = Jwks.safeParse(Array.isArray(document) ? { keys: document } : document);
  if (!parsed.success) return undefined;
  return parsed.data.keys.flatMap((key) => {
    const shape = PublicKeyShape.safeParse(key);
    return shape.success && !('d' in shape.data) ? [shape.data as PublicKey] : [];
  });
}
