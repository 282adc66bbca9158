import { AppError } from '@switchyard/contracts';
import { BoundedMap, type Clock } from '@switchyard/platform';

/*
 * Limits how often one source address may fail to authenticate.
 *
 * - A source over the limit is told to wait instead of why it was refused. Valid credentials always count, so that no
 *   caller locks out others behind the same proxy.
 * - At most SOURCES sources are counted; beyond that the oldest is forgotten.
 */

const WINDOW_MS = 60_000;
const SOURCES = 10_000;

export class FailedLogins {
  readonly #sources = new BoundedMap<string, { readonly since: number; readonly count: number }>(SOURCES);

  readonly #perMinute: number;
  readonly #clock: Clock;

  constructor(perMinute: number, clock: Clock) {
    this.#perMinute = perMinute;
    this.#clock = clock;
  }

  /** Counts one refusal. Throws `rate_limited` with the pause if there were too many. */
  count(source: string): void {
    if (this.#perMinute === 0) return;
    const now = this.#clock.now();
    const known = this.#sources.get(source);
    const { since, count } = known !== undefined && now - known.since < WINDOW_MS ? known : { since: now, count: 0 };
    this.#sources.set(source, { since, count: count + 1 });
    if (count < this.#perMinute) return;
    throw new AppError('rate_limited', 'Too many requests from your address had no valid credentials.', {
      retryAfterMs: since + WINDOW_MS - now,
    });
  }
}
