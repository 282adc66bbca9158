import type { SystemEvent, SystemFact } from '@switchyard/contracts';

/** Numbers the facts outside runs that one process publishes, from 1 without a hole, so that a loss is visible. */
export class SystemEventSequencer {
  #seq = 0;

  readonly #app: string;
  readonly #instance: string;

  constructor(app: string, instance: string) {
    this.#app = app;
    this.#instance = instance;
  }

  numbered(fact: SystemFact): SystemEvent {
    this.#seq += 1;
    return { ...fact, app: this.#app, instance: this.#instance, seq: this.#seq, ts: Date.now() } as SystemEvent;
  }
}
