import { AppError, type StepResult } from '@switchyard/contracts';
import { backoffMs, type Logger, sleep } from '@switchyard/platform';
import type { Begun, Completion, EffectCall, EffectRequest, Effects } from '@switchyard/store';
import { logEvent } from '../log-events.ts';

/*
 * The ledger as LedgeredExecutor uses it: retries writes for a while, and renews leases meanwhile.
 *
 * - A write is retried while the ledger is away, until its limit. A write that the ledger refuses is not retried.
 * - The leases of all held calls are renewed together, three times per lease.
 * - For one lease after the ledger failed to answer, this replica takes over no call: the call's holder may have been
 *   cut off, too.
 */

export interface EffectLedgerParts {
  readonly effects: Effects;
  readonly log: Logger;
  readonly leaseMs: number;
}

const WRITE_LIMIT_MS = 30_000;
/**
 * The limit while a caller waits: a lost connection is usually back within this time, and the orchestrator retries
 * anyway.
 */
export const SOON_MS = 1_000;

export class EffectLedger {
  readonly #held = new Map<string, EffectCall>();
  #timer: NodeJS.Timeout | undefined;
  #renewing = false;
  #patientUntil = 0;

  readonly #parts: EffectLedgerParts;

  constructor(parts: EffectLedgerParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer = setInterval(() => void this.#renew(), Math.max(50, Math.floor(this.#parts.leaseMs / 3))).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The number of held calls. */
  get size(): number {
    return this.#held.size;
  }

  /** Renews the lease of the call from now on. */
  hold(holder: string, call: EffectCall): void {
    this.#held.set(holder, call);
  }

  release(holder: string): void {
    this.#held.delete(holder);
  }

  /** False for the time of a lease after the ledger did not answer. */
  mayTakeOver(): boolean {
    return performance.now() >= this.#patientUntil;
  }

  isRunning(effectId: string): Promise<boolean> {
    return this.#watched(() => this.#parts.effects.isRunning(effectId));
  }

  // Each write returns undefined if the ledger refuses it, or is away until its limit.

  begin(request: EffectRequest): Promise<Begun | undefined> {
    return this.#persist(() => this.#parts.effects.begin(request), SOON_MS);
  }

  /** True if the effect may happen now, false if another worker has it. */
  async dispatch(call: EffectCall): Promise<boolean | undefined> {
    const { effects, leaseMs } = this.#parts;
    for (;;) {
      const asked = performance.now();
      const dispatched = await this.#persist(() => effects.dispatch(call, leaseMs), leaseMs);
      // A process that was suspended may have lost the row since.
      if (dispatched !== true || performance.now() - asked < leaseMs / 2) return dispatched;
    }
  }

  withdraw(call: EffectCall, limitMs = WRITE_LIMIT_MS): Promise<boolean | undefined> {
    return this.#persist(() => this.#parts.effects.withdraw(call), limitMs);
  }

  complete(call: EffectCall, result: StepResult): Promise<Completion | undefined> {
    return this.#persist(() => this.#parts.effects.complete(call, result), WRITE_LIMIT_MS);
  }

  async #renew(): Promise<void> {
    if (this.#renewing || this.#held.size === 0) return;
    this.#renewing = true;
    try {
      await this.#watched(() => this.#parts.effects.renew([...this.#held.values()], this.#parts.leaseMs));
    } catch (error) {
      logEvent(this.#parts.log, 'effect_leases_not_renewed', { err: error });
    } finally {
      this.#renewing = false;
    }
  }

  /** Queries the ledger. If that fails, no call is taken over for the time of a lease. */
  async #watched<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      this.#patientUntil = performance.now() + this.#parts.leaseMs;
      throw error;
    }
  }

  /** Retries a write while the ledger is away. Undefined if the limit passed or the ledger refuses it. */
  async #persist<T>(write: () => Promise<T>, limitMs: number): Promise<T | undefined> {
    const until = performance.now() + limitMs;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#watched(write);
      } catch (error) {
        const away = error instanceof AppError && error.code === 'unavailable';
        if (!away || performance.now() >= until) {
          logEvent(this.#parts.log, 'effect_write_failed', { err: error, attempt });
          return undefined;
        }
      }
      await sleep(25 + backoffMs(attempt, { baseMs: 50, maxMs: 1_000 }));
    }
  }
}
