import { isDeepStrictEqual } from 'node:util';
import { type RunEvent, TERMINAL_TYPE } from '@switchyard/contracts';
import { fold } from '@switchyard/run';
import type { MemoryRun, MemoryTables } from '@switchyard/store/memory';

/*
 * What must hold of every history, judged from what is written and what happened outside, never from what the code
 * under test believes. The names are those of docs/testing-by-breaking.md.
 */

export class Violation extends Error {
  constructor(
    readonly rule: string,
    detail: string,
  ) {
    super(`${rule}: ${detail}`);
    this.name = 'Violation';
  }
}

const STARTS = ['orchestrator.planning.started', 'orchestrator.step.dispatching'];
/** Commits that begin something new after a cancel was left: those that were on their way, and their repeats. */
const MAX_STARTS_AFTER_CANCEL = 4;

export class Checker {
  readonly #judged = new Map<string, number>();
  readonly #startsAfterCancel = new Map<string, number>();
  /** The first. */
  violation: Violation | null = null;

  readonly #tables: MemoryTables;

  constructor(tables: MemoryTables) {
    this.#tables = tables;
  }

  /** Notes what went against a rule: it may be found in the middle of something that catches errors. */
  fail(rule: string, detail: string): void {
    this.violation ??= new Violation(rule, detail);
  }

  /** After each statement. */
  judge(): void {
    for (const run of this.#tables.runs.values()) {
      const from = this.#judged.get(run.runId) ?? 0;
      if (run.phase === 'waiting' && run.leaseOwner !== null) this.fail('waiting_with_lease', run.runId);
      if (run.events.length === from) continue;
      this.#judged.set(run.runId, run.events.length);
      this.#judgeNew(run, run.events.slice(from));
    }
  }

  #judgeNew(run: MemoryRun, events: readonly RunEvent[]): void {
    for (const event of events) {
      const at = `${run.runId}:${event.seq} ${event.type}`;
      if (run.events[event.seq - 1]?.seq !== event.seq) this.fail('log_gaps', at);
      if (event.epoch !== run.epoch) this.fail('epoch_regress', `${at} by epoch ${event.epoch} of ${run.epoch}`);
      const before = run.events[event.seq - 2];
      if (before?.type === TERMINAL_TYPE) this.fail('double_completed', at);
    }
    const cancelled = run.inbox.some(({ kind, createdAt }) => kind === 'cancel' && createdAt < events[0]!.ts);
    if (!cancelled || !events.some(({ type }) => STARTS.includes(type))) return;
    const starts = (this.#startsAfterCancel.get(run.runId) ?? 0) + 1;
    this.#startsAfterCancel.set(run.runId, starts);
    if (starts > MAX_STARTS_AFTER_CANCEL) this.fail('cancel_ignored', run.runId);
  }

  /** What is published is committed. */
  published(event: RunEvent): void {
    const committed = this.#tables.runs.get(event.runId)?.events[event.seq - 1];
    const at = `${event.runId}:${event.seq} ${event.type}`;
    if (!committed) return this.fail('published_before_commit', at);
    const { stored: _, ...expected } = committed;
    if (!isDeepStrictEqual(plain(expected), plain(event))) this.fail('published_differs', at);
  }

  /** At the end, for each run: one terminal event, a journal that folds, and each reader saw just that journal. */
  ended(run: MemoryRun, seen: readonly (readonly RunEvent[])[]): void {
    const { runId, events } = run;
    if (events.filter(({ type }) => type === TERMINAL_TYPE).length !== 1) this.fail('lost_runs', runId);
    if (events.at(-1)?.type !== TERMINAL_TYPE) this.fail('double_completed', runId);
    const state = fold(events);
    if (state.seq !== events.length) this.fail('log_gaps', `${runId} folds up to ${state.seq}`);
    for (const read of seen) {
      const numbers = read.map(({ seq }) => seq).join();
      if (numbers !== events.map(({ seq }) => seq).join()) this.fail('client_stream_mismatch', `${runId}: ${numbers}`);
    }
  }
}

/** As it would be after a journey. */
function plain(event: unknown): unknown {
  return JSON.parse(JSON.stringify(event));
}
