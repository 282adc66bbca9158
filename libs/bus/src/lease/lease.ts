import { AppError } from '@switchyard/contracts';
import { type Logger, sleep } from '@switchyard/platform';
import { logEvent } from '../log-events.ts';
import { isHeld, LEASE_START, type LeaseEntry, type LeaseState, lost, observed, stoodBack, wrote } from './machine.ts';

/*
 * Asks for a lease, and keeps it while it is held. What is decided is in machine.ts.
 *
 * - onChange(token) is called once for each term, and onChange(undefined) once at the end of the term. The end is told
 *   at the latest when the time that this replica counted on is over, also where the store does not answer.
 * - `token` is judged each time it is read: a process that slept learns at once that its term is over.
 * - close() gives the lease back, so that the next replica need not wait.
 */

export type { LeaseEntry };

const LEASE_NAME = /^[A-Za-z0-9_-]{1,200}$/;

export interface LeaseOptions {
  /** What is leased: letters, digits, `-` and `_`. */
  readonly name: string;
  /** Tells this replica from every other, of now and of yesterday. */
  readonly holder: string;
  /** How long a holder that vanished keeps the others waiting. Default 6 s. */
  readonly ttlMs?: number;
  /** A token: held from now on. Undefined: not any more. */
  readonly onChange: (token: number | undefined) => void;
}

export interface Lease {
  /** Grows with every holder; undefined while it is not held here. */
  readonly token: number | undefined;
  /** Whether it is known who holds it. */
  readonly settled: boolean;
  /** Gives it back and does not ask for it for ttlMs: others come first. */
  standBack(): void;
  /** Gives it back, and asks no more. */
  close(): Promise<void>;
}

/** The entry of one lease. Both throw where the store does not answer. */
export interface LeaseRegister {
  read(): Promise<LeaseEntry | undefined>;
  /** The revision that it got; undefined where the last one was not `expect`. */
  write(entry: Omit<LeaseEntry, 'revision'>, expect: number): Promise<number | undefined>;
}

const TTL_MS = 6_000;
/** Looks and renewals within a ttl. */
const LOOKS = 6;
/** The longest that a look may take, of a ttl. */
const LOOK_LIMIT = 0.5;

const now = (): number => performance.now();

export class HeldLease implements Lease {
  #state: LeaseState = LEASE_START;
  /** The term that was told. */
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

  /** Gives the lease back, so that the next replica need not wait. Where the store does not answer, the lease runs out. */
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
    // Not ours, or a write of ours that we do not know of.
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

  /** Rejects where it takes longer than a look may. */
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
