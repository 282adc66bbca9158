import type { Bus, ConsumedMessage, Subscription } from '@switchyard/bus';
import type { FactRecorder } from './fact-recorder.ts';
import { systemRecord } from './records.ts';

/** Name of the durable consumers on RUNS and SYSTEM: replicas share them, and a restart goes on where it was. */
const DURABLE = 'audit';
const BATCH = 500;

export interface ConsumerParts {
  readonly bus: Pick<Bus, 'consume'>;
  readonly recorder: FactRecorder;
}

/** Receives every fact. An error leaves the batch unacknowledged: it comes again. */
export class FactsConsumer {
  #subscriptions: Subscription[] = [];

  readonly #parts: ConsumerParts;

  constructor(parts: ConsumerParts) {
    this.#parts = parts;
  }

  start(): void {
    const { bus, recorder } = this.#parts;
    this.#subscriptions = [
      bus.consume({
        stream: 'RUNS',
        durable: DURABLE,
        batch: BATCH,
        handle: (messages) => recorder.take(messages.flatMap(({ event }) => event ?? [])),
      }),
      bus.consume({
        stream: 'SYSTEM',
        durable: DURABLE,
        batch: BATCH,
        handle: async (messages: ConsumedMessage[]) => {
          await recorder.append(messages.flatMap(({ system }) => (system ? systemRecord(system) : [])));
        },
      }),
    ];
  }

  async stop(): Promise<void> {
    await Promise.all(this.#subscriptions.splice(0).map((subscription) => subscription.stop()));
  }
}
