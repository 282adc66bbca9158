import { AppError, type Principal } from '@switchyard/contracts';
import { Challenged, type Challenge, scopesIn } from './rules.ts';

/*
 * Calls to a provider with a user's token for it.
 *
 * - The token belongs to this user of this tenant, and to this provider. Where an issuer is named, the token is of this
 *   issuer alone.
 * - The sender names the one host that the token is for, follows no redirect, and puts the token into no error.
 * - Where the provider refuses a token, the caller renews it once and repeats the call once. That is safe: the refused
 *   call had no effect. After a second refusal the user must act, and the error says where.
 */

/** Names a token: its provider, and the issuer where only one may have issued it. */
export interface TokenOf {
  readonly provider: string;
  readonly issuer?: string | undefined;
}

/** Supplies users' tokens. */
export interface UserTokens {
  /** The access token, renewed where it is due. Throws `provider_not_connected`. */
  tokenFor(principal: Principal, of: TokenOf): Promise<string>;
  /** Resolves if there is another token by now. Otherwise throws an error that tells the user what to do. */
  challenged(principal: Principal, provider: string, refusal: Challenged): Promise<void>;
}

/** Thrown by a call whose token the provider refused. The call had no effect. */
export class TokenRefused extends Error {
  constructor(readonly challenge: Challenge) {
    super('the token was not taken');
  }
}

/** Makes a call with the user's token. After a refusal it gets another token and repeats the call, once. */
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
      if (again)
        throw new AppError(
          'provider_not_connected',
          `${of.provider} rejected the access token; connect the account again under /api/mcp/auth.`,
        );
      await tokens.challenged(principal, of.provider, new Challenged(of.provider, error.challenge, token));
    }
  }
}

/** The refusal of the token in an answer, as RFC 6750 words it; undefined: the token was accepted. */
export function refusalIn({ status, headers }: Pick<Response, 'status' | 'headers'>): TokenRefused | undefined {
  if (status === 401) return new TokenRefused({ status, scopes: [], resourceMetadataUrl: undefined });
  const said = headers.get('www-authenticate') ?? '';
  if (status !== 403 || !/\berror="?insufficient_scope\b/i.test(said)) return undefined;
  const scopes = scopesIn(/\bscope="([^"]{1,2000})"/i.exec(said)?.[1]);
  return new TokenRefused({ status, scopes, resourceMetadataUrl: undefined });
}
