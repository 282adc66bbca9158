import type { SystemEventPublisher } from '@switchyard/bus';
import { AppError, type UpstreamAuthorisation } from '@switchyard/contracts';
import type { Logger } from '@switchyard/platform';
import type { SafeFetch } from '@switchyard/safe-fetch';
import { logEvent } from '../../log-events.ts';
import {
  type Challenge,
  type ClientIdentity,
  ClientRefused,
  type ClientRegistrations,
  type Credential,
  discover,
  type Found,
  type Grant,
  type Granted,
  type LoginPlan,
  probe,
  type Provider,
  type ProviderClient,
  Refused,
  scopesToAsk,
} from '../../oauth/index.ts';
import { DiscoveredClient } from './client.ts';
import { mcpSdk } from '../../common/index.ts';
import {
  headersOf,
  type OauthConfig,
  type ReadVariable,
  type UpstreamConfig,
} from '../../upstreams/connections/config.ts';

/*
 * A provider that an upstream led to. After discovery and registration it works like one that the operator named.
 *
 * - A grant is for one issuer, one resource and one client of ours. If the upstream names another issuer, or is another
 *   resource, the user authorises anew. No data of the one issuer or resource is sent to the other.
 * - Discovery runs once for all waiting callers, and its result is cached for ten minutes. It runs anew after an
 *   upstream refused a token, but at most every ANEW_EVERY_MS, however often the upstream refuses.
 * - A login ends where it began: at the issuer, the resource and the client that were sealed with its state.
 * - If the upstream names another issuer than before, each replica that detects this reports it once.
 */

const FOUND_TTL_MS = 600_000;
const ANEW_EVERY_MS = 5_000;

export interface DiscoveredParts {
  readonly upstream: UpstreamConfig;
  readonly oauth: OauthConfig;
  readonly registrations: ClientRegistrations;
  readonly fetch: SafeFetch;
  readonly mayUseHttp: (host: string) => boolean;
  readonly read: ReadVariable;
  readonly now: () => number;
  readonly systemEvents: Pick<SystemEventPublisher, 'publish'>;
  readonly log: Logger;
  /** Called after each discovery, also after one that failed. */
  readonly onLooked: () => void;
}

export class DiscoveredProvider implements Provider {
  #looking: { readonly until: number; readonly made: Promise<Found> } | undefined;
  #found: Found | undefined;
  #identity: ClientIdentity | undefined;
  #challenge: Challenge | undefined;
  #anewAfter = Number.NEGATIVE_INFINITY;
  /** Why the provider cannot be used, for people. */
  #problem: string | undefined;
  readonly #title: string;
  readonly #us: DiscoveredClient;

  readonly #parts: DiscoveredParts;

  constructor(parts: DiscoveredParts) {
    this.#parts = parts;
    this.#title = parts.oauth.title ?? parts.upstream.name;
    this.#us = new DiscoveredClient({ ...parts, title: this.#title });
  }

