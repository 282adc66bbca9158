import type { Principal, ProviderView } from '@switchyard/contracts';
import type { Connection } from '@switchyard/store';
import type { NotSetUp } from './known-providers.ts';
import type { Provider } from '../oauth/index.ts';

/*
 * Whose an authorisation is, and what is told of it.
 *
 * V1 What is kept counts only for the issuer that gave it: where the provider is another issuer's by now, there is
 *    nothing.
 * V2 No token is in what is told.
 */

export interface Owner {
  readonly tenantId: string;
  readonly userId: string;
  readonly provider: string;
}

export function ownerOf({ tenantId, userId }: Principal, provider: string): Owner {
  return { tenantId, userId, provider };
}

/** As facts name an owner. */
export function idsOf({ tenantId, userId, provider }: Owner) {
  return { tenant_id: tenantId, user_id: userId, provider };
}

/** V1. Before it was found out whose provider it is, what is there counts. */
export function isOf({ config }: Provider, { issuer }: Pick<Connection, 'issuer'>): boolean {
  return config.issuer === undefined || config.issuer === issuer;
}

/** One that ships and that nobody has set up. */
export function unusedView({ id: provider, title, scopes, why: reason }: NotSetUp): ProviderView {
  const nothing = { authorized: false, missing_scopes: [], issuer: null, expires_at: null, connected_at: null };
  return { provider, title, status: 'not_configured', scopes: [...scopes], reason, ...nothing };
}

/** V2 */
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
