import type { JournalStats, OpenPhase, PhaseStats } from '@switchyard/store';

/*
 * Decides whether one more run is accepted, before anything is written. Pure except for its counters.
 *
 * - Admission sends no query: it uses the counts of the last sweep, and the runs that arrived and began at this replica
 *   since. With several replicas each knows only its own arrivals until its next sweep, so together they may exceed the
 *   limits by what the others accepted meanwhile.
 * - A run that waits for people holds no slot and delays no other run. Such runs have a limit of their own.
 * - The pause for a refused caller grows with every refusal, so that callers refused together do not come back
 *   together.
 */

export interface AdmissionLimits {
  /** Runs that no owner has begun, of all tenants. */
  readonly maxQueued: number;
  readonly maxQueuedPerTenant: number;
  /** Runs of one tenant that wait for people. */
  readonly maxWaitingPerTenant: number;
}

interface Refusal {
  readonly limit: 'queued' | 'queued_per_tenant' | 'waiting_per_tenant';
  readonly message: string;
  readonly retryAfterMs: number;
}

const SHORTEST_MS = 1_000;
const LONGEST_MS = 60_000;
/** The assumed time per place in the queue, before anything was measured. */
const PLACE_MS = 20;

type Counts = Readonly<Record<OpenPhase, PhaseStats>>;
const NONE: PhaseStats = { runs: 0, oldestMs: 0 };
const NOTHING: Counts = { queued: NONE, running: NONE, waiting: NONE };

export class Admission {
  #phases: Counts = NOTHING;
  #tenants: ReadonlyMap<string, Counts> = new Map();
  /** Runs queued here since the last counts, minus those that began here. */
  readonly #since = new Map<string, number>();
  #sinceAll = 0;
  readonly #refused = new Map<string, number>();

  readonly #limits: AdmissionLimits;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /** Takes the counts of a sweep. */
  refresh(stats: Pick<JournalStats, 'phases' | 'tenants'>): void {
    this.#phases = stats.phases;
    this.#tenants = stats.tenants;
    this.#since.clear();
    this.#sinceAll = 0;
    this.#refused.clear();
  }

  /** Counts a run that was accepted here and waits for an owner. */
  queued(tenantId: string): void {
    this.#count(tenantId, 1);
  }

  /** Counts a waiting run that began here. */
  begun(tenantId: string): void {
    this.#count(tenantId, -1);
  }

  /** Why a run of this tenant is refused now; `waits`: it would wait for an owner. */
  refusal(tenantId: string, waits: boolean): Refusal | undefined {
    const tenant = this.#tenants.get(tenantId) ?? NOTHING;
    const { maxQueued, maxQueuedPerTenant, maxWaitingPerTenant } = this.#limits;
    if (tenant.waiting.runs >= maxWaitingPerTenant) {
      const message = `${maxWaitingPerTenant} runs of this tenant wait for people; answer or cancel some of them.`;
      return { limit: 'waiting_per_tenant', message, retryAfterMs: LONGEST_MS };
    }
    if (!waits) return undefined;
    const own = Math.max(0, tenant.queued.runs + (this.#since.get(tenantId) ?? 0));
    if (own >= maxQueuedPerTenant) {
      const retryAfterMs = this.#pause(tenantId, own - maxQueuedPerTenant, tenant.queued);
      return { limit: 'queued_per_tenant', message: `${own} runs of this tenant wait already.`, retryAfterMs };
    }
    const all = Math.max(0, this.#phases.queued.runs + this.#sinceAll);
    if (all < maxQueued) return undefined;
    const retryAfterMs = this.#pause('', all - maxQueued, this.#phases.queued);
    return { limit: 'queued', message: 'Too many runs wait already.', retryAfterMs };
  }

  #count(tenantId: string, by: number): void {
    this.#sinceAll += by;
    this.#since.set(tenantId, (this.#since.get(tenantId) ?? 0) + by);
  }

  /**
   * The pause for a refused caller, longer with every refusal. It assumes that the queue moves on as lately: one place
   * per `oldestMs / runs`.
   */
  #pause(whose: string, excess: number, { runs, oldestMs }: PhaseStats): number {
    const refused = (this.#refused.get(whose) ?? 0) + 1;
    this.#refused.set(whose, refused);
    const placeMs = runs > 0 && oldestMs > 0 ? oldestMs / runs : PLACE_MS;
    return Math.round(Math.min(LONGEST_MS, Math.max(SHORTEST_MS, (excess + refused) * placeMs)));
  }
}
