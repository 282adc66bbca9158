import { AppError, type UpstreamAuthorisation } from '@switchyard/contracts';
import type { SafeFetch } from '@switchyard/safe-fetch';
import type * as oauth from 'openid-client';
import {
  AUTH_METHODS,
  authOf,
  type ClientIdentity,
  type ClientRegistrations,
  type Found,
  keyAuth,
  methodFor,
  ProviderClient,
} from '../../oauth/index.ts';
import type { OauthConfig, ReadVariable, UpstreamConfig } from '../../upstreams/connections/config.ts';

/*
 * Who we are where an upstream led us, and how we speak there.
 *
 * I1 A client that the operator named comes before any that we would register ourselves.
 * I2 Where its secret or its key is missing, it is said which variable has none.
 */

export interface DiscoveredClientParts {
  readonly upstream: UpstreamConfig;
  readonly oauth: OauthConfig;
  /** The provider as people know it. */
  readonly title: string;
  readonly registrations: ClientRegistrations;
  readonly fetch: SafeFetch;
  readonly mayUseHttp: (host: string) => boolean;
  readonly read: ReadVariable;
  readonly now: () => number;
}

export class DiscoveredClient {
  constructor(private readonly parts: DiscoveredClientParts) {}

  /** I1. The client that the operator named. */
  named(): ClientIdentity | undefined {
    const { client_id: clientId, client_secret_env: name, client_auth } = this.parts.oauth;
    if (clientId === undefined) return undefined;
    const secret = name === undefined ? undefined : this.#secret(name);
    const method = client_auth && AUTH_METHODS[client_auth];
    return { how: 'named', clientId, secret, method };
  }

  /** I2 */
  #secret(name: string): string {
    const value = this.parts.read(name);
    if (value) return value;
    throw new AppError('credentials_missing', `${this.parts.upstream.name} is not set up: ${name} is not set.`);
  }

  /** How we will be known there, as far as it can be told. */
  foreseen(found: Found | undefined): UpstreamAuthorisation['client'] | undefined {
    if (this.parts.oauth.client_id !== undefined) return 'named';
    if (!found) return undefined;
    const { client_id_metadata_document_supported: readsOurs, registration_endpoint } = found.metadata;
    if (readsOurs === true && this.parts.registrations.document() !== null) return 'document';
    return registration_endpoint === undefined ? 'none' : 'registration';
  }

  /** For what was found, as this client of ours. */
  clientFor(found: Found, identity: ClientIdentity, scopes: readonly string[]): ProviderClient {
    const { upstream, title, fetch, mayUseHttp, now, registrations } = this.parts;
    const { private_key_env: key, signing_alg: alg } = this.parts.oauth;
    const method = methodFor(identity, found.metadata);
    // A person who is to be asked for lasting access is asked (OpenID Connect, 11).
    const lasting: Record<string, string> = scopes.includes('offline_access') ? { prompt: 'consent' } : {};
    return new ProviderClient({
      config: {
        id: upstream.provider,
        title,
        issuer: found.issuer,
        endpoints: undefined,
        scopes,
        resource: found.resource,
        clientId: identity.clientId,
        clientSecret: identity.secret,
        clientAuth: method,
        authorizationParams: lasting,
      },
      auth: key === undefined ? authOf(method, identity.secret) : keyAuth(this.#secret(key), alg),
      metadata: found.metadata as oauth.ServerMetadata,
      redirectUri: registrations.redirectUri,
      fetch,
      mayUseHttp,
      now,
    });
  }
}
