import { AppError } from '@switchyard/contracts';
import { FlattenedEncrypt, flattenedDecrypt, type FlattenedJWE } from 'jose';
import { z } from 'zod';

/*
 * Seals what must not be read from the database: the credentials that users' authorisations give.
 *
 * K1 What is sealed opens for the same tenant, user, provider and purpose alone: a row that is moved to another user,
 *    or changed in any bit, does not open.
 * K2 One algorithm: AES-256-GCM under a key of its own, which AES-256-GCM wraps with a key of the ring. What names
 *    another one is refused before anything is decrypted.
 * K3 Every key of the ring opens, the first one seals. What was sealed with another key says so, to be sealed anew.
 */

const KEY_BYTES = 32;
const KID = /^[A-Za-z0-9_.-]{1,40}$/;

export interface VaultKey {
  readonly kid: string;
  readonly key: Uint8Array;
}

const REMEDY =
  'expected name:key, comma-separated, the newest first; a key is 32 bytes in base64 (openssl rand -base64 32)';

/** The key ring from its text. Its messages hold no part of a key. */
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

/** Whose secret it is, and what it is for. */
export interface SecretOwner {
  readonly tenantId: string;
  readonly userId: string;
  readonly provider: string;
}
export type Purpose = 'credential' | 'login' | 'client';

export interface Opened {
  readonly value: unknown;
  /** K3: it is to be sealed anew. */
  readonly stale: boolean;
}

/** It does not open: moved, changed, or its key is gone. */
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
      // K1: what it is bound to comes from the row's own columns, never from the sealed text.
      const bound = { ...jwe, aad: Buffer.from(boundTo(owner, purpose)).toString('base64url') };
      let used = '';
      const keyOf = (header?: { kid?: string }): Uint8Array => {
        const key = this.#keys.get((used = header?.kid ?? ''));
        if (!key) throw new Error('no key of this name is in the ring');
        return key;
      };
      const limits = { keyManagementAlgorithms: ['A256GCMKW'], contentEncryptionAlgorithms: ['A256GCM'] }; // K2
      const { plaintext } = await flattenedDecrypt(bound, keyOf, limits);
      return { value: JSON.parse(Buffer.from(plaintext).toString('utf8')), stale: used !== this.#first.kid };
    } catch (error) {
      throw new Unreadable(error);
    }
  }
}

/** The ids hold no "|". */
function boundTo({ tenantId, userId, provider }: SecretOwner, purpose: Purpose): Uint8Array {
  return Buffer.from(`v1|${tenantId}|${userId}|${provider}${purpose === 'credential' ? '' : `|${purpose}`}`);
}
