import { AppError, type RunEvent, type ThreadTurn } from '@switchyard/contracts';
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
import {
  acceptedFact,
  endingOf,
  openingOf,
  readable,
  type StatsRow,
  type StoredEvent,
  toStats,
  toStored,
} from './journal-rows.ts';
import { headOf, holds, inTurn, type MemoryRun, MemoryTables, stallsAtClaim } from './memory-tables.ts';

/*
 * The journal in memory: what the functions in prisma/migrations do, for tests and simulations. It keeps J1-J5 and
 * Q1-Q5 of those functions; the same model-based test judges both (test/journal-commands.ts).
 */

const INBOX_LIMIT = 1_000;
const INPUTS_PAGE = 100;
const THREAD_LIMIT = 100;
const MAX_PAUSE_MS = 60_000;
const CANCELLED_BY_NEWER = 'a newer run of its thread took its place';

export class MemoryJournal implements Journal {
  constructor(private readonly tables = new MemoryTables()) {}

  async accept(input: Accept): Promise<Accepted> {
    const { tables } = this;
    const { runId, run, lease } = input;
    const first = toStored(acceptedFact(input));
    const opening = openingOf(input);
    const known = this.#acceptedBefore(input);
    if (known) return known;
    if (tables.runs.has(runId)) return { kind: 'conflict' };

    const { tenantId, userId } = run.principal;
    const concurrency = run.thread_concurrency;
    const open = concurrency ? tables.openIn({ tenantId, userId, threadId: run.thread_id }) : [];
    if (open[0] && (concurrency === 'reject' || open.length >= THREAD_LIMIT)) {
      return { kind: 'thread_busy', activeRun: open[0].runId };
    }
    const cancelled: string[] = [];
    for (const before of open) {
      before.awaited = true;
      if (concurrency !== 'cancel_previous') continue;
      const body = { by: userId, reason: CANCELLED_BY_NEWER };
      const put = this.#putInput(before, { kind: 'cancel', dedupKey: 'cancel', body }, Infinity);
      if (put.created) cancelled.push(before.runId);
    }
    const owner = open.length > 0 ? undefined : lease;
    const epoch = owner ? 1 : 0;
    const newest = Math.max(-Infinity, ...open.map((before) => before.createdAt));
    const ts = Math.max(tables.now(), newest + 1); // the order of the turns
    const afterRun = open.at(-1)?.runId ?? null;
    const created: MemoryRun = {
      ...{ runId, tenantId, userId, threadId: run.thread_id, task: readable(run.task) },
      ...{ engineVersion: input.engineVersion, key: input.idempotencyKey, hash: input.requestHash },
      ...{ phase: owner ? 'running' : 'queued', epoch, attempts: epoch, claimedSeq: epoch },
      ...{ leaseOwner: owner?.owner ?? null, leaseUntil: owner ? ts + owner.leaseMs : null },
      ...{ lastSeq: 1, publishedSeq: 0, events: [], inbox: [], inboxLast: 0, inboxTaken: 0 },
      ...{ stalls: 0, pauseMs: 0, fault: null, afterRun, awaited: false, wakeAt: null },
      ...{ status: null, completionReason: null, answer: null },
      ...{ createdAt: ts, updatedAt: ts, endedAt: null, snapshot: null },
    };
    const write = (stored: StoredEvent, i: number): RunEvent => {
      const event = this.#event(created, 1 + i, stored, ts);
      created.events.push({ ...event, stored });
      return event;
    };
    const accepted = write(first, 0);
    const opened = owner ? opening.map((stored, i) => write(stored, 1 + i)) : [];
    created.lastSeq += opened.length;
    tables.runs.set(runId, created);
    const { lastSeq } = created;
    const events = [accepted, ...opened] as const;
    return { kind: 'created', runId, lastSeq, ended: false, epoch, ts, events, afterRun, cancelled };
  }

  async acceptedBefore(input: Accept): Promise<Accepted | undefined> {
    return this.#acceptedBefore(input);
  }

