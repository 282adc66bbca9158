import type { Principal, ProviderView } from '@switchyard/contracts';
import type { Connection } from '@switchyard/store';
import type { NotSetUp } from './provider-registry.ts';
import type { Provider } from '../oauth/index.ts';

/*
 * The owner of an authorisation, and the view of it that callers get.
 *
 * - A stored connection counts only for the issuer that gave it. Where the provider has another issuer by now, the user
 *   counts as not connected.
 * - A view holds no token.
 */

export interface Owner {
  readonly tenantId: string;
  readonly userId: string;
  readonly provider: string;
}

export function ownerOf({ tenantId, userId }: Principal, provider: string): Owner {
  return { tenantId, userId, provider };
}

/** The owner in the field names of facts. */
export function idsOf({ tenantId, userId, provider }: Owner) {
  return { tenant_id: tenantId, user_id: userId, provider };
}

/** True if the provider's issuer gave this connection. While the issuer is not known yet, every connection counts. */
export function isOf({ config }: Provider, { issuer }: Pick<Connection, 'issuer'>): boolean {
  return config.issuer === undefined || config.issuer === issuer;
}

/** The view of a shipped provider that has no credentials. */
export function unusedView({ id: provider, title, scopes, why: reason }: NotSetUp): ProviderView {
  const nothing = { authorized: false, missing_scopes: [], issuer: null, expires_at: null, connected_at: null };
  return { provider, title, status: 'not_configured', scopes: [...scopes], reason, ...nothing };
}

/** The view of a provider for one user, without any token. */
export function viewOf(client: Provider, found: Connection | undefined): ProviderView {
  const { id: provider, title, scopes, issuer } = client.config;
  const connection = found && isOf(client, found) ? found : undefined;
  const missing = connection?.wantedScopes.filter((scope) => !connection.scopes.includes(scope));
  return {
    provider,
    title,
    status: connection?.status ?? 'not_connected',
    authorized: connection?.status === 'connected',
    scopes: [...(connection?.scopes ?? scopes)],
    missing_scopes: missing ?? [],
    reason: null,
    issuer: issuer ?? connection?.issuer ?? null,
    expires_at: connection?.expiresAt ?? null,
    connected_at: connection?.createdAt ?? null,
  };
}
