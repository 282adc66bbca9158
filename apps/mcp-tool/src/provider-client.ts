import { AppError } from '@switchyard/contracts';
import type { SafeFetch } from '@switchyard/safe-fetch';
import * as oauth from 'openid-client';
import { z } from 'zod';
import { authOf } from './client-auth.ts';
import type { ProviderConfig } from './provider-config.ts';

/*
 * Speaks OAuth 2.1 with one provider: authorization code with PKCE, renewal, revocation.
 *
 * O1 A provider whose metadata does not say that it checks PKCE with S256 is not used at all.
 * O2 What comes back is taken only from the issuer that it was asked of (RFC 9207, and the issuer of the metadata).
 * O3 Tokens are asked for one resource, where one is named, at the authorization, the exchange and each renewal.
 * O4 Nothing that a provider says reaches a caller: errors are ours, what was said is their cause, for the log.
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

export interface ProviderClientOptions {
  readonly config: ProviderConfig;
  /** Where it was found out already. */
  readonly metadata?: oauth.ServerMetadata;
  /** How we say who we are; absent: as the configuration says. */
  readonly auth?: oauth.ClientAuth;
  readonly redirectUri: string;
  readonly fetch: SafeFetch;
  /** http is for hosts that the operator named as private. */
  readonly mayUseHttp: (host: string) => boolean;
  readonly now: () => number;
}

const METADATA_TTL_MS = 600_000;
/** Every answer of a provider is small and quick, or none. */
const LIMITS = { timeoutMs: 10_000, maxResponseBytes: 256 * 1024 };
const MAX_TOKEN_CHARS = 32_000;

/** The provider said no: the user must authorise again. */
export class Refused extends Error {}

/** The provider does not know us (any more). */
export class ClientRefused extends AppError {}

export class ProviderClient implements Provider {
  #known: { readonly until: number; readonly made: Promise<oauth.Configuration> } | undefined;

  constructor(private readonly options: ProviderClientOptions) {}

  get config(): ProviderConfig {
    return this.options.config;
  }

  async plan(state: string, verifier: string): Promise<LoginPlan> {
    const { config, redirectUri } = this.options;
    const server = await this.#configuration();
    const url = oauth.buildAuthorizationUrl(server, {
      ...config.authorizationParams,
      redirect_uri: redirectUri,
      state,
      ...(config.scopes.length === 0 ? {} : { scope: config.scopes.join(' ') }),
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...this.#resource(),
    });
    return { url: url.href };
  }

  mayUse(): boolean {
    return true;
  }

