import { AppError, type RunEvent } from '@switchyard/contracts';
import type { Append, Appended } from './journal.ts';
import { endingOf, readable, type StoredEvent, toStored } from './rows.ts';
import { eventOf, type MemoryTables } from './memory-tables.ts';

/** Writes the next events of a run and what goes with them; what `append_events` does, J1-J5 included. */
export function append(tables: MemoryTables, input: Append): Appended {
  const { runId, epoch, expectedSeq } = input;
  const drafts = input.facts.map(toStored);
  const ending = endingOf(drafts);
  const run = tables.runs.get(runId);
  if (!run) throw new AppError('not_found');
  const refused = (kind: 'fenced' | 'ended' | 'conflict') => ({ kind, lastSeq: run.lastSeq });
  if (run.epoch !== epoch) return refused('fenced'); // J2
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
    ); // J3
  if (run.phase === 'ended') return refused('ended'); // J4
  if (run.leaseOwner === null) return refused('fenced'); // J2
  if (run.lastSeq !== expectedSeq) return refused('conflict'); // J1

  const ts = Math.max(tables.now(), run.updatedAt); // J5
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
    tables.letters.set(runId, { reason, error: error === undefined ? run.fault : readable(error) }); // Q4
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
