import { type RunEvent, TERMINAL_TYPE } from '@switchyard/contracts';
import type { Metrics } from '@switchyard/platform';
import type { JournalStats } from '@switchyard/store';

/** Seconds; a run may wait for people and agents. */
const RUN_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3_600];

/**
 * The metrics of runs.
 *
 * - The replica that commits an event counts runs, tokens and failures from it, so each counts once, however many
 *   replicas worked on the run. Durations are differences of the database's clock.
 * - A scrape sends no query to the database.
 */
export class RunMetrics {
  readonly created;
  readonly loopsEnded;
  readonly takeovers;
  readonly fencedWrites;
  readonly sweeps;
  readonly #finished;
  readonly #duration;
  readonly #queueWait;
  readonly #tokens;
  readonly #cost;
  readonly #exceeded;
  readonly #planningSeconds;
  readonly #planningFailures;
  readonly moved;
  readonly refusals;
  readonly #open;
  readonly #oldest;
  readonly #foreign;
  readonly #deadLetters;
  readonly #unpublished;

  constructor(metrics: Metrics) {
    this.created = metrics.counter('runs_created_total', 'Runs accepted here');
    this.#finished = metrics.counter('runs_finished_total', 'Runs whose end was committed here', ['status']);
    this.#duration = metrics.histogram(
      'run_duration_seconds',
      'Time from the acceptance of a run to its end',
      [],
      RUN_BUCKETS,
    );
    this.#queueWait = metrics.histogram(
      'run_queue_wait_seconds',
      'Time from the acceptance of a run to the start of the work on it',
      [],
      RUN_BUCKETS,
    );
    this.loopsEnded = metrics.counter('run_loops_total', 'Runs that this replica let go of, and why', ['end']);
    this.takeovers = metrics.counter('lease_takeovers_total', 'Runs taken up that another owner had begun');
    this.fencedWrites = metrics.counter('fenced_writes_total', 'Writes refused because the run has another owner');
    this.sweeps = metrics.counter('sweeps_total', 'Looks for runs without an owner', ['outcome']);
    this.#tokens = metrics.counter('llm_tokens_total', 'Tokens of the language model', ['model', 'direction']);
    this.#cost = metrics.counter('llm_cost_usd_total', 'What the language model cost', ['model']);
    this.#exceeded = metrics.counter('budget_exceeded_total', 'Limits that runs came to', ['scope', 'kind']);
    this.#planningSeconds = metrics.histogram(
      'planning_duration_seconds',
      'Time of a planning: the calls of the language model, with their repeats and pauses',
      ['model'],
    );
    this.#planningFailures = metrics.counter('planning_failures_total', 'Plannings without a decision', ['code']);
    this.moved = metrics.counter('dead_letters_total', 'Runs that were given up here');
    this.refusals = metrics.counter('admission_refusals_total', 'Runs that were not accepted, by limit', ['limit']);
    this.#open = metrics.gauge('open_runs', 'Runs that have not ended, as of the last sweep', ['phase']);
    this.#oldest = metrics.gauge('oldest_run_seconds', 'Age of the oldest of them', ['phase']);
    this.#foreign = metrics.gauge('foreign_runs', 'Open runs of an engine version that is not known here');
    this.#deadLetters = metrics.gauge('dead_letters', 'Dead letters that nobody has requeued, up to 10 000');
    this.#unpublished = metrics.gauge(
      'unpublished_runs',
      'Runs with events that were committed and are not on the bus, as of the last sweep, up to 100',
    );
  }

  /** Counts an event that was committed here; `acceptedAt` in ms since 1970. */
  committed(event: RunEvent, acceptedAt: number): void {
    switch (event.type) {
      case 'orchestrator.task.started':
        this.#queueWait.observe(Math.max(0, event.ts - acceptedAt) / 1_000);
        return;
      case 'orchestrator.planning.completed': {
        const { usage, decision, model, duration_ms } = event.data;
        this.#planningSeconds.observe({ model }, duration_ms / 1_000);
        if (usage.input_tokens > 0) this.#tokens.inc({ model, direction: 'input' }, usage.input_tokens);
        if (usage.output_tokens > 0) this.#tokens.inc({ model, direction: 'output' }, usage.output_tokens);
        if (usage.usd !== undefined && usage.usd > 0) this.#cost.inc({ model }, usage.usd);
        if (decision.kind === 'fail') this.#planningFailures.inc({ code: decision.code });
        return;
      }
      case 'orchestrator.budget.exceeded':
        this.#exceeded.inc({ scope: event.data.scope, kind: event.data.kind });
        return;
      case TERMINAL_TYPE:
        this.#finished.inc({ status: event.data.status });
        this.#duration.observe(Math.max(0, event.ts - acceptedAt) / 1_000);
    }
  }

  /** Counts the runs with unpublished events that a sweep found. */
  unpublished(runs: number): void {
    this.#unpublished.set(runs);
  }

  /** Takes the counts of a sweep. */
  queue({ phases, foreign, deadLetters }: JournalStats): void {
    for (const phase of ['queued', 'running', 'waiting'] as const) {
      this.#open.set({ phase }, phases[phase].runs);
      this.#oldest.set({ phase }, phases[phase].oldestMs / 1_000);
    }
    this.#foreign.set(foreign);
    this.#deadLetters.set(deadLetters);
  }
}
