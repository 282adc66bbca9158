import { AppError } from '@switchyard/contracts';
import type { Metrics } from '@switchyard/platform';

/** The metrics of the bus. Labels are subjects of contracts and codes of the closed table: both are few. */
export interface Instruments {
  /** One request that this process asked or answered; `outcome` is `ok` or an error code. */
  done(side: 'asked' | 'answered', subject: string, startMs: number, error?: unknown): void;
  malformed(stream: string): void;
  /** Counts a request whose reply subject was no inbox of an authorised caller. */
  dropped(subject: string): void;
}

export function createInstruments(metrics: Metrics | undefined): Instruments {
  if (!metrics) return { done: () => undefined, malformed: () => undefined, dropped: () => undefined };
  const labels = ['side', 'subject', 'outcome'] as const;
  const count = metrics.counter('bus_requests_total', 'Requests on the bus, by how they ended.', labels);
  const seconds = metrics.histogram('bus_request_duration_seconds', 'Time of a request on the bus.', [
    'side',
    'subject',
  ]);
  const malformed = metrics.counter('bus_malformed_messages_total', 'Messages of a stream that were skipped.', [
    'stream',
  ]);
  const dropped = metrics.counter(
    'bus_dropped_requests_total',
    'Requests that were dropped: their answer would go elsewhere than to an inbox of one that may ask.',
    ['subject'],
  );
  return {
    done: (side, subject, startMs, error) => {
      const outcome = error === undefined ? 'ok' : error instanceof AppError ? error.code : 'internal';
      count.inc({ side, subject, outcome });
      seconds.observe({ side, subject }, (performance.now() - startMs) / 1_000);
    },
    malformed: (stream) => malformed.inc({ stream }),
    dropped: (subject) => dropped.inc({ subject }),
  };
}
