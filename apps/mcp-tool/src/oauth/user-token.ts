import { AppError, type Principal } from '@switchyard/contracts';
import { Challenged, type Challenge, scopesIn } from './rules.ts';

/*
 * Calls at a provider with the token that a user gave for it.
 *
 * U1 The token is this user's, of this tenant, for just this provider; where an issuer is named, of that issuer alone.
 * U2 Who sends it names the one host that it is for, follows no redirect, and puts it into no error.
 * U3 A token that is not taken is renewed once and the call made once more: a refusal of the token did nothing. What is
 *    missing after that is the user's to mend, and the error says where.
 */

/** Which token: the provider, and where it must be of one issuer, that. */
export interface TokenOf {
  readonly provider: string;
  readonly issuer?: string | undefined;
}

/** Who has the tokens. */
export interface UserTokens {
  /** Renewed where it is due. Throws `provider_not_connected`. */
  tokenFor(principal: Principal, of: TokenOf): Promise<string>;
  /** Resolves where there is another token by now; throws, with what the user is to do, where there is none. */
  challenged(principal: Principal, provider: string, refusal: Challenged): Promise<void>;
}

/** Thrown by a call whose token was not taken; nothing was done. */
export class TokenRefused extends Error {
  constructor(readonly challenge: Challenge) {
    super('the token was not taken');
  }
}

/** U3 */
export async function asUser<T>(
  tokens: UserTokens,
  of: TokenOf,
  principal: Principal,
  call: (token: string) => Promise<T>,
): Promise<T> {
  for (let again = false; ; again = true) {
    const token = await tokens.tokenFor(principal, of);
    try {
      return await call(token);
    } catch (error) {
      if (!(error instanceof TokenRefused)) throw error;
      if (again) throw new AppError('provider_not_connected', `${of.provider} does not take the authorisation.`);
      await tokens.challenged(principal, of.provider, new Challenged(of.provider, error.challenge, token));
    }
  }
}

/** What the words of RFC 6750 in an answer say of the token; undefined where it was taken. */
export function refusalIn({ status, headers }: Pick<Response, 'status' | 'headers'>): TokenRefused | undefined {
  if (status === 401) return new TokenRefused({ status, scopes: [], resourceMetadataUrl: undefined });
  const said = headers.get('www-authenticate') ?? '';
  if (status !== 403 || !/\berror="?insufficient_scope\b/i.test(said)) return undefined;
  const scopes = scopesIn(/\bscope="([^"]{1,2000})"/i.exec(said)?.[1]);
  return new TokenRefused({ status, scopes, resourceMetadataUrl: undefined });
}
