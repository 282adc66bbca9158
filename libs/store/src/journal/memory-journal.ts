import type { RunEvent, ThreadTurn } from '@switchyard/contracts';
import type {
  Accept,
  Accepted,
  Append,
  Appended,
  Claim,
  Journal,
  JournalStats,
  RunAt,
  RunHead,
  RunInput,
  Sweep,
  SweptRun,
  ThreadQuery,
} from './journal.ts';
import { readable, type StatsRow, toStats } from './rows.ts';
import { accept, acceptedBefore } from './memory-accept.ts';
import { append } from './memory-append.ts';
import {
  headOf,
  holds,
  inTurn,
  type MemoryRun,
  MemoryTables,
  putInput,
  type Said,
  stallsAtClaim,
} from './memory-tables.ts';

/*
 * The journal in memory, for tests and simulations. It does what the functions in prisma/migrations do and keeps the
 * promises of the functions of the journal and of admission; one model-based test judges both
 * (test/journal-commands.ts).
 */

const INBOX_LIMIT = 1_000;
const INPUTS_PAGE = 100;
const MAX_PAUSE_MS = 60_000;

export class MemoryJournal implements Journal {
  readonly #tables: MemoryTables;

  constructor(tables = new MemoryTables()) {
    this.#tables = tables;
  }

