import { AppError } from '@switchyard/contracts';
import { BoundedMap, sleep } from '@switchyard/platform';
import { createLocalJWKSet, createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';

/*
 * The public keys of one issuer, fetched from its address and cached.
 *
 * - An unknown key is fetched at once, so that a new key of the issuer counts with its first token. The keys are
 *   fetched at most once a second, whatever tokens name; tokens in between wait for the next fetch.
 * - A key id that was not found is not fetched again for a while; the number of remembered ids is limited.
 * - A key server that is down does not lock everybody out: its last keys serve for an hour. Without any keys the error
 *   says that the server is away, and nothing about the token.
 */

const REFRESH_MS = 600_000;
const STALE_MS = 3_600_000;
const TIMEOUT_MS = 5_000;
/** The least time between two fetches. */
const PAUSE_MS = 1_000;
const UNKNOWN_MS = 10_000;
const UNKNOWN_KIDS = 1_000;
const WAITING = 500;

export interface KeySetOptions {
  readonly url: string;
  readonly fetch?: typeof fetch | undefined;
  /** A monotonic clock in milliseconds. */
  readonly now?: () => number;
}

type Header = Parameters<JWTVerifyGetKey>[0];

export class KeySet {
  readonly #remote: ReturnType<typeof createRemoteJWKSet>;
  readonly #now: () => number;
  readonly #unknown = new BoundedMap<string, number>(UNKNOWN_KIDS);
  #keys: JWTVerifyGetKey | undefined;
  #readAt = -Infinity;
  #triedAt = -Infinity;
  #reading: Promise<void> | undefined;
  #waiting = 0;
  /** Why the last fetch failed; for the log. */
  #failure: unknown;

  constructor(options: KeySetOptions) {
    this.#now = options.now ?? (() => performance.now());
    this.#remote = createRemoteJWKSet(new URL(options.url), {
      timeoutDuration: TIMEOUT_MS,
      ...(options.fetch === undefined ? {} : { [customFetch]: options.fetch }),
    });
  }

  /** Throws `unavailable` without any keys, and the error of jose if none of them fits. */
  readonly key: JWTVerifyGetKey = async (header, token) => {
    const asked = this.#now();
    const keys = await this.#current();
    try {
      return await keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || this.#isUnknown(header)) throw error;
      await this.#readSince(asked);
    }
    try {
      return await this.#keys!(header, token);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) this.#remember(header);
      throw error;
    }
  };

  async #current(): Promise<JWTVerifyGetKey> {
    const due = this.#keys === undefined || this.#now() - this.#readAt >= REFRESH_MS;
    // While the key server is down, a cached key need not wait for it each time.
    if (due && (this.#reading !== undefined || this.#now() - this.#triedAt >= PAUSE_MS)) await this.#read();
    if (this.#keys !== undefined && this.#now() - this.#readAt < STALE_MS) return this.#keys;
    throw this.#away();
  }

  /** Waits until the keys were fetched at `since` or later. Throws `unavailable` if the fetch fails. */
  async #readSince(since: number): Promise<void> {
    if (this.#waiting >= WAITING) throw this.#away();
    this.#waiting += 1;
    try {
      // A fetch that began before this token came may have missed its key.
      while (this.#triedAt < since || this.#reading !== undefined) {
        const pauseMs = PAUSE_MS - (this.#now() - this.#triedAt);
        if (this.#reading !== undefined || pauseMs <= 0) await this.#read();
        else await sleep(pauseMs);
      }
    } finally {
      this.#waiting -= 1;
    }
    if (this.#readAt < since) throw this.#away();
  }

  /** One fetch at a time, shared by all waiters. Never throws. */
  #read(): Promise<void> {
    this.#reading ??= (async () => {
      const startedAt = this.#now();
      this.#triedAt = startedAt;
      try {
        await this.#remote.reload();
        const known = this.#remote.jwks();
        if (known === undefined) return;
        this.#keys = createLocalJWKSet(known);
        this.#readAt = startedAt;
      } catch (error) {
        this.#failure = error;
      } finally {
        this.#reading = undefined;
      }
    })();
    return this.#reading;
  }

  #away(): AppError {
    return new AppError(
      'unavailable',
      'The keys that tokens are checked with cannot be read at the moment; try again.',
      { retryAfterMs: PAUSE_MS, cause: this.#failure },
    );
  }

  #isUnknown({ kid }: Header): boolean {
    const until = kid === undefined ? undefined : this.#unknown.get(kid);
    return until !== undefined && this.#now() < until;
  }

  #remember({ kid }: Header): void {
    if (kid === undefined) return;
    this.#unknown.set(kid, this.#now() + UNKNOWN_MS);
  }
}
