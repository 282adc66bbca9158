/*
 * Decides which tenant gets the next slot of a replica. Pure.
 *
 * - A slot stays free only if no run waits for it, or if the tenants with waiting runs are all at their cap.
 * - The tenant that holds the fewest slots comes first; among equals, the tenant that has waited longest for a turn. So
 *   a tenant that holds none gets the very next slot, however many runs of others wait.
 * - While other tenants wait, a tenant takes no more than an equal share of the slots.
 */

export interface Shares {
  readonly total: number;
  /** The cap of one tenant, even while no other waits. */
  readonly perTenant: number;
  /** How many slots each tenant holds; tenants without one may be missing. */
  readonly held: ReadonlyMap<string, number>;
}

/** The tenant whose run starts next, of the waiting tenants in the order of their turns; undefined: none may. */
export function nextTenant(waiting: Iterable<string>, slots: Shares): string | undefined {
  let first: { tenantId: string; held: number } | undefined;
  for (const tenantId of waiting) {
    const held = slots.held.get(tenantId) ?? 0;
    if (held < slots.perTenant && (first === undefined || held < first.held)) first = { tenantId, held };
  }
  return first?.tenantId;
}

/** True if a tenant may take a free slot at once, ahead of waiting tenants. */
export function mayTake(tenantId: string, waiting: Iterable<string>, slots: Shares): boolean {
  const held = slots.held.get(tenantId) ?? 0;
  if (held >= slots.perTenant) return false;
  const contenders = new Set([tenantId, ...slots.held.keys()]);
  let others = false;
  for (const other of waiting) {
    if (other === tenantId || (slots.held.get(other) ?? 0) >= slots.perTenant) continue;
    others = true;
    contenders.add(other);
  }
  return !others || held < Math.max(1, Math.floor(slots.total / contenders.size));
}
