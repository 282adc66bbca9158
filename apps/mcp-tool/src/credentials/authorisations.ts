import type { SystemEventPublisher } from '@switchyard/bus';
import { AppError, type LiveStatus, type Principal, type ProviderView, type Revocation } from '@switchyard/contracts';
import type { Logger } from '@switchyard/platform';
import type { Connection, Connections } from '@switchyard/store';
import { logEvent } from '../log-events.ts';
import { idsOf, isOf, type Owner, ownerOf, unusedView, viewOf } from './authorisation-views.ts';
import { type TokenManager, notConnected } from './token-manager.ts';
import type { ProviderRegistry } from './provider-registry.ts';
import {
  type Challenged,
  type Credential,
  type Provider,
  stepUp,
  type TokenOf,
  union,
  type UserTokens,
} from '../oauth/index.ts';
import type { Vault } from '../oauth/vault.ts';
import type { ProviderAuthorisations, ProviderStatus } from '../catalog/index.ts';

/*
 * Shows, uses, renews and revokes the authorisations of users. They begin in provider-logins.ts.
 *
 * - A revocation holds from the moment it is committed here. The provider is told afterwards.
 * - A credential belongs to the issuer that issued it. If the operator names another issuer, the user authorises anew.
 * - If an upstream refuses a token, the token is renewed once, or its user is asked for more scopes. The token is never
 *   sent elsewhere, and a user is never asked again for scopes that were asked for before.
 */

export interface AuthorisationsParts {
  readonly providers: ProviderRegistry;
  readonly connections: Connections;
  readonly vault: Vault;
  readonly tokens: TokenManager;
  readonly systemEvents: Pick<SystemEventPublisher, 'publish'>;
  readonly log: Logger;
  /** The page on which a person authorises a provider. */
  readonly pageOf: (provider: string) => string;
}

/** Called after each change of an authorisation in this process. */
export type ChangeListener = (owner: Owner, change: 'connected' | 'gone') => void;

export class Authorisations implements ProviderAuthorisations, UserTokens {
  readonly #listeners = new Set<ChangeListener>();

  readonly #parts: AuthorisationsParts;

  constructor(parts: AuthorisationsParts) {
    this.#parts = parts;
    parts.tokens.onExpired((owner) => this.changed(owner, 'gone'));
  }

