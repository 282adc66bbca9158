import { AppError } from '@switchyard/contracts';
import { FlattenedEncrypt, flattenedDecrypt, type FlattenedJWE } from 'jose';
import { z } from 'zod';

/*
 * Seals the secrets that must not be readable in the database, such as the credentials of users.
 *
 * - A sealed text opens only for the same tenant, user, provider and purpose. A row that somebody moved to another user,
 *   or changed in any bit, does not open.
 * - There is one algorithm. AES-256-GCM encrypts each text under a key of its own, and AES-256-GCM wraps that key with a
 *   key of the ring. The vault refuses a text that names another algorithm before it decrypts anything.
 * - The vault seals with the first key of the ring and opens with every key. It marks a text under a later key as stale,
 *   so that the caller seals it anew.
 */

const KEY_BYTES = 32;
const KID = /^[A-Za-z0-9_.-]{1,40}$/;

export interface VaultKey {
  readonly kid: string;
  readonly key: Uint8Array;
}

const REMEDY =
  'expected name:key, comma-separated, the newest first; a key is 32 bytes in base64 (openssl rand -base64 32)';

/** Parses the key ring. Its error messages hold no part of a key. */
export const KeyRingText = z.string().transform((text, context): VaultKey[] => {
  const keys: VaultKey[] = [];
  const entries = text.split(/[\s,]+/).filter((entry) => entry !== '');
  for (const [index, entry] of entries.entries()) {
    const [kid = '', encoded = ''] = [entry.slice(0, entry.indexOf(':')), entry.slice(entry.indexOf(':') + 1)];
    const key = Buffer.from(encoded, 'base64');
    const known = keys.some((other) => other.kid === kid);
    if (!KID.test(kid) || key.length !== KEY_BYTES || known) {
      context.addIssue({
        code: 'custom',
        message: `${REMEDY}; entry ${index + 1} is ${known ? 'there twice' : 'not'}`,
      });
      return z.NEVER;
    }
    keys.push({ kid, key });
  }
  return keys;
});

/** The tenant, user and provider that a secret belongs to. */
export interface SecretOwner {
  readonly tenantId: string;
  readonly userId: string;
  readonly provider: string;
}
export type Purpose = 'credential' | 'login' | 'client';

export interface Opened {
  readonly value: unknown;
  /** Sealed with another key than the first one; the caller seals it anew. */
  readonly stale: boolean;
}

/** Thrown for a sealed text that does not open: it was moved or changed, or its key is gone. */
export class Unreadable extends AppError {
  constructor(cause: unknown) {
    super('provider_not_connected', 'The stored authorisation cannot be read; authorise the provider again.', {
      cause,
    });
  }
}

export class Vault {
  readonly #keys: ReadonlyMap<string, Uint8Array>;
  readonly #first: VaultKey;

  constructor(ring: readonly VaultKey[]) {
    const [first] = ring;
    if (!first) throw new Error('the vault has no key');
    this.#first = first;
    this.#keys = new Map(ring.map(({ kid, key }) => [kid, key]));
  }

  /** The key that seals. */
  get kid(): string {
    return this.#first.kid;
  }

  async seal(owner: SecretOwner, purpose: Purpose, value: unknown): Promise<{ sealed: string; kid: string }> {
    const { kid, key } = this.#first;
    const { aad: _bound, ...jwe } = await new FlattenedEncrypt(Buffer.from(JSON.stringify(value)))
      .setProtectedHeader({ alg: 'A256GCMKW', enc: 'A256GCM', kid })
      .setAdditionalAuthenticatedData(boundTo(owner, purpose))
      .encrypt(key);
    return { sealed: JSON.stringify(jwe), kid };
  }

  /** Throws Unreadable. */
  async open(owner: SecretOwner, purpose: Purpose, sealed: string): Promise<Opened> {
    try {
      const jwe = JSON.parse(sealed) as FlattenedJWE;
      // The owner comes from the row's own columns, never from the sealed text.
      const bound = { ...jwe, aad: Buffer.from(boundTo(owner, purpose)).toString('base64url') };
      let used = '';
      const keyOf = (header?: { kid?: string }): Uint8Array => {
        const key = this.#keys.get((used = header?.kid ?? ''));
        if (!key) throw new Error('no key of this name is in the ring');
        return key;
      };
      const limits = { keyManagementAlgorithms: ['A256GCMKW'], contentEncryptionAlgorithms: ['A256GCM'] };
      const { plaintext } = await flattenedDecrypt(bound, keyOf, limits);
      return { value: JSON.parse(Buffer.from(plaintext).toString('utf8')), stale: used !== this.#first.kid };
    } catch (error) {
      throw new Unreadable(error);
    }
  }
}

/** The additional authenticated data. The ids hold no "|", so no two owners give the same. */
function boundTo({ tenantId, userId, provider }: SecretOwner, purpose: Purpose): Uint8Array {
  return Buffer.from(`v1|${tenantId}|${userId}|${provider}${purpose === 'credential' ? '' : `|${purpose}`}`);
}