  async accept(input: Accept): Promise<Accepted> {
    return accept(this.#tables, input);
  }

  async acceptedBefore(input: Accept): Promise<Accepted | undefined> {
    return acceptedBefore(this.#tables, input);
  }

  async claim(
    runId: string,
    owner: string,
    leaseMs: number,
    engineVersions: readonly number[],
    takeExpired = true,
    pauseMs = 1_000,
  ): Promise<Claim> {
    const tables = this.#tables;
    const run = tables.runs.get(runId);
    if (!run) return { kind: 'unknown' };
    if (run.phase !== 'ended' && run.leaseOwner !== null && !takeExpired) return { kind: 'busy' };
    if (run.phase === 'ended') return { kind: 'ended' };
    if (!engineVersions.includes(run.engineVersion)) return { kind: 'foreign_version' };
    if (holds(run, tables.now())) return { kind: 'busy' };
    if (tables.isHeldBack(run)) return { kind: 'held_back' };
    run.stalls = stallsAtClaim(run);
    if (run.afterRun !== null && !tables.waitsForTurn(run)) run.afterRun = null;
    run.pauseMs = run.stalls === 0 ? 0 : Math.min(MAX_PAUSE_MS, pauseMs * 2 ** Math.min(run.stalls - 1, 16));
    run.claimedSeq = run.lastSeq;
    run.epoch += 1;
    run.attempts += 1;
    run.phase = 'running';
    run.leaseOwner = owner;
    run.leaseUntil = tables.now() + leaseMs;
    const { epoch, lastSeq, publishedSeq, inboxTaken, inboxLast, tenantId, userId, attempts, stalls } = run;
    return {
      kind: 'claimed',
      epoch,
      lastSeq,
      publishedSeq,
      inboxTaken,
      inboxLast,
      tenantId,
      userId,
      attempts,
      stalls,
    };
  }

  async append(input: Append): Promise<Appended> {
    return append(this.#tables, input);
  }

  async renew(leases: readonly { runId: string; epoch: number }[], leaseMs: number): Promise<Map<string, number>> {
    const mine = new Map<string, number>();
    for (const { runId, epoch } of leases) {
      const run = this.#owned(runId, epoch);
      if (!run) continue;
      run.leaseUntil = this.#tables.now() + leaseMs;
      mine.set(runId, run.inboxLast);
    }
    return mine;
  }

  async release(runId: string, epoch: number, phase?: 'queued' | 'running' | 'waiting') {
    const run = this.#owned(runId, epoch);
    if (!run) return { released: false, inboxLast: 0 };
    run.leaseOwner = null;
    run.leaseUntil = null;
    run.phase = phase ?? run.phase;
    return { released: true, inboxLast: run.inboxLast };
  }

  async giveUp(runId: string, epoch: number, error: string): Promise<void> {
    const run = this.#owned(runId, epoch);
    if (!run) return;
    run.fault = readable(error);
    run.leaseUntil = Math.min(run.leaseUntil ?? Infinity, this.#tables.now() - 1);
  }

  async read(runId: string, after: number, limit: number, maxBytes = Infinity): Promise<RunEvent[]> {
    const page: RunEvent[] = [];
    let bytes = 0;
    for (const { stored, ...event } of this.#tables.runs.get(runId)?.events.slice(after, after + limit) ?? []) {
      if (page.length > 0 && bytes >= maxBytes) break;
      page.push(structuredClone(event));
      bytes += stored.size;
    }
    return page;
  }

  async head(runId: string): Promise<RunHead | undefined> {
    const run = this.#tables.runs.get(runId);
    return run && headOf(run);
  }

  async putInput(runId: string, input: Said) {
    const run = this.#tables.runs.get(runId);
    return run && putInput(this.#tables, run, input, INBOX_LIMIT);
  }

  async inputsAfter(runId: string, n: number, limit = INPUTS_PAGE): Promise<RunInput[]> {
    const inbox = this.#tables.runs.get(runId)?.inbox ?? [];
    return structuredClone(inbox.filter((input) => input.n > n).slice(0, limit));
  }

  async sweep({ limit, engineVersions, graceMs = 2_000, takeExpired = true }: Sweep): Promise<SweptRun[]> {
    const now = this.#tables.now();
    const due = this.#withoutOwner().filter(
      (run) =>
        run.phase !== 'ended' &&
        (takeExpired || run.leaseUntil === null) &&
        engineVersions.includes(run.engineVersion) &&
        run.updatedAt < now - graceMs &&
        (run.phase !== 'waiting' || run.inboxLast > run.inboxTaken || (run.wakeAt ?? Infinity) <= now) &&
        !this.#tables.isHeldBack(run),
    );
    return inTurn(due)
      .slice(0, limit)
      .map((run) => ({ runId: run.runId, tenantId: run.tenantId, stalls: stallsAtClaim(run) }));
  }

  async unpublished(limit: number, olderThanMs: number) {
    const before = this.#tables.now() - olderThanMs;
    return this.#withoutOwner()
      .filter((run) => run.publishedSeq < run.lastSeq && run.updatedAt < before)
      .sort((a, b) => a.createdAt - b.createdAt)
      .slice(0, limit)
      .map(({ runId, tenantId, publishedSeq, lastSeq }) => ({ runId, tenantId, publishedSeq, lastSeq }));
  }

  async markPublished(positions: readonly RunAt[]): Promise<void> {
    for (const { runId, seq } of positions) {
      const run = this.#tables.runs.get(runId);
      if (run) run.publishedSeq = Math.max(run.publishedSeq, Math.min(seq, run.lastSeq));
    }
  }

  async threadTurns({ tenantId, userId, threadId, limit, before = Infinity }: ThreadQuery): Promise<ThreadTurn[]> {
    return this.#tables
      .inThread({ tenantId, userId, threadId })
      .flatMap(({ runId, task, answer, status, createdAt }) =>
        status !== null && createdAt < before ? [{ runId, task, answer, status, createdAt }] : [],
      )
      .slice(-limit);
  }

  async stats(engineVersions: readonly number[]): Promise<JournalStats> {
    const now = this.#tables.now();
    const rows = new Map<string, StatsRow>();
    for (const { tenantId, phase, createdAt, engineVersion } of this.#tables.runs.values()) {
      if (phase === 'ended') continue;
      const key = `${tenantId} ${phase}`;
      const row = rows.get(key) ?? { tenant_id: tenantId, phase, runs: 0, oldest_ms: 0, foreign_runs: 0 };
      row.runs += 1;
      row.oldest_ms = Math.max(row.oldest_ms, now - createdAt);
      row.foreign_runs += engineVersions.includes(engineVersion) ? 0 : 1;
      rows.set(key, row);
    }
    return { ...toStats([...rows.values()]), deadLetters: this.#tables.letters.size };
  }

  #owned(runId: string, epoch: number): MemoryRun | undefined {
    const run = this.#tables.runs.get(runId);
    return run?.epoch === epoch && run.leaseOwner !== null ? run : undefined;
  }

  #withoutOwner(): MemoryRun[] {
    const now = this.#tables.now();
    return [...this.#tables.runs.values()].filter((run) => run.leaseUntil === null || run.leaseUntil < now);
  }
}
