import { Backlog } from './backlog.ts';
import { mayTake, type Shares } from './fair-share.ts';

/*
 * The slots of a replica: how many each tenant holds, who waits, and who is next.
 *
 * - `fair-share.ts` decides which tenant may take a slot. A freed slot goes to a waiting run.
 * - A slot beyond the limit (`beyond`) counts as taken until it is freed: no waiting run gets a place because of it.
 */

/** A place for one run; freeing it twice does nothing. */
export interface Slot {
  free(): void;
}

interface SlotLimits {
  readonly total: number;
  readonly perTenant: number;
  readonly backlog: number;
}

export class Slots {
  readonly #held = new Map<string, number>();
  readonly #waiting: Backlog;
  #used = 0;
  #closed = false;

  readonly #limits: SlotLimits;
  readonly #begin: (runId: string, tenantId: string, slot: Slot) => void;

  /** Calls `begin` with each run that waited, and its slot. */
  constructor(limits: SlotLimits, begin: (runId: string, tenantId: string, slot: Slot) => void) {
    this.#limits = limits;
    this.#begin = begin;
    this.#waiting = new Backlog(limits.backlog);
  }

  /** Takes a free slot for a run of this tenant; undefined if none is available. */
  take(tenantId: string): Slot | undefined {
    return this.#free > 0 && mayTake(tenantId, this.#waiting.tenants, this.#shares) ? this.#take(tenantId) : undefined;
  }

  /** Takes a slot even if none is free, as long as no more than `most` are in use beyond the limit. */
  beyond(tenantId: string, most: number): Slot | undefined {
    return this.#closed || this.#used >= this.#limits.total + most ? undefined : this.#take(tenantId);
  }

  /** Remembers a run that waits for a slot. */
  wait(runId: string, tenantId: string): void {
    if (!this.#closed) this.#waiting.add(runId, tenantId);
  }

  /** Forgets all waiting runs. */
  forget(): void {
    this.#waiting.clear();
  }

  /** From now on no run gets a slot. */
  close(): void {
    this.#closed = true;
    this.forget();
  }

  get #free(): number {
    return this.#closed ? 0 : this.#limits.total - this.#used;
  }

  get #shares(): Shares {
    return { total: this.#limits.total, perTenant: this.#limits.perTenant, held: this.#held };
  }

  #take(tenantId: string): Slot {
    this.#used += 1;
    this.#held.set(tenantId, (this.#held.get(tenantId) ?? 0) + 1);
    let taken = true;
    return {
      free: () => {
        if (!taken) return;
        taken = false;
        this.#used -= 1;
        const left = (this.#held.get(tenantId) ?? 1) - 1;
        if (left > 0) this.#held.set(tenantId, left);
        else this.#held.delete(tenantId);
        this.#fill();
      },
    };
  }

  #fill(): void {
    while (this.#free > 0) {
      const next = this.#waiting.take(this.#shares);
      if (!next) return;
      this.#begin(next.runId, next.tenantId, this.#take(next.tenantId));
    }
  }
}
