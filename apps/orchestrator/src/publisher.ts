import { type RunEvent, TERMINAL_TYPE } from '@switchyard/contracts';
import type { Bus } from '@switchyard/bus';
import type { Logger } from '@switchyard/platform';
import type { Journal } from '@switchyard/store';

/*
 * Tells the bus what was committed.
 *
 * B1 Only committed events are published, in the order of their commits.
 * B2 How far a run is published is written down lazily: with its next append, or in one statement for many
 *    ended runs. Publishing twice is harmless (the message id is <runId>:<seq>), forgetting is not: the relay
 *    publishes what is not marked.
 */
export class Publisher {
  readonly #published = new Map<string, number>();
  readonly #ended = new Map<string, number>();
  #flushTimer: NodeJS.Timeout | undefined;
  #inFlight = new Set<Promise<void>>();

  constructor(private readonly parts: { bus: Bus; journal: Journal; log: Logger; flushMs?: number }) {}

  /** The newest event of this run that the bus has acknowledged, to go with the next append. */
  publishedSoFar(runId: string): { publishedSeq?: number } {
    const publishedSeq = this.#published.get(runId);
    return publishedSeq === undefined ? {} : { publishedSeq };
  }

  /** Publishes without making the caller wait; what fails is left to the relay. */
  publish(events: readonly RunEvent[]): void {
    const last = events.at(-1);
    if (!last) return;
    const done = this.parts.bus
      .publishEvents([...events])
      .then(() => this.#mark(last))
      .catch((error: unknown) => {
        this.#published.delete(last.runId);
        this.parts.log.warn({ runId: last.runId, err: error }, 'not published yet; the relay will');
      });
    this.#inFlight.add(done);
    void done.finally(() => this.#inFlight.delete(done));
  }

  /** Publishes again, for the relay; throws where the bus does not take it. */
  async republish(events: readonly RunEvent[]): Promise<void> {
    const last = events.at(-1);
    if (!last) return;
    await this.parts.bus.publishEvents([...events]);
    this.#ended.set(last.runId, last.seq);
  }

  forget(runId: string): void {
    this.#published.delete(runId);
  }

  /** Waits for what is on its way and writes down how far it came. */
  async flush(): Promise<void> {
    await Promise.allSettled(this.#inFlight);
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    const marks = [...this.#ended].map(([runId, seq]) => ({ runId, seq }));
    this.#ended.clear();
    if (marks.length > 0) await this.parts.journal.markPublished(marks);
  }

  #mark(last: RunEvent): void {
    if (last.type !== TERMINAL_TYPE) {
      this.#published.set(last.runId, last.seq);
      return;
    }
    this.#published.delete(last.runId);
    this.#ended.set(last.runId, last.seq);
    this.#flushTimer ??= setTimeout(() => {
      this.#flushTimer = undefined;
      this.flush().catch((error: unknown) =>
        this.parts.log.warn({ err: error }, 'published marks not written; the relay repeats'),
      );
    }, this.parts.flushMs ?? 100);
  }
}
