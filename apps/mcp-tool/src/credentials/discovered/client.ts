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
 * Our client at the authorization server that an upstream led to.
 *
 * - A client that the operator named comes before any that we would register ourselves.
 * - Where its secret or its key is missing, the error names the variable that is not set.
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
  readonly #parts: DiscoveredClientParts;

  constructor(parts: DiscoveredClientParts) {
    this.#parts = parts;
  }

  /** The client that the operator named, if any. Throws where its secret is missing. */
  named(): ClientIdentity | undefined {
    const { client_id: clientId, client_secret_env: name, client_auth } = this.#parts.oauth;
    if (clientId === undefined) return undefined;
    const secret = name === undefined ? undefined : this.#secret(name);
    const method = client_auth && AUTH_METHODS[client_auth];
    return { how: 'named', clientId, secret, method };
  }

  /** The value of a variable. Throws an error with its name where it is not set. */
  #secret(name: string): string {
    const value = this.#parts.read(name);
    if (value) return value;
    throw new AppError('credentials_missing', `${this.#parts.upstream.name} is not set up: ${name} is not set.`);
  }

  /** The kind of client that a login will use, as far as it is known before; undefined: not known yet. */
  foreseen(found: Found | undefined): UpstreamAuthorisation['client'] | undefined {
    if (this.#parts.oauth.client_id !== undefined) return 'named';
    if (!found) return undefined;
    const { client_id_metadata_document_supported: readsOurs, registration_endpoint } = found.metadata;
    if (readsOurs === true && this.#parts.registrations.document() !== null) return 'document';
    return registration_endpoint === undefined ? 'none' : 'registration';
  }

  /** The client for a discovered authorization server, with this identity. */
  clientFor(found: Found, identity: ClientIdentity, scopes: readonly string[]): ProviderClient {
    const { upstream, title, fetch, mayUseHttp, now, registrations } = this.#parts;
    const { private_key_env: key, signing_alg: alg } = this.#parts.oauth;
    const method = methodFor(identity, found.metadata);
    // Lasting access needs the consent of the person (OpenID Connect, 11).
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
