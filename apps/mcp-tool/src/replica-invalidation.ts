import type { Bus } from '@switchyard/bus';
import type { Principal, SystemEvent } from '@switchyard/contracts';
import type { Lifecycle } from '@switchyard/platform';
import type { UpstreamConfig } from './upstreams/connections/config.ts';

/*
 * Reacts to changes that other replicas announce.
 *
 * - An event is a hint, never the truth: the replica reads the database or asks the upstream again. A missed event
 *   costs the time until the next periodic read; an event of this replica's own costs one read.
 * - If another replica found a definition changed, this replica stops using it at once and does not wait for the
 *   upstream.
 */

export interface ReplicaInvalidationParts {
  readonly bus: Pick<Bus, 'subscribeSystem'>;
  readonly lifecycle: Pick<Lifecycle, 'onStop'>;
  readonly registrar: { refresh(): Promise<void> };
  readonly registry: {
    all(): readonly UpstreamConfig[];
    heard(upstream: string, withdrawn?: string): void;
    authorised(provider: string, principal: Principal): void;
    isAvailable(upstream: string): boolean | undefined;
  };
  readonly pool: { forgetUser(upstream: UpstreamConfig, who: Principal): void };
}

/** A user authorised a provider, or revoked the authorisation. */
export function authorisationChanged(
  { registry, pool }: Pick<ReplicaInvalidationParts, 'registry' | 'pool'>,
  { tenantId, userId, provider }: { tenantId: string; userId: string; provider: string },
  change: 'connected' | 'gone',
): void {
  const who: Principal = { tenantId, userId, role: 'user', via: 'service' };
  if (change === 'connected') registry.authorised(provider, who);
  else for (const one of registry.all()) if (one.provider === provider) pool.forgetUser(one, who);
}

function invalidate(parts: Omit<ReplicaInvalidationParts, 'bus' | 'lifecycle'>, { type, data }: SystemEvent): void {
  const { registrar, registry } = parts;
  const authorisation = (change: 'connected' | 'gone') => {
    const { tenant_id: tenantId, user_id: userId, provider } = data as Record<string, string | null>;
    if (tenantId && userId && provider) authorisationChanged(parts, { tenantId, userId, provider }, change);
  };
  switch (type) {
    case 'tools.definition.changed':
      return void registrar.refresh();
    case 'tools.definition.quarantined':
      return registry.heard(data.upstream, data.tool); // not used from now on
    case 'tools.definition.decided':
      return registry.heard(data.upstream);
    case 'tools.upstream.changed':
      if (registry.isAvailable(data.upstream) !== data.available) registry.heard(data.upstream);
      return;
    case 'tools.provider.connected':
      return authorisation('connected');
    case 'tools.provider.revoked':
      return authorisation('gone');
    case 'tools.provider.refused':
      if (data.where === 'refresh') authorisation('gone');
      return;
  }
}

export async function followReplicas(parts: ReplicaInvalidationParts): Promise<void> {
  for (const about of ['tools.definition', 'tools.upstream', 'tools.provider']) {
    const subscription = await parts.bus.subscribeSystem((event) => invalidate(parts, event), about);
    parts.lifecycle.onStop(`events about ${about}`, () => subscription.stop());
  }
}