  /** What the browser came back with, for tokens. */
  exchange(params: Readonly<Record<string, string>>, state: string, verifier: string): Promise<Granted> {
    return this.#ask(async (server) => {
      const url = new URL(this.options.redirectUri);
      url.search = new URLSearchParams(params).toString();
      const checks = { expectedState: state, pkceCodeVerifier: verifier };
      return this.#granted(await oauth.authorizationCodeGrant(server, url, checks, this.#resource()));
    });
  }

  /** For ourselves: no user is asked. */
  ownToken(): Promise<Granted> {
    const { scopes } = this.config;
    const scope: Record<string, string> = scopes.length === 0 ? {} : { scope: scopes.join(' ') };
    return this.#ask(async (server) =>
      this.#granted(await oauth.clientCredentialsGrant(server, { ...scope, ...this.#resource() })),
    );
  }

  /** Throws Refused where there is nothing to renew with, or the provider does not any more. */
  refresh(credential: Credential): Promise<Granted> {
    const { refresh_token: token } = credential;
    if (token === undefined) return Promise.reject(new Refused('no_refresh_token'));
    return this.#ask(async (server) =>
      this.#granted(await oauth.refreshTokenGrant(server, token, this.#resource()), token),
    );
  }

  /** Undefined where the provider has no place for it. */
  revoke({ access_token, refresh_token }: Credential): Promise<true | undefined> {
    return this.#ask(async (server) => {
      if (server.serverMetadata().revocation_endpoint === undefined) return undefined;
      if (refresh_token !== undefined)
        await oauth.tokenRevocation(server, refresh_token, { token_type_hint: 'refresh_token' });
      await oauth.tokenRevocation(server, access_token, { token_type_hint: 'access_token' });
      return true;
    });
  }

  /** Whether the provider takes the token now. */
  check({
    access_token: accessToken,
  }: Credential): Promise<{ active: boolean; by: 'introspection' | 'userinfo' } | undefined> {
    return this.#ask(async (server) => {
      const { introspection_endpoint: introspection, userinfo_endpoint: userinfo } = server.serverMetadata();
      if (introspection !== undefined && this.config.clientAuth !== 'none')
        return { active: (await oauth.tokenIntrospection(server, accessToken)).active, by: 'introspection' };
      if (userinfo === undefined || !this.config.scopes.includes('openid')) return undefined;
      const answer = await this.#call(userinfo, { headers: { authorization: `Bearer ${accessToken}` } });
      await answer.body?.cancel();
      return { active: answer.ok, by: 'userinfo' };
    });
  }

  async #ask<T>(work: (server: oauth.Configuration) => Promise<T>): Promise<T> {
    const server = await this.#configuration();
    try {
      return await work(server);
    } catch (error) {
      throw this.#explained(error);
    }
  }

  /** O4 */
  #explained(error: unknown): Error {
    const { title } = this.config;
    if (error instanceof Refused) return error;
    const ours = appErrorIn(error);
    if (ours) return new AppError(ours.code, `${title} could not be asked: ${ours.message}`, { cause: error });
    if (error instanceof oauth.ResponseBodyError) {
      // Whatever is wrong with the client or the server says nothing of the user's authorisation.
      if (['invalid_grant', 'invalid_target', 'invalid_scope', 'access_denied'].includes(error.error))
        return new Refused(error.error, { cause: error });
      if (['invalid_client', 'unauthorized_client'].includes(error.error))
        return new ClientRefused('upstream_failed', `${title} does not know us as its client.`, { cause: error });
      return new AppError('upstream_failed', `${title} refused the request.`, { cause: error });
    }
    if (error instanceof oauth.AuthorizationResponseError)
      return new Refused('authorization_response', { cause: error });
    return new AppError('upstream_failed', `${title} gave an answer that cannot be used.`, { cause: error });
  }

  #configuration(): Promise<oauth.Configuration> {
    const { now } = this.options;
    if (this.#known && this.#known.until > now()) return this.#known.made;
    const made = this.#make();
    const known = { until: now() + METADATA_TTL_MS, made };
    this.#known = known;
    // What failed is tried again by the next who asks.
    made.catch(() => {
      if (this.#known === known) this.#known = undefined;
    });
    return made;
  }

  async #make(): Promise<oauth.Configuration> {
    const { config } = this.options;
    const metadata =
      this.options.metadata ??
      (config.endpoints ? fromEndpoints(config.issuer, config.endpoints) : await this.#discover());
    if (metadata.issuer !== config.issuer) throw this.#unusable('its metadata names another issuer'); // O2
    if (metadata.authorization_endpoint !== undefined || this.options.metadata === undefined) {
      if (!metadata.code_challenge_methods_supported?.includes('S256')) throw this.#unusable('it does not check PKCE'); // O1
      if (!metadata.authorization_endpoint) throw this.#unusable('it has no place for logins');
    }
    if (!metadata.token_endpoint) throw this.#unusable('it has no place for logins');
    const { clientSecret: secret, clientAuth } = config;
    const auth = this.options.auth ?? authOf(clientAuth, secret);
    const made = new oauth.Configuration(metadata, config.clientId, undefined, auth);
    made[oauth.customFetch] = (url, init) => this.#call(url, init as RequestInit);
    made.timeout = 0; // LIMITS holds.
    const urls = [metadata.authorization_endpoint, metadata.token_endpoint].filter((url) => url !== undefined);
    if (urls.some((url) => !this.#isAllowed(url))) throw this.#unusable('it is not reached over https');
    if (urls.some((url) => new URL(url).protocol === 'http:')) oauth.allowInsecureRequests(made);
    return made;
  }

  /** RFC 8414, then OpenID Connect. */
  async #discover(): Promise<oauth.ServerMetadata> {
    const issuer = new URL(this.config.issuer);
    if (!this.#isAllowed(issuer.href)) throw this.#unusable('it is not reached over https');
    const path = issuer.pathname.replace(/\/$/, '');
    const places = [`/.well-known/oauth-authorization-server${path}`, `${path}/.well-known/openid-configuration`];
    for (const place of places) {
      const answer = await this.#call(new URL(place, issuer).href, { headers: { accept: 'application/json' } }).catch(
        (error: unknown) => {
          throw this.#explained(error);
        },
      );
      if (answer.ok) {
        const metadata: unknown = await answer.json().catch(() => undefined);
        if (isMetadata(metadata)) return metadata;
      } else await answer.body?.cancel();
    }
    throw this.#unusable('it publishes no metadata; name its endpoints');
  }

  #call(url: string, init: RequestInit): Promise<Response> {
    return this.options.fetch(url, { ...init, ...LIMITS });
  }

  #isAllowed(text: string): boolean {
    if (!URL.canParse(text)) return false;
    const url = new URL(text);
    return url.protocol === 'https:' || (url.protocol === 'http:' && this.options.mayUseHttp(url.host));
  }

  #unusable(why: string): AppError {
    return new AppError('provider_unusable', `${this.config.title} cannot be used: ${why}.`);
  }

  /** O3 */
  #resource(): Record<string, string> {
    return this.config.resource === undefined ? {} : { resource: this.config.resource };
  }

  #granted(answer: oauth.TokenEndpointResponse, earlierRefreshToken?: string): Granted {
    const { access_token, expires_in: seconds, scope } = answer;
    const refresh_token = answer.refresh_token ?? earlierRefreshToken;
    if (answer.token_type.toLowerCase() !== 'bearer') throw new Error('the token is not a bearer token');
    if (access_token.length + (refresh_token?.length ?? 0) > MAX_TOKEN_CHARS)
      throw new Error('the tokens are too long');
    return {
      credential: { access_token, ...(refresh_token === undefined ? {} : { refresh_token }) },
      scopes: scope === undefined ? this.config.scopes : scope.split(' ').filter(Boolean).slice(0, 200),
      expiresAt: seconds === undefined ? null : this.options.now() + Math.min(seconds, 31_536_000) * 1_000,
    };
  }
}

function fromEndpoints(issuer: string, given: NonNullable<ProviderConfig['endpoints']>): oauth.ServerMetadata {
  const { authorization, token, revocation, introspection, userinfo, pkce } = given;
  return {
    issuer,
    authorization_endpoint: authorization,
    token_endpoint: token,
    code_challenge_methods_supported: [pkce],
    ...(revocation === undefined ? {} : { revocation_endpoint: revocation }),
    ...(introspection === undefined ? {} : { introspection_endpoint: introspection }),
    ...(userinfo === undefined ? {} : { userinfo_endpoint: userinfo }),
  };
}

/** As much of the metadata as is used has the right shape. */
function isMetadata(value: unknown): value is oauth.ServerMetadata {
  const text = z.string().optional();
  return z
    .looseObject({
      issuer: z.string(),
      code_challenge_methods_supported: z.array(z.string()).optional(),
      authorization_endpoint: text,
      token_endpoint: text,
      revocation_endpoint: text,
      introspection_endpoint: text,
      userinfo_endpoint: text,
      jwks_uri: text,
    })
    .safeParse(value).success;
}

function appErrorIn(error: unknown): AppError | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1)
    if (at instanceof AppError) return at;
  return undefined;
}
