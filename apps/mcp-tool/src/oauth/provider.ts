import { z } from 'zod';
import type { ProviderConfig } from './provider-config.ts';

/*
 * The interface of a provider, and the credentials that it gives.
 *
 * - A credential with a grant is for its issuer, its client and its resource alone. The holder of a credential asks
 *   `mayUse` before it sends the token.
 */

/** The issuer, client and resource of a credential. Only discovered providers have it: theirs may change. */
export const Grant = z.object({
  issuer: z.string().min(1),
  client_id: z.string().min(1),
  resource: z.string().min(1),
  /** The scopes that the user was asked for, granted or not. */
  asked: z.array(z.string()),
});
export type Grant = z.infer<typeof Grant>;

/** The tokens that an authorisation gives. The vault seals this value as it is. */
export const Credential = z.object({
  access_token: z.string().min(1),
  refresh_token: z.string().min(1).optional(),
  grant: Grant.optional(),
});
export type Credential = z.infer<typeof Credential>;

export interface Granted {
  readonly credential: Credential;
  readonly scopes: readonly string[];
  /** Milliseconds since 1970; null: the provider did not say. */
  readonly expiresAt: number | null;
}

/** Where the browser goes, and what is sealed with the login until it comes back. */
export interface LoginPlan {
  readonly url: string;
  readonly grant?: Grant;
}

/** A provider as its users know it: the operator named it, or an upstream led to it. */
export interface Provider {
  /** `issuer` undefined: discovery has not found it yet. */
  readonly config: Pick<ProviderConfig, 'id' | 'title' | 'scopes'> & { readonly issuer: string | undefined };
  /** `wanted`: scopes that tools asked for beyond the usual ones. */
  plan(state: string, verifier: string, wanted: readonly string[]): Promise<LoginPlan>;
  exchange(
    params: Readonly<Record<string, string>>,
    state: string,
    verifier: string,
    grant: Grant | undefined,
  ): Promise<Granted>;
  refresh(credential: Credential): Promise<Granted>;
  revoke(credential: Credential): Promise<true | undefined>;
  check(credential: Credential): Promise<{ active: boolean; by: 'introspection' | 'userinfo' } | undefined>;
  /** False: the credential was issued for something else and must not be sent. */
  mayUse(credential: Credential): boolean;
}
