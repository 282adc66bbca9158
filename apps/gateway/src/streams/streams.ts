import {
  AppError,
  type InputOf,
  type Principal,
  type PublicError,
  type startRun,
  toPublicError,
} from '@switchyard/contracts';
import type { DialectName, OrchestrateAnswer, WaitingAnswer } from '@switchyard/contracts/http';
import { type Clock, linkAbort, type Logger, MAX_TIMER_MS } from '@switchyard/platform';
import type { FastifyReply } from 'fastify';
import { logEvent } from '../log-events.ts';
import { answerOf } from './blocking.ts';
import {
  agUiDialect,
  createProjection,
  type DialectContext,
  hasCopies,
  legacyDialect,
  orchestrateDialect,
  type StreamPosition,
  type Projection,
  rawDialect,
} from '../dialects/index.ts';
import { attach, type OpenRun, type Reader, type RunBus, startAndFollow } from './follow.ts';
import { concerns, type StreamSlots } from '../http/index.ts';
import { LiveText } from './live-text.ts';
import type { Attachment } from './position.ts';
import type { OpenStream, StreamReporter, WhyClosed } from '../reports/index.ts';
import type { StreamMetrics } from './stream-metrics.ts';
import type { StartGate } from './start-gate.ts';
import type { Watches } from './watches.ts';
import { OVER, RETRY_HINT, SseSocket } from './sse.ts';

/*
 * Connects a run to a client: start or attach, project, write.
 *
 * - A stream ends with exactly one terminal frame. If the run continues without the stream, the client learns how to
 *   come back (a cursor and a pause). An AG-UI client that cannot come back learns that this stream failed.
 * - A client that leaves frees its resources. The run's policy decides about its run (see watches.ts).
 * - If a stream cannot start, the client gets an HTTP error. After the first byte every error is a frame.
 */

const PROJECTIONS: Record<DialectName, (context: DialectContext, place: StreamPosition) => Projection> = {
  orchestrate: (context, place) => createProjection(orchestrateDialect, context, place),
  'ag-ui': (context, place) => createProjection(agUiDialect, context, place),
  legacy: (context, place) => createProjection(legacyDialect, context, place),
  raw: (context, place) => createProjection(rawDialect, context, place),
};

export interface Viewer {
  readonly principal: Principal;
  /** Expiry of the identity, ms since 1970. */
  readonly expiresAt: number | undefined;
  readonly dialect: DialectName;
  readonly context: Omit<DialectContext, 'runId'>;
  /** The stream ends when the run waits for a person; else it stays open until the answer. */
  readonly endsAtPause: boolean;
  /** The client cannot continue by a cursor: a stream that ends before its run says that it failed. */
  readonly cannotResume?: boolean;
  /** False: no text while the model speaks. */
  readonly live?: boolean;
}

export interface StreamsOptions {
  readonly bus: RunBus;
  readonly gate: StartGate;
  readonly slots: StreamSlots;
  readonly watches: Watches;
  readonly streamReporter: StreamReporter;
  readonly heartbeatMs: number;
  readonly maxBufferedBytes: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: StreamMetrics;
}

/** The size of a history chunk, so that a slow reader is detected early. */
const CHUNK_CHARS = 65_536;
const FROM_THE_START: Attachment = { after: 0 };
/** For a client without a cursor that has a part of the run already: no part is sent twice. */
const WHERE_IT_IS: Attachment = { after: 'now', snapshot: true };
const DRAINING: PublicError = {
  code: 'unavailable',
  message: 'This server is stopping; the run goes on. Its events can be read from another server.',
};

export class Streams {
  readonly #options: StreamsOptions;
  /** Ends each open stream or wait when the service stops. */
  readonly #leaving = new Set<() => void>();
  /** How many clients that cannot come back are shown a run here, by tenant and run. */
  readonly #shown = new Map<string, number>();
  #draining = false;

  constructor(options: StreamsOptions) {
    this.#options = options;
  }