  get config(): Provider['config'] {
    const { upstream, oauth: settings } = this.#parts;
    const scopes = this.#found ? this.#scopes(this.#found, []) : (settings.scopes ?? []);
    return { id: upstream.provider, title: this.#title, issuer: this.#found?.issuer, scopes };
  }

  /** What we know of the provider, without a request. */
  get view(): UpstreamAuthorisation {
    const { issuer, resource } = this.#found ?? {};
    return {
      by: this.#parts.oauth.by,
      issuer: issuer ?? null,
      resource: resource ?? null,
      client: this.#identity?.how ?? this.#us.foreseen(this.#found) ?? null,
      scopes: [...this.config.scopes],
      missing: this.#problem ?? null,
    };
  }

  /** Whether the upstream asks a caller without a token for one. */
  async asks(): Promise<boolean> {
    this.#challenge = await this.#probe();
    return this.#challenge !== undefined;
  }

  /** The result of discovery, kept or new. `challenge`: how the upstream just refused a token; it asks for a new run. */
  async look(challenge?: Challenge): Promise<Found> {
    const now = this.#parts.now();
    if (challenge && now >= this.#anewAfter) {
      this.#anewAfter = now + ANEW_EVERY_MS;
      this.#challenge = challenge;
      this.#looking = undefined;
    }
    if (this.#looking && this.#looking.until > now) return this.#looking.made;
    const made = this.#discover();
    const looking = { until: now + FOUND_TTL_MS, made };
    this.#looking = looking;
    // After a failure the next caller tries again.
    made.catch(() => {
      if (this.#looking === looking) this.#looking = undefined;
    });
    return made;
  }

  async plan(state: string, verifier: string, wanted: readonly string[]): Promise<LoginPlan> {
    const found = await this.look();
    const asked = this.#scopes(found, wanted);
    const { registrations, fetch, upstream } = this.#parts;
    const { title } = this.config;
    const named = this.#us.named();
    const identity = await registrations
      .identify({ provider: upstream.provider, title, found, scopes: asked, fetch, named })
      .catch((error: unknown) => {
        if (error instanceof AppError) this.#problem = error.message;
        throw error;
      });
    this.#identity = identity;
    this.#problem = undefined;
    const { url } = await this.#us.clientFor(found, identity, asked).plan(state, verifier);
    const { issuer, resource } = found;
    return { url, grant: { issuer, resource, client_id: identity.clientId, asked } };
  }

  /** Ends a login at the issuer, the resource and the client with which it began (`grant`). */
  async exchange(
    params: Readonly<Record<string, string>>,
    state: string,
    verifier: string,
    grant: Grant | undefined,
  ): Promise<Granted> {
    if (!grant) throw new Refused('not_begun_here');
    const client = await this.#clientOf(grant);
    return bound(await client.exchange(params, state, verifier), grant);
  }

  async refresh(credential: Credential): Promise<Granted> {
    const { grant } = credential;
    if (!grant) throw new Refused('not_bound');
    const client = await this.#clientOf(grant);
    try {
      return bound(await client.refresh(credential), grant);
    } catch (error) {
      if (!(error instanceof ClientRefused)) throw error;
      // The server does not know our client any more. The next login registers a new one.
      if (this.#identity) await this.#parts.registrations.forget(this.config.id, grant.issuer, this.#identity);
      throw new Refused('invalid_client', { cause: error });
    }
  }

  async revoke(credential: Credential): Promise<true | undefined> {
    const { grant } = credential;
    const client = grant && (await this.#clientOf(grant));
    return client?.revoke(credential);
  }

  async check(credential: Credential): Promise<{ active: boolean; by: 'introspection' | 'userinfo' } | undefined> {
    const client = credential.grant && (await this.#clientOf(credential.grant));
    return client?.check(credential);
  }

  /** False where the credential has no grant, or its grant is for another issuer or another resource. */
  mayUse({ grant }: Credential): boolean {
    if (!grant || (this.#found && this.#found.issuer !== grant.issuer)) return false;
    const { resource } = grant;
    return mcpSdk().checkResourceAllowed({
      requestedResource: this.#parts.upstream.url!,
      configuredResource: resource,
    });
  }

  /** A token for ourselves (`auth: service`). */
  async ownToken(): Promise<Granted> {
    const found = await this.look();
    const named = this.#us.named()!;
    this.#identity = named;
    const granted = await this.#us.clientFor(found, named, this.#scopes(found, [])).ownToken();
    this.#problem = undefined;
    return granted;
  }

  /** Keeps the reason why there is no token (`auth: service`). */
  failed(error: unknown): void {
    this.#problem = error instanceof AppError ? error.message : 'It gave no token.';
  }

  async #discover(): Promise<Found> {
    const { upstream, oauth: settings, fetch, mayUseHttp, log } = this.#parts;
    const { by, issuer } = settings;
    const { title } = this.config;
    const { name, url = '' } = upstream;
    try {
      // If the upstream does not answer, discovery looks at the well-known addresses.
      this.#challenge ??= await this.#probe().catch(() => undefined);
      const found = await discover({ title, url, challenge: this.#challenge, issuer, by, fetch, mayUseHttp });
      this.#remember(found);
      return found;
    } catch (error) {
      this.#challenge = undefined;
      this.#problem = error instanceof AppError ? error.message : 'It cannot be found out who authorises it.';
      logEvent(log, 'upstream_issuer_unknown', { err: error, upstream: name });
      throw error;
    } finally {
      this.#parts.onLooked();
    }
  }

  #probe(): Promise<Challenge | undefined> {
    const { upstream, fetch, read } = this.#parts;
    const filled = headersOf(upstream, read);
    return probe(upstream.url!, fetch, 'headers' in filled ? filled.headers : {});
  }

  #remember(found: Found): void {
    const { log, upstream, systemEvents } = this.#parts;
    const before = this.#found;
    if (before && before.issuer !== found.issuer) {
      const { name, provider } = upstream;
      const data = { upstream: name, provider, issuer: found.issuer, earlier_issuer: before.issuer };
      logEvent(log, 'upstream_issuer_changed', data);
      systemEvents.publish({ type: 'tools.provider.moved', data });
      this.#identity = undefined;
    } else if (!before) logEvent(log, 'upstream_issuer_discovered', { upstream: upstream.name, issuer: found.issuer });
    this.#found = found;
    this.#problem = undefined;
  }

  /** The client of a grant. Throws Refused where the issuer, the resource or our client is another one by now. */
  async #clientOf(grant: Grant): Promise<ProviderClient> {
    const found = await this.look();
    if (found.issuer !== grant.issuer || found.resource !== grant.resource) throw new Refused('issuer_changed');
    const { registrations, upstream } = this.#parts;
    const identity = await registrations.known(upstream.provider, grant.issuer, grant.client_id, this.#us.named());
    if (!identity) throw new Refused('client_changed');
    this.#identity = identity;
    return this.#us.clientFor(found, identity, grant.asked);
  }

  #scopes({ metadata, scopes: resource }: Found, wanted: readonly string[]): string[] {
    return scopesToAsk({
      named: this.#parts.oauth.scopes,
      challenged: this.#challenge?.scopes ?? [],
      resource,
      wanted,
      server: metadata.scopes_supported,
      grants: metadata.grant_types_supported,
    });
  }
}

function bound(granted: Granted, grant: Grant): Granted {
  return { ...granted, credential: { ...granted.credential, grant } };
}
