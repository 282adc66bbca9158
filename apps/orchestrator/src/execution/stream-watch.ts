import type { Bus } from '@switchyard/bus';
import type { StreamLimits } from '@switchyard/contracts';
import { type Logger, sleep } from '@switchyard/platform';
import type { StreamPositions } from '@switchyard/store';
import { logEvent } from '../log-events.ts';

/*
 * Detects that the stream of facts lost messages, for example after a wiped store or a power cut. A reader that follows
 * a run requests the missing events itself. A reader that never saw a run which ended right before the loss, such as
 * audit, would miss it.
 *
 * - Runs that ended since MARGIN_MS before the last good check are published again. Readers discard known events by id.
 * - A stream that was made anew, perhaps by another service, is given the limits of this one.
 * - The time of the last check is kept in PostgreSQL, so that it survives a stop of the whole system.
 */

const EVERY_MS = 5_000;
/** By default nats-server syncs to disk at least every two minutes. */
const MARGIN_MS = 10 * 60_000;

interface StreamWatchParts {
  readonly bus: Pick<Bus, 'streamPosition' | 'ensureStreams'>;
  readonly limits: StreamLimits;
  readonly positions: StreamPositions;
  readonly log: Logger;
  readonly everyMs?: number;
}

export class StreamWatch {
  readonly #stop = new AbortController();
  #done: Promise<void> = Promise.resolve();
  #made: string | undefined;

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
    const { bus, positions, log, limits } = this.#parts;
    const position = await bus.streamPosition('RUNS');
    if (this.#made !== undefined && this.#made !== position.made) await bus.ensureStreams(limits);
    this.#made = position.made;
    const { lost, marked } = await positions.note('RUNS', position, MARGIN_MS);
    if (lost) logEvent(log, 'stream_lost_messages', { ...position });
    if (marked > 0) logEvent(log, 'runs_marked_unpublished', { marked });
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.look();
      } catch (error) {
        this.#parts.log.debug({ err: error }, 'the stream RUNS was not checked; it is checked again');
      }
      await sleep(this.#parts.everyMs ?? EVERY_MS, signal).catch(() => undefined);
    }
  }
}
