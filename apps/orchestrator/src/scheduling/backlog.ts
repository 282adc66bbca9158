import { nextTenant, type Shares } from './fair-share.ts';

/*
 * The runs that wait for a slot of this replica, by tenant.
 *
 * - The backlog has a limit. A run that does not fit is forgotten here, and the sweeper finds it again. When the
 *   backlog is full, the tenant with the most runs in it loses its newest one, so that no tenant fills the backlog
 *   alone.
 * - Within a tenant, the oldest run is served first. Between tenants, `fair-share` decides.
 */
export class Backlog {
  /** Tenants in the order of their turns: a tenant that was served moves to the end. */
  readonly #tenants = new Map<string, Set<string>>();
  #size = 0;

  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  /** The tenants that wait, in the order of their turns. */
  get tenants(): Iterable<string> {
    return this.#tenants.keys();
  }

  add(runId: string, tenantId: string): void {
    const runs = this.#tenants.get(tenantId) ?? new Set();
    if (runs.has(runId)) return;
    if (this.#size >= this.#limit && !this.#makeRoom(runs.size)) return;
    runs.add(runId);
    this.#tenants.set(tenantId, runs);
    this.#size += 1;
  }

  /** Removes and returns the run that starts next; undefined if none may. */
  take(slots: Shares): { runId: string; tenantId: string } | undefined {
    const tenantId = nextTenant(this.#tenants.keys(), slots);
    const runs = tenantId === undefined ? undefined : this.#tenants.get(tenantId);
    const [runId] = runs ?? [];
    if (tenantId === undefined || runs === undefined || runId === undefined) return undefined;
    this.#remove(tenantId, runs, runId);
    if (this.#tenants.delete(tenantId)) this.#tenants.set(tenantId, runs);
    return { runId, tenantId };
  }

  clear(): void {
    this.#tenants.clear();
    this.#size = 0;
  }

  #makeRoom(own: number): boolean {
    let longest: [string, Set<string>] | undefined;
    for (const entry of this.#tenants) if (entry[1].size > (longest?.[1].size ?? 0)) longest = entry;
    const newest = longest === undefined ? undefined : [...longest[1]].at(-1);
    if (longest === undefined || newest === undefined || longest[1].size <= own) return false;
    this.#remove(...longest, newest);
    return true;
  }

  #remove(tenantId: string, runs: Set<string>, runId: string): void {
    runs.delete(runId);
    this.#size -= 1;
    if (runs.size === 0) this.#tenants.delete(tenantId);
  }
}