  /** Calls `listener` after each change. The returned function ends that. */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async statusOf(principal: Principal, provider: string): Promise<ProviderStatus> {
    const client = this.#parts.providers.find(provider);
    if (!client) return { status: 'not_needed', because: this.#parts.providers.whyNot(provider) };
    const { issuer } = client.config;
    const connection = await this.#connection(ownerOf(principal, provider), client);
    if (!connection) return { status: 'missing', issuer };
    return connection.status === 'expired'
      ? { status: 'expired', issuer }
      : { status: 'authorised', scopes: connection.scopes, issuer };
  }

  /** Includes the revision of the providers: replicas that know different providers have different epochs. */
  async epochOf(principal: Principal): Promise<string> {
    if (this.#parts.providers.size === 0) return '0';
    return `${this.#parts.providers.mark}:${await this.#parts.connections.epoch(principal)}`;
  }

  /** The access token of this user for the provider, renewed where it is due. Throws `provider_not_connected`. */
  async tokenOf(principal: Principal, provider: string): Promise<string> {
    const client = this.#parts.providers.get(provider);
    const connection = await this.#connection(ownerOf(principal, provider), client);
    return this.#parts.tokens.tokenOf(client, connection);
  }

  /** Like `tokenOf`; throws where an issuer is named and the provider has another one. */
  async tokenFor(principal: Principal, { provider, issuer }: TokenOf): Promise<string> {
    const client = this.#parts.providers.get(provider);
    if (issuer !== undefined && client.config.issuer !== issuer) throw notConnected(client, this.#parts.pageOf);
    return this.tokenOf(principal, provider);
  }

  /** Resolves if there is another token by now. Otherwise throws an error that tells the user what to do. */
  async challenged(principal: Principal, provider: string, refusal: Challenged): Promise<void> {
    const client = this.#parts.providers.get(provider);
    const owner = ownerOf(principal, provider);
    const { status, scopes } = refusal.challenge;
    const connection = await this.#connection(owner, client);
    if (connection?.status !== 'connected') throw notConnected(client, this.#parts.pageOf);
    const credential = await this.#parts.tokens.open(connection);
    if (!refusal.wasFor(credential.access_token)) return;
    if (status === 403) {
      const asked = stepUp(scopes, union(connection.scopes, credential.grant?.asked ?? []));
      const { title } = client.config;
      if (!asked) throw new AppError('forbidden', `${title} does not allow this with what you granted.`);
      await this.#parts.connections.wantScopes(connection.connectionId, asked);
      throw notConnected(
        client,
        this.#parts.pageOf,
        `${title} wants more than you granted for this: ${scopes.join(', ')}.`,
      );
    }
    if (credential.refresh_token === undefined) {
      await this.#parts.tokens.expire(connection);
      throw notConnected(client, this.#parts.pageOf);
    }
    await this.#parts.tokens.tokenOf(client, connection, { now: true });
  }

  async list(principal: Principal): Promise<ProviderView[]> {
    const { providers } = this.#parts;
    const without = providers.notSetUp().map(unusedView);
    if (providers.size === 0) return without;
    const found = await this.#parts.connections.list(principal);
    const byProvider = new Map(found.map((connection) => [connection.provider, connection]));
    return [...providers.all().map((client) => viewOf(client, byProvider.get(client.config.id))), ...without];
  }

  async refresh(principal: Principal, provider: string): Promise<ProviderView> {
    const client = this.#parts.providers.get(provider);
    const owner = ownerOf(principal, provider);
    await this.#parts.tokens.tokenOf(client, await this.#connection(owner, client), { now: true });
    return viewOf(client, await this.#connection(owner, client));
  }

  async live(principal: Principal, provider: string): Promise<LiveStatus> {
    const client = this.#parts.providers.get(provider);
    const owner = ownerOf(principal, provider);
    const view = async () => viewOf(client, await this.#connection(owner, client));
    const connection = await this.#connection(owner, client);
    if (connection?.status !== 'connected') return { ...(await view()), live: 'inactive', checked_by: 'nothing' };
    try {
      await this.#parts.tokens.tokenOf(client, connection); // Renews the token where that is due.
      const current = await this.#connection(owner, client);
      const credential = current && (await this.#parts.tokens.open(current));
      const checked = credential && (await client.check(credential));
      if (checked?.active) return { ...(await view()), live: 'active', checked_by: checked.by };
      if (!checked && credential?.refresh_token === undefined)
        return { ...(await view()), live: 'unknown', checked_by: 'nothing' };
      // The provider revoked the token, or cannot say. A renewal shows whether the authorisation still holds.
      const latest = await this.#connection(owner, client);
      await this.#parts.tokens.tokenOf(client, latest, { now: true });
      return { ...(await view()), live: 'active', checked_by: 'refresh' };
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'provider_not_connected') throw error;
      return { ...(await view()), live: 'inactive', checked_by: 'refresh' };
    }
  }

  /** Removes the authorisation here, then tells the provider. */
  async revoke(principal: Principal, provider: string): Promise<Revocation> {
    const { connections, vault, systemEvents, log } = this.#parts;
    const client = this.#parts.providers.get(provider);
    const owner = ownerOf(principal, provider);
    const gone = await connections.remove(owner);
    if (!gone) return { provider, revoked: false, at_provider: 'nothing' };
    this.changed(owner, 'gone');
    const tell = async (): Promise<Revocation['at_provider']> => {
      if (!isOf(client, gone)) return 'not_supported'; // Another issuer gave this credential.
      const { value } = await vault.open(owner, 'credential', gone.sealed);
      return (await client.revoke(value as Credential)) ? 'revoked' : 'not_supported';
    };
    const at_provider = await tell().catch((error: unknown) => {
      logEvent(log, 'provider_revocation_failed', { err: error, provider });
      return 'failed' as const;
    });
    systemEvents.publish({ type: 'tools.provider.revoked', data: { ...idsOf(owner), at_provider } });
    return { provider, revoked: true, at_provider };
  }

  /** The stored connection, if the provider's present issuer gave it. */
  async #connection(owner: Owner, client: Provider): Promise<Connection | undefined> {
    const connection = await this.#parts.connections.get(owner);
    return connection && isOf(client, connection) ? connection : undefined;
  }

  /** Tells the listeners that an authorisation came or went in this process. */
  changed({ tenantId, userId, provider }: Owner, change: 'connected' | 'gone'): void {
    for (const listener of this.#listeners) listener({ tenantId, userId, provider }, change);
  }
}
