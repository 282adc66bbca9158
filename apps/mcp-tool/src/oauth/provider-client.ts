import type { SafeFetch } from '@switchyard/safe-fetch';
import * as oauth from 'openid-client';
import { authOf } from './client-auth.ts';
import { union } from './rules.ts';
import type { Credential, Granted, LoginPlan, Provider } from './provider.ts';
import type { ProviderConfig } from './provider-config.ts';
import { explained, isInvalidToken, Refused } from './provider-faults.ts';
import { metadataOf, placesOf } from './provider-metadata.ts';
import { fromSlack } from './slack-dialect.ts';

/*
 * Speaks OAuth 2.1 with one provider: authorization code with PKCE, renewal, revocation.
 *
 * - The client asks only a provider whose metadata passes the checks of provider-metadata.ts.
 * - The client takes the result of a login only from the issuer that it asked (RFC 9207).
 * - Where the configuration names a resource, the client asks for tokens for this resource alone: at the authorization,
 *   at the exchange and at each renewal.
 * - The client turns every error of a flow into one of ours (provider-faults.ts).
 * - The client refuses an answer that is too large or comes too late.
 */

export interface ProviderClientOptions {
  readonly config: ProviderConfig;
  /** The metadata, where discovery already read it. */
  readonly metadata?: oauth.ServerMetadata;
  /** The client authentication; absent: as the configuration says. */
  readonly auth?: oauth.ClientAuth;
  readonly redirectUri: string;
  readonly fetch: SafeFetch;
  /** http is for hosts that the operator named as private. */
  readonly mayUseHttp: (host: string) => boolean;
  readonly now: () => number;
}

const METADATA_TTL_MS = 600_000;
/** Each answer of a provider stays within these, or the request fails. */
const LIMITS = { timeoutMs: 10_000, maxResponseBytes: 256 * 1024 };
const MAX_TOKEN_CHARS = 32_000;

export class ProviderClient implements Provider {
  #known: { readonly until: number; readonly made: Promise<oauth.Configuration> } | undefined;

  readonly #options: ProviderClientOptions;

  constructor(options: ProviderClientOptions) {
    this.#options = options;
  }

  get config(): ProviderConfig {
    return this.#options.config;
  }

  async plan(state: string, verifier: string, wanted: readonly string[] = []): Promise<LoginPlan> {
    const { config, redirectUri } = this.#options;
    const scopes = union(config.scopes, wanted);
    const server = await this.#configuration();
    const url = oauth.buildAuthorizationUrl(server, {
      ...config.authorizationParams,
      redirect_uri: redirectUri,
      state,
      ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...this.#resource(),
    });
    return { url: url.href };
  }

  mayUse(): boolean {
    return true;
  }

  /** Exchanges the parameters that the browser came back with for tokens. */
  exchange(params: Readonly<Record<string, string>>, state: string, verifier: string): Promise<Granted> {
    return this.#ask(async (server) => {
      const url = new URL(this.#options.redirectUri);
      url.search = new URLSearchParams(params).toString();
      const checks = { expectedState: state, pkceCodeVerifier: verifier };
      return this.#granted(await oauth.authorizationCodeGrant(server, url, checks, this.#resource()));
    });
  }

  /** A token for ourselves (client credentials); no user is involved. */
  ownToken(): Promise<Granted> {
    const { scopes } = this.config;
    const scope: Record<string, string> = scopes.length === 0 ? {} : { scope: scopes.join(' ') };
    return this.#ask(async (server) =>
      this.#granted(await oauth.clientCredentialsGrant(server, { ...scope, ...this.#resource() })),
    );
  }

  /** Throws Refused where the credential has no refresh token, or the provider refuses to renew it. */
  refresh(credential: Credential): Promise<Granted> {
    const { refresh_token: token } = credential;
    if (token === undefined) return Promise.reject(new Refused('no_refresh_token'));
    return this.#ask(async (server) =>
      this.#granted(await oauth.refreshTokenGrant(server, token, this.#resource()), token),
    );
  }

  /** Undefined where the provider has no endpoint for revocations. */
  revoke({ access_token, refresh_token }: Credential): Promise<true | undefined> {
    return this.#ask(async (server) => {
      if (server.serverMetadata().revocation_endpoint === undefined) return undefined;
      if (refresh_token !== undefined)
        await oauth.tokenRevocation(server, refresh_token, { token_type_hint: 'refresh_token' });
      // The revocation of the refresh token may have ended the access token too; some servers call that an error.
      const gone = (error: unknown): void => {
        if (refresh_token === undefined || !isInvalidToken(error)) throw error;
      };
      await oauth.tokenRevocation(server, access_token, { token_type_hint: 'access_token' }).catch(gone);
      return true;
    });
  }

  /** Whether the provider accepts the token now; undefined: it offers no way to ask. */
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
      throw explained(error, this.config.title);
    }
  }

  /** The configuration from checked metadata, read once for all callers and kept for ten minutes. */
  #configuration(): Promise<oauth.Configuration> {
    const { now } = this.#options;
    if (this.#known && this.#known.until > now()) return this.#known.made;
    const made = this.#make();
    const known = { until: now() + METADATA_TTL_MS, made };
    this.#known = known;
    // After a failure the next caller tries again.
    made.catch(() => {
      if (this.#known === known) this.#known = undefined;
    });
    return made;
  }

  async #make(): Promise<oauth.Configuration> {
    const { config, metadata: known, mayUseHttp } = this.#options;
    const call = (url: string, init: RequestInit) => this.#call(url, init);
    const metadata = await metadataOf({ config, metadata: known, mayUseHttp, call });
    const auth = this.#options.auth ?? authOf(config.clientAuth, config.clientSecret);
    const made = new oauth.Configuration(metadata, config.clientId, undefined, auth);
    made[oauth.customFetch] = async (url, init) => {
      const answer = await call(url, init as RequestInit);
      return config.dialect === 'slack' ? fromSlack(answer) : answer;
    };
    made.timeout = 0; // LIMITS bounds each request already.
    if (placesOf(metadata).some((url) => new URL(url).protocol === 'http:')) oauth.allowInsecureRequests(made);
    return made;
  }

  #call(url: string, init: RequestInit): Promise<Response> {
    return this.#options.fetch(url, { ...init, ...LIMITS });
  }

  /** The parameter that limits tokens to the configured resource; empty where none is named. */
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
      expiresAt: seconds === undefined ? null : this.#options.now() + Math.min(seconds, 31_536_000) * 1_000,
    };
  }
}
