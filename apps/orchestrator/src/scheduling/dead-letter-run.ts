import type { Logger } from '@switchyard/platform';
import { factStepId, fold, giveUp, INITIAL, type RunState } from '@switchyard/run';
import type { Appended, Journal } from '@switchyard/store';
import type { Publisher } from '../execution/index.ts';
import { logEvent } from '../log-events.ts';

/*
 * Gives up a run whose owners repeatedly made no progress: writes its end and its dead letter in one transaction.
 *
 * - Works with a journal that can be read or applied only in part, or not at all.
 * - Reading the journal may be what crashes the owners. So after LOOKS attempts the run is given up without reading its
 *   journal.
 * - Steps under way end in doubt, as far as the journal shows which steps those are.
 */

interface DeadLetterRun {
  readonly runId: string;
  readonly epoch: number;
  readonly lastSeq: number;
  readonly publishedSeq: number;
  /** Consecutive owners without progress. */
  readonly stalls: number;
  /** The limit that was reached. */
  readonly limit: number;
}

/** Attempts that read the journal first; later attempts do without. */
const LOOKS = 2;
const PAGE = 500;

export async function moveToDeadLetters(
  parts: { readonly journal: Journal; readonly publisher: Publisher; readonly log: Logger },
  { runId, epoch, lastSeq, publishedSeq, stalls, limit }: DeadLetterRun,
): Promise<Extract<Appended, { kind: 'appended' }> | undefined> {
  const { journal, publisher, log } = parts;
  const look = stalls < limit + LOOKS; // reading may be what crashes the owners
  const { state, readTo } = look ? await readAndPublish(parts, runId, publishedSeq) : { state: INITIAL, readTo: 0 };
  const error = `The run was given up: ${stalls} times in a row its worker stopped without getting any further.`;
  const followed = state.seq === lastSeq;
  // Steps under way end in doubt, as far as the journal shows which they are.
  const facts = giveUp(followed ? state : { ...state, phase: 'idle' }, error, epoch);
  const moved = await journal.append({
    runId,
    epoch,
    expectedSeq: lastSeq,
    leaseMs: 0,
    facts: facts.map((fact) => ({ ...fact, stepId: factStepId(fact) })),
    deadLetter: { reason: followed ? 'no_progress' : 'unreadable' },
  });
  if (moved.kind !== 'appended') return undefined;
  logEvent(log, 'run_dead_lettered', { runId, stalls });
  // The relay publishes the events that were not read here, and the end after them: a mark may not pass an unpublished
  // event.
  if (readTo === lastSeq || publishedSeq >= lastSeq) publisher.publish(moved.events);
  return moved;
}

/** How far the run can be applied, and how far its journal can be read. */
async function readAndPublish(
  { journal, publisher, log }: Parameters<typeof moveToDeadLetters>[0],
  runId: string,
  publishedSeq: number,
): Promise<{ state: RunState; readTo: number }> {
  let state = INITIAL;
  let readTo = 0;
  try {
    for (;;) {
      const events = await journal.read(runId, readTo, PAGE);
      publisher.publish(events.filter((event) => event.seq > publishedSeq));
      readTo = events.at(-1)?.seq ?? readTo;
      state = fold(events, state);
      if (events.length < PAGE) return { state, readTo };
    }
  } catch (error) {
    logEvent(log, 'dead_run_unreadable', { runId, err: error });
    return { state, readTo };
  }
}
