import { AppError } from '@switchyard/contracts';
import { errors, type JWTPayload, jwtVerify, type JWTVerifyGetKey } from 'jose';
import type { JwtIdentity } from './identity.ts';
import { KeySet } from './key-set.ts';

/*
 * Verifies bearer tokens.
 *
 * - The configuration decides which algorithms and keys count. The token's header chooses only the key id.
 * - Issuer, audience, expiry and subject must be present and valid.
 * - If the keys cannot be fetched (key-set.ts), the error says so and says nothing about the token.
 */
export type VerifyToken = (token: string) => Promise<JWTPayload>;

const CLOCK_TOLERANCE_S = 5;
const ASYMMETRIC = ['ES256', 'RS256', 'EdDSA'];

export interface TokenOptions {
  readonly fetch?: typeof fetch;
  readonly now?: () => number;
}

/**
 * Verifiers of one issuer, one for each audience, over the same keys. They throw `unauthenticated` for every invalid
 * token; the reason is public, the cause is for the log.
 */
export function createTokenVerifiers(
  config: JwtIdentity,
  options: TokenOptions = {},
): (audience: string) => VerifyToken {
  const now = options.now ?? Date.now;
  const { keys } = config;
  const keySet = 'secret' in keys ? undefined : new KeySet({ url: keys.jwksUrl, fetch: options.fetch });
  return (audience) => {
    const common = {
      issuer: config.issuer,
      audience,
      clockTolerance: CLOCK_TOLERANCE_S,
      requiredClaims: ['sub', 'exp', 'iss', 'aud'],
    };
    const verify = 'secret' in keys ? secretVerifier(keys.secret, common) : keySetVerifier(keySet!.key, common);
    return checked(verify, now);
  };
}

function checked(verify: VerifyToken, now: () => number): VerifyToken {
  return async (token) => {
    let claims: JWTPayload;
    try {
      claims = await verify(token);
    } catch (error) {
      throw refusal(error);
    }
    if (claims.iat !== undefined && claims.iat > now() / 1000 + CLOCK_TOLERANCE_S) {
      throw new AppError(
        'unauthenticated',
        'The token is not valid yet: its `iat` lies in the future. Check the clocks.',
      );
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

/** The claims of a token that was refused only for its age: its signature, issuer and audience are valid. */
export function expiredClaims(refused: unknown): JWTPayload | undefined {
  const cause: unknown = refused instanceof AppError ? refused.cause : undefined;
  return cause instanceof errors.JWTExpired && cause.claim === 'exp' ? cause.payload : undefined;
}

function refusal(error: unknown): AppError {
  const cause = { cause: error };
  if (error instanceof errors.JWTExpired) return new AppError('unauthenticated', 'The token has expired.', cause);
  if (error instanceof errors.JWTClaimValidationFailed) {
    return new AppError('unauthenticated', `The token's claim ${error.claim} does not hold.`, cause);
  }
  if (error instanceof AppError) return error;
  return new AppError('unauthenticated', 'The token is not valid.', cause);
}
