import { createRemoteJWKSet, decodeProtectedHeader, errors, jwtVerify } from 'jose';
import { Refusal } from './refusal.ts';
import type { Settings } from './settings.ts';

/*
 * Who is asking: the token of a Supabase user, proved.
 *
 * - The algorithm decides which key counts, and the settings decide which algorithms count: never the token alone.
 * - Role and tenant come from app_metadata, which users cannot edit. user_metadata is not read.
 * - Keys of the project (anon, service_role) are no users.
 */

export interface User {
  readonly id: string;
  readonly email: string | undefined;
  readonly role: string;
  readonly tenantId: string | undefined;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

const MAX_TOKEN_CHARS = 8_192;
const KEYS_TIMEOUT_MS = 5_000;
const CLOCK_TOLERANCE_S = 5;
const PUBLIC_KEY_ALGORITHMS = ['ES256', 'RS256', 'EdDSA'];

export function createVerifier(settings: Settings): (authorization: string | null) => Promise<User> {
  const { issuer, jwtSecret, allowAnonymous } = settings;
  const shared = jwtSecret === undefined ? undefined : new TextEncoder().encode(jwtSecret);
  const published = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`), {
    timeoutDuration: KEYS_TIMEOUT_MS,
    cooldownDuration: 1_000,
  });
  const common = {
    issuer,
    audience: 'authenticated',
    clockTolerance: CLOCK_TOLERANCE_S,
    requiredClaims: ['sub', 'exp'],
  };

  return async (authorization) => {
    const token = /^Bearer +([A-Za-z0-9._-]+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined || token.length > MAX_TOKEN_CHARS)
      throw new Refusal('unauthenticated', 'Send Authorization: Bearer <the access token of a Supabase session>.');
    try {
      // The algorithm chooses the key; HS256 counts only where the settings hold a shared key.
      const symmetric = algorithmOf(token) === 'HS256';
      if (symmetric && shared === undefined)
        throw new Refusal('unauthenticated', 'Tokens of a shared key do not count here.');
      const { payload } = symmetric
        ? await jwtVerify(token, shared!, { ...common, algorithms: ['HS256'] })
        : await jwtVerify(token, published, { ...common, algorithms: PUBLIC_KEY_ALGORITHMS });
      return userOf(payload, allowAnonymous);
    } catch (error) {
      if (error instanceof Refusal) throw error;
      if (error instanceof errors.JWTExpired) throw new Refusal('unauthenticated', 'The token has expired.');
      if (isOutage(error)) {
        console.error('the signing keys could not be read', error);
        throw new Refusal('unavailable', 'The keys that tokens are checked with cannot be read at the moment.');
      }
      throw new Refusal('unauthenticated', 'The token is not valid here.');
    }
  };
}

function algorithmOf(token: string): string | undefined {
  try {
    return decodeProtectedHeader(token).alg;
  } catch {
    throw new Refusal('unauthenticated', 'The token is not valid here.');
  }
}

/** The keys could not be had; what jose says of the token itself is another error of its own. */
function isOutage(error: unknown): boolean {
  if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) return true;
  if (error instanceof errors.JOSEError) return error.code === 'ERR_JOSE_GENERIC';
  return true;
}

function userOf(payload: Readonly<Record<string, unknown>>, allowAnonymous: boolean): User {
  const { sub, role, email, exp } = payload;
  if (role !== 'authenticated') throw new Refusal('forbidden', 'Use the token of a user, not a key of the project.');
  if (payload['is_anonymous'] === true && !allowAnonymous)
    throw new Refusal('forbidden', 'Anonymous users may not do this; sign in.');
  const metadata = payload['app_metadata']; // users cannot edit it, unlike user_metadata
  const claims = (typeof metadata === 'object' && metadata !== null ? metadata : {}) as Record<string, unknown>;
  return {
    id: headerText(sub, 'sub')!,
    email: headerText(email === '' ? undefined : email, 'email'),
    role: headerText(claims['role'], 'app_metadata.role') ?? role,
    tenantId: headerText(claims['tenant_id'], 'app_metadata.tenant_id'),
    expiresAt: Number(exp) * 1_000,
  };
}

/** A claim that becomes a header. One that is there and cannot be used is refused: it is not guessed at. */
function headerText(value: unknown, claim: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && /^[\x21-\x7e]{1,256}$/.test(value)) return value;
  throw new Refusal('unauthenticated', `The claim ${claim} of the token cannot be used.`);
}
