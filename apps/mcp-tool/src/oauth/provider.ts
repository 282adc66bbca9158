import { z } from 'zod';
import type { ProviderConfig } from './provider-config.ts';

/*
 * What a provider is for whoever uses one, and what it gives.
 *
 * C1 A credential with a grant is for its issuer, its client and its resource alone; whoever has one asks `mayUse`
 *    before it sends it.
 */

/** For whom and what tokens were issued, where that was found out and may become another. */
export const Grant = z.object({
  issuer: z.string().min(1),
  client_id: z.string().min(1),
  resource: z.string().min(1),
  /** What the user was asked for, granted or not. */
  asked: z.array(z.string()),
});
export type Grant = z.infer<typeof Grant>;

/** What an authorisation gives; it is sealed as it is. */
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
  /** `issuer` undefined: it was not found out yet. */
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
  /** False: it was issued for something else, and is not to be sent. */
  mayUse(credential: Credential): boolean;
}
