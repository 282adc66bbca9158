import { AppError } from '@switchyard/contracts';
import { type Logger, sleep } from '@switchyard/platform';
import { logEvent } from '../log-events.ts';
import { isHeld, LEASE_START, type LeaseEntry, type LeaseState, lost, observed, stoodBack, wrote } from './machine.ts';

/*
 * Acquires a lease, and renews it while it is held. machine.ts decides.
 *
 * - It calls onChange(token) once for each term, and onChange(undefined) once at the end of the term. It reports the
 *   end at the latest when this replica's own time is over, even if the store does not answer.
 * - `token` is evaluated each time it is read: a process that was suspended learns at once that its term is over.
 * - close() releases the lease, so that the next replica need not wait.
 */

export type { LeaseEntry };

const LEASE_NAME = /^[A-Za-z0-9_-]{1,200}$/;

export interface LeaseOptions {
  /** The name of the lease: letters, digits, `-` and `_`. */
  readonly name: string;
  /** Distinguishes this replica from every other, past and present. */
  readonly holder: string;
  /** How long other replicas wait for a holder that vanished. Default 6 s. */
  readonly ttlMs?: number;
  /** A token: held from now on. Undefined: no longer held. */
  readonly onChange: (token: number | undefined) => void;
}

export interface Lease {
  /** Grows with every holder; undefined while it is not held here. */
  readonly token: number | undefined;
  /** True once the holder is known. */
  readonly settled: boolean;
  /** Releases the lease and does not ask for it for ttlMs: others come first. */
  standBack(): void;
  /** Releases the lease, and asks no more. */
  close(): Promise<void>;
}

/** The store entry of one lease. Both methods throw if the store does not answer. */
export interface LeaseRegister {
  read(): Promise<LeaseEntry | undefined>;
  /** Writes over revision `expect`; returns the new revision, or undefined if another one is there. */
  write(entry: Omit<LeaseEntry, 'revision'>, expect: number): Promise<number | undefined>;
}

const TTL_MS = 6_000;
/** Reads and renewals per ttl. */
const LOOKS = 6;
/** The limit of one read, as a share of the ttl. */
const LOOK_LIMIT = 0.5;

const now = (): number => performance.now();

export class HeldLease implements Lease {
  #state: LeaseState = LEASE_START;
  /** The term that was last reported. */
  #told: number | undefined;
  #settled = false;
  #expiry: NodeJS.Timeout | undefined;
  readonly #closing = new AbortController();
  readonly #done: Promise<void>;
  readonly #ttlMs: number;

  readonly #options: LeaseOptions;
  readonly #register: LeaseRegister;
  readonly #log: Logger;

  constructor(options: LeaseOptions, register: LeaseRegister, log: Logger) {
    this.#options = options;
    this.#register = register;
    this.#log = log;
    if (!LEASE_NAME.test(options.name)) throw new AppError('invalid_input', 'That is not the name of a lease.');
    this.#ttlMs = options.ttlMs ?? TTL_MS;
    this.#done = this.#keep();
  }

  get token(): number | undefined {
    return isHeld(this.#state, now()) ? this.#state.held?.token : undefined; // judged now: the process may have slept
  }

  get settled(): boolean {
    return this.#settled;
  }

  standBack(): void {
    const { held } = this.#state;
    this.#move(stoodBack(this.#state, now() + this.#ttlMs));
    if (held) void this.#giveBack(held.revision);
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return this.#done;
    this.#closing.abort();
    await this.#done;
    const { held } = this.#state;
    this.#move(lost(this.#state));
    if (held) await this.#giveBack(held.revision);
  }

  /** Releases the lease, so that the next replica need not wait. If the store does not answer, the lease expires. */
  async #giveBack(revision: number): Promise<void> {
    const given = this.#register.write({ holder: this.#options.holder, released: true }, revision);
    await this.#limited(given).catch(() => undefined);
  }

  async #keep(): Promise<void> {
    const { signal } = this.#closing;
    let failures = 0;
    while (!signal.aborted) {
      try {
        await this.#limited(this.#look(), signal);
        failures = 0;
      } catch (error) {
        if (failures++ === 0 && !signal.aborted)
          logEvent(this.#log, 'lease_holder_unknown', { err: error, lease: this.#options.name });
      }
      await sleep(this.#ttlMs / LOOKS, signal).catch(() => undefined);
    }
  }

  async #look(): Promise<void> {
    const { held } = this.#state;
    if (held && (await this.#write(held.revision))) return;
    // Another holder's entry, or our own write whose answer was lost.
    const { state, expect } = observed(this.#state, await this.#register.read(), this.#view());
    this.#move(state);
    if (expect !== null) await this.#write(expect);
    this.#settled = true;
  }

  async #write(expect: number): Promise<boolean> {
    const began = now();
    const revision = await this.#register.write({ holder: this.#options.holder, released: false }, expect);
    if (revision === undefined || this.#closing.signal.aborted) return revision !== undefined;
    this.#settled = true;
    this.#move(wrote(this.#state, revision, began, this.#view()));
    return true;
  }

  #view() {
    return { me: this.#options.holder, ttlMs: this.#ttlMs, now: now() };
  }

  #move(state: LeaseState): void {
    this.#state = state;
    clearTimeout(this.#expiry);
    const { held } = state;
    if (held) this.#expiry = setTimeout(() => this.#move(lost(this.#state)), Math.max(0, held.untilMs - now())).unref();
    const token = this.token;
    const before = this.#told;
    if (token === before) return;
    this.#told = token;
    if (before !== undefined && token !== undefined) this.#options.onChange(undefined); // the old term ends first
    this.#options.onChange(token);
  }

  /** Rejects if it takes longer than a read may. */
  #limited<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (): void => reject(new AppError('unavailable', 'The message bus does not answer at the moment.'));
      const limit = setTimeout(fail, this.#ttlMs * LOOK_LIMIT);
      signal?.addEventListener('abort', fail, { once: true });
      void work.then(resolve, reject).finally(() => {
        clearTimeout(limit);
        signal?.removeEventListener('abort', fail);
      });
    });
  }
}
