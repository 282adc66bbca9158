import type { MetricsDebug } from '@switchyard/contracts/http';
import type { Metrics } from '@switchyard/platform';

/*
 * Request metrics, for Prometheus and as a small JSON view. Routes are the patterns of the table, so the number of
 * series is limited whatever clients request.
 */
const RECENT = 1_000;

interface RouteCount {
  requests: number;
  errors: number;
  totalMs: number;
}

export class Traffic {
  readonly #durations;
  readonly #routes = new Map<string, RouteCount>();
  /** The latest durations, oldest overwritten first. */
  readonly #recent: number[] = [];
  #seen = 0;
  #errors = 0;
  #totalMs = 0;
  #underWay = 0;

  constructor(metrics: Metrics, openStreams: () => number) {
    this.#durations = metrics.histogram('http_request_duration_seconds', 'Time until the answer was sent', [
      'method',
      'route',
      'status',
    ]);
    metrics.gauge('sse_connections', 'Open event streams', [], openStreams);
    metrics.gauge('http_requests_under_way', 'Requests that are not answered yet', [], () => this.#underWay);
  }

  get underWay(): number {
    return this.#underWay;
  }

  begin(): void {
    this.#underWay += 1;
  }

  /** `route`: the pattern; undefined for an unknown path. */
  end(method: string, route: string | undefined, status: number, durationMs: number): void {
    this.#underWay -= 1;
    const place = route ?? 'none';
    this.#durations.observe({ method, route: place, status }, durationMs / 1_000);
    const name = `${method} ${place}`;
    const known = this.#routes.get(name);
    const count = known ?? { requests: 0, errors: 0, totalMs: 0 };
    if (known === undefined) this.#routes.set(name, count);
    const failed = status >= 500 ? 1 : 0;
    count.requests += 1;
    count.errors += failed;
    count.totalMs += durationMs;
    this.#errors += failed;
    this.#totalMs += durationMs;
    this.#recent[this.#seen % RECENT] = durationMs;
    this.#seen += 1;
  }

  debug(): MetricsDebug {
    const sorted = [...this.#recent].sort((a, b) => a - b);
    const at = (share: number): number =>
      round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
    return {
      requests: this.#seen,
      errors: this.#errors,
      latencies: {
        count: this.#seen,
        mean_ms: round(this.#seen === 0 ? 0 : this.#totalMs / this.#seen),
        p50_ms: at(0.5),
        p95_ms: at(0.95),
        max_ms: round(sorted.at(-1) ?? 0),
      },
      routes: Object.fromEntries(
        [...this.#routes].map(([name, { requests, errors, totalMs }]) => [
          name,
          { requests, errors, mean_ms: round(totalMs / requests) },
        ]),
      ),
    };
  }
}

function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
