import type { SystemFact } from '@switchyard/contracts';
import type { Logger } from '@switchyard/platform';
import { logEvent } from '../log-events.ts';
import type { Bus } from '../protocol/index.ts';

/** Most facts that may wait for the bus at one time. */
const MAX_PENDING = 256;
const SECOND_MS = 1_000;

/**
 * Publishes facts that belong to no run, in the background.
 *
 * - publish() never makes its caller wait or fail.
 * - The number of waiting facts is limited, and so is the rate if `perSecond` is given.
 * - A fact that the bus refuses is logged. Facts beyond a limit are dropped, and the log reports their number once a
 *   second.
 */
export class SystemEventPublisher {
  readonly #bus: Pick<Bus, 'publishSystem'>;
  readonly #log: Logger;
  readonly #perSecond: number;
  #pending = 0;
  #dropped = 0;
  #second = 0;
  #inSecond = 0;

  constructor(bus: Pick<Bus, 'publishSystem'>, log: Logger, limits: { readonly perSecond?: number } = {}) {
    this.#bus = bus;
    this.#log = log;
    this.#perSecond = limits.perSecond ?? Infinity;
  }

  publish(fact: SystemFact): void {
    if (this.#pending >= MAX_PENDING || !this.#isWithinRate()) return this.#drop();
    this.#pending += 1;
    this.#bus
      .publishSystem(fact)
      .catch((error: unknown) =>
        logEvent(this.#log, 'system_event_publish_failed', { err: error, type: fact.type, data: fact.data }),
      )
      .finally(() => (this.#pending -= 1));
  }

  #isWithinRate(): boolean {
    const second = Math.floor(performance.now() / SECOND_MS);
    if (second !== this.#second) {
      this.#second = second;
      this.#inSecond = 0;
    }
    this.#inSecond += 1;
    return this.#inSecond <= this.#perSecond;
  }

  #drop(): void {
    this.#dropped += 1;
    if (this.#dropped > 1) return;
    setTimeout(() => {
      logEvent(this.#log, 'system_events_dropped', { count: this.#dropped });
      this.#dropped = 0;
    }, SECOND_MS).unref();
  }
}
