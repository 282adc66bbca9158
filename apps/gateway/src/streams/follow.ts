import type { Bus } from '@switchyard/bus';
import {
  AppError,
  type InputOf,
  type LiveDelta,
  MAX_EVENTS_PAGE,
  type OutputOf,
  type Principal,
  publicRunId,
  readRunEvents,
  type RunEvent,
  startRun,
} from '@switchyard/contracts';

/*
 * The events of one run, in order and without holes, from journal and bus alike.
 *
 * - A caller that starts a run subscribes first, so that it misses nothing and need not read anything again.
 * - A caller that attaches reads the journal first. There "not yours" and "no such run" become one answer.
 * - Clients know runs by the ids of their tenant (ids.ts of the contracts). Clients see no other ids.
 * - Expired history is an error at once, even if it expires while it is read.
 */

/** Batches of available events. Ends after the terminal event, or when the reader's signal aborts. */
type RunFeed = AsyncIterable<readonly RunEvent[]>;
export type RunBus = Pick<Bus, 'request' | 'follow'>;

export interface Reader {
  readonly signal: AbortSignal;
  /** Receives live text of the model; absent if the reader cannot show it. */
  readonly onLive: ((delta: LiveDelta) => void) | undefined;
}

export interface OpenRun {
  /** The client's id of the run. */
  readonly runId: string;
  readonly feed: RunFeed;
  /** The last event, and whether the run had ended, at the time of opening. */
  readonly lastSeq: number;
  readonly ended: boolean;
  /** True for a repeated start request: the client may have seen some events. */
  readonly again?: boolean;
}

type Page = OutputOf<typeof readRunEvents>;

/** Starts a run, or attaches to the earlier one with the same idempotency key. */
export async function startAndFollow(bus: RunBus, request: InputOf<typeof startRun>, reader: Reader): Promise<OpenRun> {
  const { runId: asked, idempotencyKey, run } = request;
  const feed = follow(bus, run.principal, asked, 0, true, reader);
  try {
    // Continues even if the client leaves: the acceptance of the run must be known.
    const { runId, created } = await bus.request(startRun, request, { idempotencyKey });
    if (created && runId === asked)
      return {
        runId: publicRunId(run.principal.tenantId, runId),
        feed: shownFeed(feed, asked, run.principal),
        lastSeq: 1,
        ended: false,
      };
    feed.close();
    return { ...(await attach(bus, run.principal, runId, 0, reader)), again: true };
  } catch (error) {
    feed.close();
    throw error;
  }
}

/**
 * Attaches to a run. The feed begins with its first event, whatever the cursor: projections are folds. Throws
 * `not_found` for a run that does not exist for this caller, `invalid_cursor` for a cursor ahead of the run,
 * `history_expired` if the events after the cursor have expired.
 */
export async function attach(
  bus: RunBus,
  principal: Principal,
  runId: string,
  after: number,
  reader: Reader,
): Promise<OpenRun> {
  const first = await read(bus, principal, runId, 0, reader.signal);
  const kept = first.runId ?? runId;
  const shown = publicRunId(principal.tenantId, kept);
  if (after > first.lastSeq) throw new AppError('invalid_cursor', 'The cursor lies ahead of the run.');
  const delivered = first.ended && after > 0 && after >= first.lastSeq;
  if (first.firstSeq > 1 && !delivered) throw expired(shown);
  const feed = shownFeed(replay(bus, principal, kept, first, reader), kept, principal);
  return { runId: shown, lastSeq: first.lastSeq, ended: first.ended, feed };
}

/** The feed with the client's run id in every event. */
function shownFeed(feed: RunFeed, kept: string, { tenantId }: Principal): RunFeed {
  const runId = publicRunId(tenantId, kept);
  return runId === kept ? feed : renamed(feed, runId);
}

async function* renamed(feed: RunFeed, runId: string): AsyncGenerator<readonly RunEvent[], undefined> {
  for await (const batch of feed) yield batch.map((event) => ({ ...event, runId }));
}

async function* replay(
  bus: RunBus,
  principal: Principal,
  runId: string,
  first: Page,
  reader: Reader,
): AsyncGenerator<readonly RunEvent[], undefined> {
  const last = first.events.at(-1)?.seq ?? first.firstSeq - 1;
  if (first.events.length > 0) yield first.events;
  if (first.ended && last >= first.lastSeq) return;
  yield* follow(bus, principal, runId, Math.max(last, 0), false, reader);
}

function follow(bus: RunBus, principal: Principal, runId: string, after: number, fresh: boolean, reader: Reader) {
  const { signal, onLive } = reader;
  const shown = publicRunId(principal.tenantId, runId);
  return bus.follow({
    tenantId: principal.tenantId,
    runId,
    after,
    fresh,
    signal,
    fetch: async (from) => {
      const page = await read(bus, principal, runId, from, signal);
      if (page.firstSeq > from + 1) throw expired(shown); // expired while it was read
      return page;
    },
    ...(onLive === undefined ? {} : { onLive }),
  });
}

function read(bus: RunBus, principal: Principal, runId: string, after: number, signal: AbortSignal): Promise<Page> {
  return bus.request(readRunEvents, { principal, runId, after, limit: MAX_EVENTS_PAGE }, { signal });
}

function expired(runId: string): AppError {
  return new AppError(
    'history_expired',
    `The events of this run are no longer kept; GET /runs/${runId} shows the run.`,
    {
      runId,
    },
  );
}
