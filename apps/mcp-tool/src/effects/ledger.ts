import { AppError, type StepResult } from '@switchyard/contracts';
import { backoffMs, type Logger, sleep } from '@switchyard/platform';
import type { Begun, Completion, EffectCall, EffectRequest, Effects } from '@switchyard/store';

/*
 * The ledger as the desk (ledgered-executor.ts) uses it: writes are tried again for a while, and leases are held meanwhile.
 *
 * - A write is tried again while the ledger is away, until its limit. A write that the ledger refuses is not tried again.
 * - The leases of all calls that are held are renewed together, three times in a lease.
 * - For the time of a lease after the ledger did not answer, no call is taken over: its holder may have been cut off, too.
 */

export interface EffectLedgerParts {
  readonly effects: Effects;
  readonly log: Logger;
  readonly leaseMs: number;
}

const WRITE_LIMIT_MS = 30_000;
/** For whom somebody waits: a lost connection is made up for within this time; the orchestrator asks again anyhow. */
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

  /** How many calls are held. */
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

  // Each of the writes gives undefined where the ledger refuses it, or is away until its limit.

  begin(request: EffectRequest): Promise<Begun | undefined> {
    return this.#persist(() => this.#parts.effects.begin(request), SOON_MS);
  }

  /** True where the effect may happen now, false where somebody else has it. */
  async dispatch(call: EffectCall): Promise<boolean | undefined> {
    const { effects, leaseMs } = this.#parts;
    for (;;) {
      const asked = performance.now();
      const dispatched = await this.#persist(() => effects.dispatch(call, leaseMs), leaseMs);
      // A process that stood still may have lost the row since.
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
      this.#parts.log.warn({ err: error }, 'the leases of running effects were not renewed');
    } finally {
      this.#renewing = false;
    }
  }

  /** Asks the ledger. Where that fails, no call is taken over for the time of a lease. */
  async #watched<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      this.#patientUntil = performance.now() + this.#parts.leaseMs;
      throw error;
    }
  }

  /** Tries a write again while the ledger is away. Undefined where the limit passed or the ledger refuses it. */
  async #persist<T>(write: () => Promise<T>, limitMs: number): Promise<T | undefined> {
    const until = performance.now() + limitMs;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#watched(write);
      } catch (error) {
        const away = error instanceof AppError && error.code === 'unavailable';
        if (!away || performance.now() >= until) {
          this.#parts.log.warn({ err: error, attempt }, 'the ledger of effects did not take a write');
          return undefined;
        }
      }
      await sleep(25 + backoffMs(attempt, { baseMs: 50, maxMs: 1_000 }));
    }
  }
}
