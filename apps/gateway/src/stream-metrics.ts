import type { RunEvent } from '@switchyard/contracts';
import type { DialectName } from '@switchyard/contracts/http';
import type { Clock, Metrics } from '@switchyard/platform';

/**
 * How a stream came to its end. `run_ended` and `paused`: with what the client waited for; `client_left`: the client went;
 * `too_slow`: it did not read and was cut off; `handed_over`: this server stops, or the identity ran out, and the client goes
 * on elsewhere; `broken`: we failed.
 */
export type StreamEnd = 'run_ended' | 'paused' | 'client_left' | 'too_slow' | 'handed_over' | 'broken';

/** What operators watch of the streams to clients. */
export class StreamMetrics {
  readonly #ended;
  readonly #lag;

  constructor(
    metrics: Metrics,
    private readonly clock: Clock,
  ) {
    this.#ended = metrics.counter('sse_streams_total', 'Event streams that are over, by how they ended', [
      'dialect',
      'end',
    ]);
    this.#lag = metrics.histogram(
      'sse_event_lag_seconds',
      'Time from the commit of an event to its way to a client that watches',
    );
  }

  ended(dialect: DialectName, end: StreamEnd): void {
    this.#ended.inc({ dialect, end });
  }

  /** A batch goes out that happened while the client was watching. The clocks are those of two machines. */
  sent({ ts }: RunEvent): void {
    this.#lag.observe(Math.max(0, this.clock.now() - ts) / 1_000);
  }
}
