import type { RunEvent } from '@switchyard/contracts';
import type { DialectName } from '@switchyard/contracts/http';
import type { Clock, Metrics } from '@switchyard/platform';
import type { WhyClosed } from '../reports/index.ts';

/** The metrics of the streams to clients. */
export class StreamMetrics {
  readonly #ended;
  readonly #lag;

  readonly #clock: Clock;

  constructor(metrics: Metrics, clock: Clock) {
    this.#clock = clock;
    this.#ended = metrics.counter('sse_streams_total', 'Event streams that are over, by how they ended', [
      'dialect',
      'end',
    ]);
    this.#lag = metrics.histogram(
      'sse_event_lag_seconds',
      'Time from the commit of an event to its way to a client that watches',
    );
  }

  ended(dialect: DialectName, end: WhyClosed): void {
    this.#ended.inc({ dialect, end });
  }

  /** A live event was sent. The two clocks are those of two machines. */
  sent({ ts }: RunEvent): void {
    this.#lag.observe(Math.max(0, this.#clock.now() - ts) / 1_000);
  }
}