  /** Starts the run and streams it. Throws before the first byte; afterwards errors are frames. */
  start(reply: FastifyReply, viewer: Viewer, request: InputOf<typeof startRun>): Promise<void> {
    concerns(reply.request, { threadId: request.run.thread_id });
    return this.#stream(reply, viewer, FROM_THE_START, async (reader) => {
      await this.#options.gate.pass();
      return startAndFollow(this.#options.bus, request, reader);
    });
  }

  /** Streams a run from its beginning or from the client's position; 204 if everything was delivered already. */
  attach(reply: FastifyReply, viewer: Viewer, runId: string, place: Attachment): Promise<void> {
    const cursor = place.after === 'now' ? 0 : place.after;
    return this.#stream(reply, viewer, place, (reader) =>
      attach(this.#options.bus, viewer.principal, runId, cursor, reader),
    );
  }

  /**
   * Starts the run and waits for its end, or until it waits for a person. Throws `deadline_exceeded` if that takes
   * longer; the run continues.
   */
  async answer(
    request: InputOf<typeof startRun>,
    timeoutMs: number,
    gone: AbortSignal,
    notices: readonly string[] = [],
  ): Promise<OrchestrateAnswer | WaitingAnswer> {
    const waiting = linkAbort([gone], timeoutMs);
    const leave = () => waiting.abort(OVER);
    this.#leaving.add(leave);
    let unwatch: (() => void) | undefined;
    try {
      const { signal } = waiting;
      await this.#options.gate.pass();
      const run = await startAndFollow(this.#options.bus, request, { signal, onLive: undefined });
      unwatch = this.#options.watches.hold(request.run.principal, run.runId, request.run);
      const answer = await answerOf(run, notices);
      if (answer !== null) return answer;
      if (waiting.timedOut)
        throw new AppError('deadline_exceeded', `The run takes longer and goes on; see /runs/${run.runId}.`);
      throw new AppError('unavailable', `The run goes on; see /runs/${run.runId}.`);
    } finally {
      unwatch?.();
      waiting.abort(OVER);
      waiting.release();
      this.#leaving.delete(leave);
    }
  }

  /** True while this process shows the run to a client that cannot come back. */
  shows({ tenantId }: Principal, runId: string): boolean {
    return this.#shown.has(`${tenantId}/${runId}`);
  }

  #count(key: string, by: 1 | -1): void {
    const clients = (this.#shown.get(key) ?? 0) + by;
    if (clients > 0) this.#shown.set(key, clients);
    else this.#shown.delete(key);
  }

  /** Ends every open stream and wait, so that clients reconnect elsewhere. */
  drain(): void {
    this.#draining = true;
    for (const leave of [...this.#leaving]) leave();
  }

  async #stream(
    reply: FastifyReply,
    viewer: Viewer,
    attachment: Attachment,
    open: (reader: Reader) => Promise<OpenRun>,
  ): Promise<void> {
    if (this.#draining)
      throw new AppError('unavailable', 'This server is stopping; try again.', { retryAfterMs: 1_000 });
    const { tenantId, userId } = viewer.principal;
    const release = this.#options.slots.take(`${tenantId}/${userId}`);
    const stop = new AbortController();
    const gone = () => stop.abort(OVER);
    reply.raw.once('close', gone);
    const live = showsLiveText(viewer) ? new LiveText() : undefined;
    try {
      const run = await open({ signal: stop.signal, onLive: live?.take });
      reply.header('x-run-id', run.runId);
      const seen = run.again === true && hasCopies(viewer.context.messages ?? [], run.runId);
      const place = placeOf(seen ? WHERE_IT_IS : attachment, run);
      if (run.ended && place.after > 0 && place.after >= run.lastSeq) {
        void reply.code(204).send();
        return;
      }
      reply.hijack();
      const shown = `${tenantId}/${run.runId}`;
      if (viewer.cannotResume === true) this.#count(shown, 1);
      const { principal, dialect } = viewer;
      const { ip } = reply.request;
      const entry = this.#options.streamReporter.open({ principal, dialect, runId: run.runId, after: place.after, ip });
      let why: WhyClosed = 'broken';
      try {
        why = await this.#pump(reply, viewer, run, place, stop, live, entry);
      } finally {
        entry.close(why);
        this.#options.metrics.ended(dialect, why);
        if (viewer.cannotResume === true) this.#count(shown, -1);
      }
    } finally {
      reply.raw.off('close', gone);
      stop.abort(OVER);
      live?.close();
      release();
    }
  }

  async #pump(
    reply: FastifyReply,
    viewer: Viewer,
    run: OpenRun,
    place: StreamPosition,
    stop: AbortController,
    live: LiveText | undefined,
    entry: OpenStream,
  ): Promise<WhyClosed> {
    const { heartbeatMs, maxBufferedBytes, clock, log, watches, metrics } = this.#options;
    const projection = PROJECTIONS[viewer.dialect]({ ...viewer.context, runId: run.runId }, place);
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
    this.#leaving.add(leave);
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
          entry.gave(event.seq);
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
      this.#leaving.delete(leave);
      socket.end();
    }
    return 'broken';
  }
}

function showsLiveText({ dialect, context, live }: Viewer): boolean {
  return live !== false && (dialect === 'ag-ui' || (dialect === 'orchestrate' && context.view === 'all'));
}

function placeOf({ after, from, snapshot }: Attachment, run: OpenRun): StreamPosition {
  const more = { ...(from === undefined ? {} : { from }), ...(snapshot === undefined ? {} : { snapshot }) };
  // The end of a run is always shown, even to a client that knows the rest from a snapshot.
  return { after: after === 'now' ? run.lastSeq - (run.ended ? 1 : 0) : after, ...more };
}

function expire(leave: () => void, inMs: number): NodeJS.Timeout {
  return setTimeout(leave, Math.min(Math.max(inMs, 0), MAX_TIMER_MS));
}
