import { type PublicError, toPublicError } from '@switchyard/contracts';
import { type Clock, type Logger, MAX_TIMER_MS } from '@switchyard/platform';
import type { FastifyReply } from 'fastify';
import type { StreamPosition } from '../dialects/index.ts';
import { logEvent } from '../log-events.ts';
import type { OpenStream, WhyClosed } from '../reports/index.ts';
import type { OpenRun } from './follow.ts';
import type { LiveText } from './live-text.ts';
import { OVER, RETRY_HINT, SseSocket } from './sse.ts';
import type { StreamMetrics } from './stream-metrics.ts';
import { projectionFor, type Viewer } from './viewer.ts';
import type { Watches } from './watches.ts';

/*
 * Writes the events of one run to one client, until the run ends, the client leaves or the service stops.
 *
 * - The client gets exactly one terminal frame. If the run continues without the stream, the client learns how to come
 *   back (a cursor and a pause). An AG-UI client that cannot come back learns that this stream failed.
 * - An error after the first byte is a frame.
 * - The watch of the client on the run ends with the stream (see watches.ts).
 */

export interface ShowOptions {
  readonly watches: Watches;
  readonly heartbeatMs: number;
  readonly maxBufferedBytes: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: StreamMetrics;
}

interface Shown {
  /** Hijacked: its socket is this function's from now on. */
  readonly reply: FastifyReply;
  readonly viewer: Viewer;
  readonly run: OpenRun;
  readonly place: StreamPosition;
  readonly live: LiveText | undefined;
  /** The report about this stream. */
  readonly report: OpenStream;
  /** Ends the feed of the run; aborted here when the stream ends first. */
  readonly stop: AbortController;
  /** The ends of all open streams: each function in it ends one, because the service stops. */
  readonly leaving: Set<() => void>;
}

/** The size of a history chunk, so that a slow reader is detected early. */
const CHUNK_CHARS = 65_536;
const DRAINING: PublicError = {
  code: 'unavailable',
  message: 'This server is stopping; the run goes on. Its events can be read from another server.',
};

/** Resolves with the reason why the stream closed. */
export async function showRun(shown: Shown, options: ShowOptions): Promise<WhyClosed> {
  const { reply, viewer, run, place, live, report, stop, leaving } = shown;
  const { heartbeatMs, maxBufferedBytes, clock, log, watches, metrics } = options;
  const projection = projectionFor(viewer, run.runId, place);
  const socket = new SseSocket(reply.raw, reply.getHeaders(), {
    heartbeatMs,
    maxBufferedBytes,
    keepAlive: () => projection.keepAlive(clock.now()),
  });
  // Why this end closes the stream, before its client or its run does.
  let left: WhyClosed | undefined;
  const gone = (): WhyClosed => left ?? (socket.tooSlow ? 'slow' : 'client');
  const end = (why: WhyClosed) => {
    if (!socket.closed) left = why;
    // Some clients take a clean end for success and cannot come back; the others resume by their cursor.
    socket.end(viewer.cannotResume === true ? projection.interrupt(DRAINING) : RETRY_HINT);
    stop.abort(OVER);
  };
  const leave = () => end('stopping');
  leaving.add(leave);
  const expiry =
    viewer.expiresAt === undefined ? undefined : expire(() => end('expired'), viewer.expiresAt - clock.now());
  live?.open((pieces) => {
    // A client that is behind gets the text with the finished message.
    if (socket.behind) return;
    let text = '';
    for (const piece of pieces) text += projection.delta(piece);
    void socket.write(text);
  });
  let unwatch: (() => void) | undefined;
  try {
    for await (const batch of run.feed) {
      live?.flush();
      let text = '';
      for (const event of batch) {
        if (event.type === 'orchestrator.run.accepted')
          unwatch ??= watches.hold(viewer.principal, run.runId, event.data.run);
        text += projection.event(event);
        report.gave(event.seq);
        if (text.length < CHUNK_CHARS || projection.ended) continue;
        await socket.write(text);
        text = '';
      }
      // A pause within the replayed history is over.
      const pauses = viewer.endsAtPause && projection.pauses && projection.shownSeq >= run.lastSeq;
      const last = batch.at(-1);
      if (last !== undefined && last.seq > run.lastSeq) metrics.sent(last);
      if (projection.ended || pauses) {
        if (socket.closed) break;
        socket.end(text);
        return projection.ended ? 'ended' : 'paused';
      }
      await socket.write(text);
      if (socket.closed) break;
    }
    if (socket.closed) return gone();
    socket.end(projection.interrupt({ code: 'unavailable', message: 'The stream broke off; the run goes on.' }));
  } catch (error) {
    if (socket.closed) return gone();
    logEvent(log, 'stream_failed', { err: error, runId: run.runId });
    socket.end(projection.interrupt(toPublicError(error)));
  } finally {
    unwatch?.();
    clearTimeout(expiry);
    leaving.delete(leave);
    socket.end();
  }
  return 'broken';
}

function expire(leave: () => void, inMs: number): NodeJS.Timeout {
  return setTimeout(leave, Math.min(Math.max(inMs, 0), MAX_TIMER_MS));
}
