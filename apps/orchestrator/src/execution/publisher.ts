import { type RunEvent, TERMINAL_TYPE } from '@switchyard/contracts';
import type { Bus } from '@switchyard/bus';
import type { Logger } from '@switchyard/platform';
import type { Journal } from '@switchyard/store';
import { logEvent } from '../log-events.ts';

/*
 * Publishes committed events on the bus.
 *
 * - Only committed events are published, in the order of their commits.
 * - The publisher records lazily how far a run is published: with the run's next append, or in one statement for many
 *   ended runs. Publishing an event twice is harmless (the message id is <runId>:<seq>); losing one is not, so the
 *   relay publishes every event that is not recorded as published.
 * - The record never passes an event that the bus has not acknowledged. Events of a failed publish go out again before
 *   any newer event. If too many are left, the record stays where it is and the relay publishes the rest.
 */

const MAX_KEPT = 1_000;
const RETRY_MS = 1_000;

/** The events of one owned run that are being published. */
interface Line {
  /** Every event up to this number is on the bus. */
  acked: number;
  /** Acknowledged beyond a gap. */
  ahead: { from: number; to: number }[];
  /** Not acknowledged yet, in order. */
  kept: RunEvent[];
  /** The terminal event's seq, once it is handed in. */
  end: number | null;
  failed: boolean;
  retry: NodeJS.Timeout | undefined;
  closed: boolean;
}

export class Publisher {
  readonly #lines = new Map<string, Line>();
  readonly #marks = new Map<string, number>();
  #flushTimer: NodeJS.Timeout | undefined;
  #inFlight = new Set<Promise<void>>();

  readonly #parts: { bus: Bus; journal: Journal; log: Logger; flushMs?: number };

  constructor(parts: { bus: Bus; journal: Journal; log: Logger; flushMs?: number }) {
    this.#parts = parts;
  }

  /** The number up to which the bus has acknowledged this run's events, to be stored by the next append. */
  publishedSoFar(runId: string): { publishedSeq?: number } {
    const line = this.#lines.get(runId);
    return line && line.acked > 0 ? { publishedSeq: line.acked } : {};
  }

  /**
   * Publishes events of a run that is owned here without making the caller wait. The first call for a run begins
   * after what is marked as published; each later one goes on where the one before ended.
   */
  publish(events: readonly RunEvent[]): void {
    const [first] = events;
    const last = events.at(-1);
    if (!first || !last) return;
    let line = this.#lines.get(first.runId);
    if (!line) {
      line = { acked: first.seq - 1, ahead: [], kept: [], end: null, failed: false, retry: undefined, closed: false };
      this.#lines.set(first.runId, line);
    }
    if (last.type === TERMINAL_TYPE) line.end = last.seq;
    line.kept.push(...events);
    if (line.kept.length > MAX_KEPT) line.kept = line.kept.slice(-events.length); // the gap stays unmarked
    this.#send(line, line.failed ? line.kept : events);
  }

  /** Publishes an event of a run that nobody owns yet. */
  announce(event: RunEvent): void {
    this.#track(
      event.runId,
      this.#parts.bus.publishEvents([event]).then(() => this.#mark(event.runId, event.seq)),
    );
  }

  /** Publishes events again, for the relay. Throws if the bus does not accept them. */
  async republish(events: readonly RunEvent[]): Promise<void> {
    const last = events.at(-1);
    if (!last) return;
    await this.#parts.bus.publishEvents([...events]);
    this.#mark(last.runId, last.seq);
  }

  /** The run is no longer owned here; its next owner or the relay publishes what is not acknowledged. */
  forget(runId: string): void {
    const line = this.#lines.get(runId);
    if (!line) return;
    line.closed = true;
    clearTimeout(line.retry);
    this.#lines.delete(runId);
  }

  /** Waits for publishes under way and records how far they came. */
  async flush(): Promise<void> {
    await Promise.allSettled(this.#inFlight);
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    const marks = [...this.#marks].map(([runId, seq]) => ({ runId, seq }));
    this.#marks.clear();
    if (marks.length > 0) await this.#parts.journal.markPublished(marks);
  }

  #send(line: Line, events: readonly RunEvent[]): void {
    const first = events[0];
    const last = events.at(-1);
    if (!first || !last) return;
    line.failed = false;
    const sent = this.#parts.bus.publishEvents([...events]).then(
      () => this.#acknowledged(line, last.runId, first.seq, last.seq),
      (error: unknown) => {
        line.failed = true;
        if (!line.closed) line.retry ??= setTimeout(() => this.#sendAgain(line), RETRY_MS).unref();
        throw error;
      },
    );
    this.#track(last.runId, sent);
  }

  #sendAgain(line: Line): void {
    line.retry = undefined;
    if (line.failed && !line.closed) this.#send(line, line.kept);
  }

  #acknowledged(line: Line, runId: string, from: number, to: number): void {
    line.ahead.push({ from, to });
    const reached = () => line.ahead.find((piece) => piece.from <= line.acked + 1 && piece.to > line.acked);
    for (let piece = reached(); piece; piece = reached()) line.acked = piece.to;
    line.ahead = line.ahead.filter((piece) => piece.to > line.acked);
    line.kept = line.kept.filter((event) => event.seq > line.acked);
    if (line.end !== null && line.acked >= line.end) this.#mark(runId, line.acked);
  }

  #track(runId: string, sent: Promise<void>): void {
    const done = sent.catch((error: unknown) =>
      logEvent(this.#parts.log, 'run_publish_delayed', { runId, err: error }),
    );
    this.#inFlight.add(done);
    void done.finally(() => this.#inFlight.delete(done));
  }

  #mark(runId: string, seq: number): void {
    this.#marks.set(runId, Math.max(seq, this.#marks.get(runId) ?? 0));
    this.#flushTimer ??= setTimeout(() => {
      this.#flushTimer = undefined;
      this.flush().catch((error: unknown) => logEvent(this.#parts.log, 'published_marks_failed', { err: error }));
    }, this.#parts.flushMs ?? 100);
  }
}
