import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Seconds; from half a millisecond to two minutes. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

/**
 * Gauges of prom-client that are named as if they counted: the sums of those without `_total`, which have the kind of what is
 * active as a label.
 */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** The metrics of one service, in a registry of its own. The same name twice gives the same metric. */
export interface Metrics {
  readonly contentType: string;
  counter(name: string, help: string, labels?: readonly string[]): Counter;
  /** `read` is asked when the metrics are scraped. */
  gauge(name: string, help: string, labels?: readonly string[], read?: () => number): Gauge;
  histogram(name: string, help: string, labels?: readonly string[], buckets?: readonly number[]): Histogram;
  /** All of it in the Prometheus text format. */
  text(): Promise<string>;
}

export function createMetrics(app: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ app });
  let withDefaults = false;
  const known = <M>(name: string, create: () => M): M => (registry.getSingleMetric(name) as M | undefined) ?? create();
  return {
    contentType: registry.contentType,
    counter: (name, help, labels = []) =>
      known(name, () => new Counter({ name, help, labelNames: [...labels], registers: [registry] })),
    gauge: (name, help, labels = [], read) =>
      known(
        name,
        () =>
          new Gauge({
            name,
            help,
            labelNames: [...labels],
            registers: [registry],
            ...(read
              ? {
                  collect() {
                    // One unreadable value must not fail the whole scrape.
                    try {
                      this.set(read());
                    } catch {
                      this.remove();
                    }
                  },
                }
              : {}),
          }),
      ),
    histogram: (name, help, labels = [], buckets = BUCKETS) =>
      known(
        name,
        () => new Histogram({ name, help, labelNames: [...labels], buckets: [...buckets], registers: [registry] }),
      ),
    text: () => {
      // Process metrics watch the event loop and the collector: they begin with the first scrape.
      if (!withDefaults) {
        collectDefaultMetrics({ register: registry });
        for (const name of MISNAMED) registry.removeSingleMetric(name);
      }
      withDefaults = true;
      return registry.metrics();
    },
  };
}