  async claim(
    runId: string,
    owner: string,
    leaseMs: number,
    engineVersions: readonly number[],
    takeExpired = true,
    pauseMs = 1_000,
  ): Promise<Claim> {
    const { tables } = this;
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
      ...{ kind: 'claimed', epoch, lastSeq, publishedSeq, inboxTaken, inboxLast, tenantId, userId, attempts, stalls },
    };
  }

  async append(input: Append): Promise<Appended> {
    const { tables } = this;
    const { runId, epoch, expectedSeq } = input;
    const drafts = input.facts.map(toStored);
    const ending = endingOf(drafts);
    const run = tables.runs.get(runId);
    if (!run) throw new AppError('not_found');
    const refused = (kind: 'fenced' | 'ended' | 'conflict') => ({ kind, lastSeq: run.lastSeq });
    if (run.epoch !== epoch) return refused('fenced'); // J2
    const done = (events: RunEvent[], inboxLast: number): Appended => ({
      ...{ kind: 'appended', events, lastSeq: run.lastSeq, inboxLast },
      nextRun: ending && run.awaited ? tables.nextInThread(run) : null,
    });
    const there = run.events.slice(expectedSeq, expectedSeq + drafts.length);
    if (
      drafts.length > 0 &&
      there.length === drafts.length &&
      there.every((event, i) => same(event, epoch, drafts[i]!))
    )
      return done(
        there.map(({ stored: _, ...event }) => structuredClone(event)),
        run.inboxLast,
      ); // J3
    if (run.phase === 'ended') return refused('ended'); // J4
    if (run.leaseOwner === null) return refused('fenced'); // J2
    if (run.lastSeq !== expectedSeq) return refused('conflict'); // J1

    const ts = Math.max(tables.now(), run.updatedAt); // J5
    const events = drafts.map((draft, i) => this.#event(run, expectedSeq + 1 + i, draft, ts));
    run.events.push(...events.map((event, i) => ({ ...event, stored: drafts[i]! })));
    run.lastSeq += events.length;
    run.publishedSeq = Math.max(run.publishedSeq, Math.min(input.publishedSeq ?? 0, run.lastSeq));
    run.inboxTaken = Math.max(run.inboxTaken, input.inboxTaken ?? 0);
    run.phase = ending ? 'ended' : (input.phase ?? run.phase);
    if (input.phase === 'waiting' && !ending) run.wakeAt = input.wakeAt ?? null;
    if (ending) Object.assign(run, ending, { endedAt: ts });
    const kept = input.leaseMs > 0 && !ending;
    run.leaseUntil = kept ? tables.now() + input.leaseMs : null;
    if (!kept) run.leaseOwner = null;
    run.updatedAt = ts;
    if (input.deadLetter && ending) {
      const { reason, error } = input.deadLetter;
      tables.letters.set(runId, { reason, error: error === undefined ? run.fault : readable(error) }); // Q4
    }
    return done(events, run.inboxLast);
  }

  async renew(leases: readonly { runId: string; epoch: number }[], leaseMs: number): Promise<Map<string, number>> {
    const mine = new Map<string, number>();
    for (const { runId, epoch } of leases) {
      const run = this.#owned(runId, epoch);
      if (!run) continue;
      run.leaseUntil = this.tables.now() + leaseMs;
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
    run.leaseUntil = Math.min(run.leaseUntil ?? Infinity, this.tables.now() - 1);
  }

  async read(runId: string, after: number, limit: number, maxBytes = Infinity): Promise<RunEvent[]> {
    const page: RunEvent[] = [];
    let bytes = 0;
    for (const { stored, ...event } of this.tables.runs.get(runId)?.events.slice(after, after + limit) ?? []) {
      if (page.length > 0 && bytes >= maxBytes) break;
      page.push(structuredClone(event));
      bytes += stored.size;
    }
    return page;
  }

  async head(runId: string): Promise<RunHead | undefined> {
    const run = this.tables.runs.get(runId);
    return run && headOf(run);
  }

  async putInput(runId: string, input: Pick<RunInput, 'kind' | 'dedupKey' | 'body'>) {
    const run = this.tables.runs.get(runId);
    return run && this.#putInput(run, input, INBOX_LIMIT);
  }

  async inputsAfter(runId: string, n: number, limit = INPUTS_PAGE): Promise<RunInput[]> {
    const inbox = this.tables.runs.get(runId)?.inbox ?? [];
    return structuredClone(inbox.filter((input) => input.n > n).slice(0, limit));
  }

  async sweep({ limit, engineVersions, graceMs = 2_000, takeExpired = true }: Sweep): Promise<SweptRun[]> {
    const now = this.tables.now();
    const due = this.#withoutOwner().filter(
      (run) =>
        run.phase !== 'ended' &&
        (takeExpired || run.leaseUntil === null) &&
        engineVersions.includes(run.engineVersion) &&
        run.updatedAt < now - graceMs &&
        (run.phase !== 'waiting' || run.inboxLast > run.inboxTaken || (run.wakeAt ?? Infinity) <= now) &&
        !this.tables.isHeldBack(run),
    );
    return inTurn(due)
      .slice(0, limit)
      .map((run) => ({ runId: run.runId, tenantId: run.tenantId, stalls: stallsAtClaim(run) }));
  }

  async unpublished(limit: number, olderThanMs: number) {
    const before = this.tables.now() - olderThanMs;
    return this.#withoutOwner()
      .filter((run) => run.publishedSeq < run.lastSeq && run.updatedAt < before)
      .sort((a, b) => a.createdAt - b.createdAt)
      .slice(0, limit)
      .map(({ runId, tenantId, publishedSeq, lastSeq }) => ({ runId, tenantId, publishedSeq, lastSeq }));
  }

  async markPublished(positions: readonly RunAt[]): Promise<void> {
    for (const { runId, seq } of positions) {
      const run = this.tables.runs.get(runId);
      if (run) run.publishedSeq = Math.max(run.publishedSeq, Math.min(seq, run.lastSeq));
    }
  }

  async threadTurns({ tenantId, userId, threadId, limit, before = Infinity }: ThreadQuery): Promise<ThreadTurn[]> {
    return this.tables
      .inThread({ tenantId, userId, threadId })
      .flatMap(({ runId, task, answer, status, createdAt }) =>
        status !== null && createdAt < before ? [{ runId, task, answer, status, createdAt }] : [],
      )
      .slice(-limit);
  }

  async stats(engineVersions: readonly number[]): Promise<JournalStats> {
    const now = this.tables.now();
    const rows = new Map<string, StatsRow>();
    for (const { tenantId, phase, createdAt, engineVersion } of this.tables.runs.values()) {
      if (phase === 'ended') continue;
      const key = `${tenantId} ${phase}`;
      const row = rows.get(key) ?? { tenant_id: tenantId, phase, runs: 0, oldest_ms: 0, foreign_runs: 0 };
      row.runs += 1;
      row.oldest_ms = Math.max(row.oldest_ms, now - createdAt);
      row.foreign_runs += engineVersions.includes(engineVersion) ? 0 : 1;
      rows.set(key, row);
    }
    return { ...toStats([...rows.values()]), deadLetters: this.tables.letters.size };
  }

  #acceptedBefore({ run, idempotencyKey, requestHash }: Accept): Accepted | undefined {
    const { tenantId, userId } = run.principal;
    for (const known of this.tables.runs.values()) {
      if (known.tenantId !== tenantId || known.userId !== userId || known.key !== idempotencyKey) continue;
      if (known.hash !== requestHash) return { kind: 'conflict' };
      const { runId, lastSeq, phase, createdAt: ts } = known;
      return { kind: 'existing', runId, lastSeq, ended: phase === 'ended', ts };
    }
    return undefined;
  }

  #event(run: MemoryRun, seq: number, { fact, stepId }: StoredEvent, ts: number): RunEvent {
    const { runId, tenantId, epoch } = run;
    return { runId, tenantId, seq, epoch, stepId, ts, ...structuredClone(fact) };
  }

  #owned(runId: string, epoch: number): MemoryRun | undefined {
    const run = this.tables.runs.get(runId);
    return run?.epoch === epoch && run.leaseOwner !== null ? run : undefined;
  }

  #withoutOwner(): MemoryRun[] {
    const now = this.tables.now();
    return [...this.tables.runs.values()].filter((run) => run.leaseUntil === null || run.leaseUntil < now);
  }

  #putInput(run: MemoryRun, { kind, dedupKey, body }: Pick<RunInput, 'kind' | 'dedupKey' | 'body'>, limit: number) {
    const ended = run.phase === 'ended';
    const known = run.inbox.find((input) => input.dedupKey === dedupKey);
    if (known) return { n: known.n, created: false, ended };
    if (ended) return { n: 0, created: false, ended };
    if (run.inboxLast - run.inboxTaken >= limit) {
      throw new AppError('overloaded', 'This run has too many inputs that wait to be taken.');
    }
    const n = (run.inboxLast += 1);
    run.updatedAt = Math.max(this.tables.now(), run.updatedAt);
    const kept: unknown = JSON.parse(JSON.stringify(body ?? null));
    run.inbox.push({ n, kind, dedupKey, body: kept, createdAt: run.updatedAt });
    return { n, created: true, ended };
  }
}

function same(event: RunEvent & { stored: StoredEvent }, epoch: number, draft: StoredEvent): boolean {
  const { fact, stepId, body, refs } = event.stored;
  return (
    event.epoch === epoch &&
    fact.type === draft.fact.type &&
    stepId === draft.stepId &&
    body === draft.body &&
    refs === draft.refs
  );
}
