import type { Bus } from '@switchyard/bus';
import { type Logger, sleep } from '@switchyard/platform';
import type { StreamPositions } from '@switchyard/store';

/*
 * Notices that the stream of facts lost messages, as after a wiped store or a power cut. A reader that follows a run,
 * or knows of it, asks for its holes. A reader that never heard of a run that ended right before the loss, as audit,
 * would never hear of it.
 *
 * - Runs that ended since MARGIN_MS before the last good look are published again. Readers drop the events that they
 *   have, by id.
 * - The last look counts however long ago it was, as after a stop of the whole system: it is kept in PostgreSQL.
 */

const EVERY_MS = 5_000;
/** nats-server writes to the disk for certain every two minutes, unless it is told otherwise. */
const MARGIN_MS = 10 * 60_000;

interface StreamWatchParts {
  readonly bus: Pick<Bus, 'streamPosition'>;
  readonly positions: StreamPositions;
  readonly log: Logger;
  readonly everyMs?: number;
}

export class StreamWatch {
  readonly #stop = new AbortController();
  #done: Promise<void> = Promise.resolve();

  readonly #parts: StreamWatchParts;

  constructor(parts: StreamWatchParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#done = this.#watch();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async look(): Promise<void> {
    const { bus, positions, log } = this.#parts;
    const position = await bus.streamPosition('RUNS');
    const { lost, marked } = await positions.note('RUNS', position, MARGIN_MS);
    if (lost) log.error({ ...position }, 'the stream RUNS lost messages; runs that ended lately are published again');
    if (marked > 0) log.warn({ marked }, 'runs are published again');
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.look();
      } catch (error) {
        this.#parts.log.debug({ err: error }, 'the stream RUNS was not looked at; it is tried again');
      }
      await sleep(this.#parts.everyMs ?? EVERY_MS, signal).catch(() => undefined);
    }
  }
}
