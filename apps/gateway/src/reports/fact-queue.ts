import type { Bus } from '@switchyard/bus';
import type { SystemFact } from '@switchyard/contracts';
import { type Logger, type Metrics, sleep } from '@switchyard/platform';
import { logEvent } from '../log-events.ts';

/*
 * A queue of facts for the audit log, one or more for each request or stream, published in the background.
 *
 * - Publishing facts never delays or fails a request: facts are published in batches, soon, at a limited rate.
 * - At most MAX_WAITING facts wait. Further facts, and facts that the bus refuses, are counted and logged.
 * - At a stop the waiting facts are published first.
 */
const STEP = 100;
const PAUSE_MS = 50;
const MAX_WAITING = 20_000;

export class FactQueue {
  readonly #dropped;
  #waiting: SystemFact[] = [];
  #telling: Promise<void> | undefined;
  #cut = 0;

  readonly #bus: Pick<Bus, 'publishSystem'>;
  readonly #log: Logger;

  constructor(bus: Pick<Bus, 'publishSystem'>, log: Logger, metrics: Metrics) {
    this.#bus = bus;
    this.#log = log;
    this.#dropped = metrics.counter(
      'gateway_facts_dropped_total',
      'Facts of logins and streams that were not told',
      [],
    );
  }

  readonly tell = (fact: SystemFact): void => {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#drop(1);
      return;
    }
    this.#waiting.push(fact);
    this.#telling ??= this.#tellAll().finally(() => (this.#telling = undefined));
  };

  /** Resolves when every waiting fact is published or given up. */
  async close(): Promise<void> {
    await this.#telling;
  }

  async #tellAll(): Promise<void> {
    do {
      await sleep(PAUSE_MS);
      const facts = this.#waiting.splice(0, STEP);
      const told = await Promise.allSettled(facts.map((fact) => this.#bus.publishSystem(fact)));
      const refused = told.filter(({ status }) => status === 'rejected').length;
      if (refused > 0) this.#drop(refused);
      if (this.#cut > 0) logEvent(this.#log, 'system_events_dropped', { count: this.#cut });
      this.#cut = 0;
    } while (this.#waiting.length > 0);
  }

  #drop(count: number): void {
    this.#cut += count;
    this.#dropped.inc({}, count);
  }
}
