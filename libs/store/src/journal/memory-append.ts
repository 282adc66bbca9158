import { AppError, type RunEvent } from '@switchyard/contracts';
import type { Append, Appended } from './journal.ts';
import { endingOf, readable, type StoredEvent, toStored } from './rows.ts';
import { eventOf, type MemoryTables } from './memory-tables.ts';

/** Appends events of a run with all their consequences, as `append_events` does, with the same promises. */
export function append(tables: MemoryTables, input: Append): Appended {
  const { runId, epoch, expectedSeq } = input;
  const drafts = input.facts.map(toStored);
  const ending = endingOf(drafts);
  const run = tables.runs.get(runId);
  if (!run) throw new AppError('not_found');
  const refused = (kind: 'fenced' | 'ended' | 'conflict') => ({ kind, lastSeq: run.lastSeq });
  if (run.epoch !== epoch) return refused('fenced');
  const done = (events: RunEvent[], inboxLast: number): Appended => ({
    kind: 'appended',
    events,
    lastSeq: run.lastSeq,
    inboxLast,
    nextRun: ending && run.awaited ? tables.nextInThread(run) : null,
  });
  const there = run.events.slice(expectedSeq, expectedSeq + drafts.length);
  if (drafts.length > 0 && there.length === drafts.length && there.every((event, i) => same(event, epoch, drafts[i]!)))
    return done(
      there.map(({ stored: _, ...event }) => structuredClone(event)),
      run.inboxLast,
    ); // the same append again: the reply to the first was lost
  if (run.phase === 'ended') return refused('ended');
  if (run.leaseOwner === null) return refused('fenced');
  if (run.lastSeq !== expectedSeq) return refused('conflict'); // the numbers have no hole

  const ts = Math.max(tables.now(), run.updatedAt); // within a run, times do not go back
  const events = drafts.map((draft, i) => eventOf(run, expectedSeq + 1 + i, draft, ts));
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
    tables.letters.set(runId, { reason, error: error === undefined ? run.fault : readable(error) });
  }
  return done(events, run.inboxLast);
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
