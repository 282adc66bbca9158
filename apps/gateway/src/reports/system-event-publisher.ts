import type { Bus } from '@switchyard/bus';
import type { SystemFact } from '@switchyard/contracts';
import type { Logger } from '@switchyard/platform';

const PER_SECOND = 20;

/** Tells the bus what happened outside of runs. Never makes a request wait or fail; a flood is cut, and the cut told. */
export class SystemEventPublisher {
  readonly #bus: Pick<Bus, 'publishSystem'>;
  readonly #log: Logger;
  #second = 0;
  #told = 0;
  #cut = 0;

  constructor(bus: Pick<Bus, 'publishSystem'>, log: Logger) {
    this.#bus = bus;
    this.#log = log;
  }

  tell(fact: SystemFact): void {
    const second = Math.floor(Date.now() / 1_000);
    if (second !== this.#second) {
      if (this.#cut > 0) this.#log.warn({ count: this.#cut }, 'facts were not told: too many at once');
      this.#second = second;
      this.#told = 0;
      this.#cut = 0;
    }
    if (this.#told >= PER_SECOND) {
      this.#cut += 1;
      return;
    }
    this.#told += 1;
    this.#bus
      .publishSystem(fact)
      .catch((error: unknown) => this.#log.warn({ err: error, type: fact.type }, 'a fact was not told'));
  }
}
