import type { RunEvent } from '@switchyard/contracts';
import type { Accept, Accepted } from './journal.ts';
import { acceptedFact, storedOpening, readable, type StoredEvent, toStored } from './rows.ts';
import { eventOf, type MemoryRun, type MemoryTables, putInput } from './memory-tables.ts';

/** The limit of open runs of one thread. */
const THREAD_LIMIT = 100;
const CANCELLED_BY_NEWER = 'a newer run of its thread took its place';

/** Creates a run with its first events, as `accept_run` does, and decides about its turn in its thread. */
export function accept(tables: MemoryTables, input: Accept): Accepted {
  const { runId, run, lease } = input;
  const first = toStored(acceptedFact(input));
  const opening = storedOpening(input);
  const known = acceptedBefore(tables, input);
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
    const put = putInput(tables, before, { kind: 'cancel', dedupKey: 'cancel', body }, Infinity);
    if (put.created) cancelled.push(before.runId);
  }
  const owner = open.length > 0 ? undefined : lease;
  const epoch = owner ? 1 : 0;
  const newest = Math.max(-Infinity, ...open.map((before) => before.createdAt));
  const ts = Math.max(tables.now(), newest + 1); // the order of the turns
  const afterRun = open.at(-1)?.runId ?? null;
  const created: MemoryRun = {
    runId,
    tenantId,
    userId,
    threadId: run.thread_id,
    task: readable(run.task),
    engineVersion: input.engineVersion,
    key: input.idempotencyKey,
    hash: input.requestHash,
    phase: owner ? 'running' : 'queued',
    epoch,
    attempts: epoch,
    claimedSeq: epoch,
    leaseOwner: owner?.owner ?? null,
    leaseUntil: owner ? ts + owner.leaseMs : null,
    lastSeq: 1,
    publishedSeq: 0,
    events: [],
    inbox: [],
    inboxLast: 0,
    inboxTaken: 0,
    stalls: 0,
    pauseMs: 0,
    fault: null,
    afterRun,
    awaited: false,
    wakeAt: null,
    status: null,
    completionReason: null,
    answer: null,
    createdAt: ts,
    updatedAt: ts,
    endedAt: null,
    snapshot: null,
  };
  const write = (stored: StoredEvent, i: number): RunEvent => {
    const event = eventOf(created, 1 + i, stored, ts);
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

/** The outcome of the same request earlier; undefined if there was none. */
export function acceptedBefore(
  tables: MemoryTables,
  { run, idempotencyKey, requestHash }: Accept,
): Accepted | undefined {
  const { tenantId, userId } = run.principal;
  for (const known of tables.runs.values()) {
    if (known.tenantId !== tenantId || known.userId !== userId || known.key !== idempotencyKey) continue;
    if (known.hash !== requestHash) return { kind: 'conflict' };
    const { runId, lastSeq, phase, createdAt: ts } = known;
    return { kind: 'existing', runId, lastSeq, ended: phase === 'ended', ts };
  }
  return undefined;
}
