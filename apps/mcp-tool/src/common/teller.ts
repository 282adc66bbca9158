import type { Bus } from '@switchyard/bus';
import type { SystemFact } from '@switchyard/contracts';
import type { Logger } from '@switchyard/platform';

/** Most facts that may wait for the bus at one time; further ones are only logged. */
const MAX_UNTOLD = 256;

/** Publishes facts that belong to no run on the bus. The caller does not wait. */
export class Teller {
  #untold = 0;

  readonly #parts: { readonly bus: Pick<Bus, 'publishSystem'>; readonly log: Logger };

  constructor(parts: { readonly bus: Pick<Bus, 'publishSystem'>; readonly log: Logger }) {
    this.#parts = parts;
  }

  tell(fact: SystemFact): void {
    const { bus, log } = this.#parts;
    const lost = (error?: unknown) =>
      log.warn({ err: error, type: fact.type, ...fact.data }, 'a fact was not published');
    if (this.#untold >= MAX_UNTOLD) return lost();
    this.#untold += 1;
    void bus
      .publishSystem(fact)
      .catch(lost)
      .finally(() => (this.#untold -= 1));
  }
}
