import { AppError } from '@switchyard/contracts';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  type JWTPayload,
  jwtVerify,
  type JWTVerifyGetKey,
} from 'jose';
import type { JwtIdentity } from './identity.ts';

/*
 * Verifies bearer tokens.
 *
 * T1 Which algorithms and keys count is configuration; the token's header chooses nothing but the key id.
 * T2 Issuer, audience, expiry and subject must be there and fit.
 * T3 A key server that is down does not lock everybody out: its last keys serve for an hour.
 */
export type VerifyToken = (token: string) => Promise<JWTPayload>;

const CLOCK_TOLERANCE_S = 5;
const JWKS_CACHE_MS = 600_000;
const JWKS_COOLDOWN_MS = 30_000;
const JWKS_TIMEOUT_MS = 5_000;
const JWKS_STALE_MS = 3_600_000;
const ASYMMETRIC = ['ES256', 'RS256', 'EdDSA'];

export interface TokenOptions {
  readonly fetch?: typeof fetch;
  readonly now?: () => number;
}

/** Throws `unauthenticated` for every token that does not hold; the reason is public, the cause is for the log. */
export function createTokenVerifier(config: JwtIdentity, options: TokenOptions = {}): VerifyToken {
  const common = {
    issuer: config.issuer,
    audience: config.audience,
    clockTolerance: CLOCK_TOLERANCE_S,
    requiredClaims: ['sub', 'exp', 'iss', 'aud'],
  };
  const now = options.now ?? Date.now;
  const verify =
    'secret' in config.keys
      ? secretVerifier(config.keys.secret, common)
      : keySetVerifier(staleIfError(config.keys.jwksUrl, options.fetch, now), common);

  return async (token) => {
    let claims: JWTPayload;
    try {
      claims = await verify(token);
    } catch (error) {
      throw refusal(error);
    }
    if (claims.iat !== undefined && claims.iat > now() / 1000 + CLOCK_TOLERANCE_S) {
      throw new AppError('unauthenticated', 'The token is from the future.');
    }
    return claims;
  };
}

type Common = { issuer: string; audience: string; clockTolerance: number; requiredClaims: string[] };

function secretVerifier(secret: string, common: Common): VerifyToken {
  const key = new TextEncoder().encode(secret);
  return async (token) => (await jwtVerify(token, key, { ...common, algorithms: ['HS256'] })).payload;
}

function keySetVerifier(keys: JWTVerifyGetKey, common: Common): VerifyToken {
  return async (token) => (await jwtVerify(token, keys, { ...common, algorithms: ASYMMETRIC })).payload;
}

/** The remote key set; where it cannot be read, the keys of the last hour. */
function staleIfError(url: string, fetcher: typeof fetch | undefined, now: () => number): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(new URL(url), {
    cacheMaxAge: JWKS_CACHE_MS,
    cooldownDuration: JWKS_COOLDOWN_MS,
    timeoutDuration: JWKS_TIMEOUT_MS,
    ...(fetcher === undefined ? {} : { [customFetch]: fetcher }),
  });
  let goodAt = 0;
  return async (header, token) => {
    try {
      const key = await remote(header, token);
      if (remote.fresh) goodAt = now();
      return key;
    } catch (error) {
      const known = remote.jwks();
      const answered = error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JOSENotSupported;
      if (answered || known === undefined || now() - goodAt > JWKS_STALE_MS) throw error;
      return createLocalJWKSet(known)(header, token);
    }
  };
}

function refusal(error: unknown): AppError {
  const cause = { cause: error };
  if (error instanceof errors.JWTExpired) return new AppError('unauthenticated', 'The token has expired.', cause);
  if (error instanceof errors.JWTClaimValidationFailed) {
    return new AppError('unauthenticated', `The token's claim ${error.claim} does not hold.`, cause);
  }
  if (error instanceof errors.JWKSTimeout || error instanceof TypeError) {
    return new AppError('unavailable', 'Tokens cannot be checked at the moment.', cause);
  }
  return new AppError('unauthenticated', 'The token does not hold.', cause);
}
