import {
  AppError,
  type DialectName,
  type InputOf,
  type LiveDelta,
  type OrchestrateAnswer,
  type Principal,
  type PublicError,
  type startRun,
  toPublicError,
} from '@switchyard/contracts';
import { type Clock, linkAbort, type Logger } from '@switchyard/platform';
import type { FastifyReply } from 'fastify';
import { agUiDialect } from './dialect-ag-ui.ts';
import { legacyDialect } from './dialect-legacy.ts';
import { orchestrateDialect } from './dialect-orchestrate.ts';
import { rawDialect } from './dialect-raw.ts';
import type { DialectContext } from './dialect.ts';
import {
  attach,
  type AttachedRun,
  type OpenRun,
  type Reader,
  type RunBus,
  type RunFeed,
  startAndFollow,
} from './follow.ts';
import { createProjection, type Projection } from './projection.ts';
import type { StreamSlots } from './slots.ts';
import { traced } from './traced.ts';
import { OVER, RETRY_HINT, SseSocket } from './sse.ts';

/*
 * Joins a run to a client: start or attach, project, write.
 *
 * G1 A stream ends with exactly one terminal frame; where the run goes on without it, the client learns how to
 *    come back (a cursor and a pause) or, in AG-UI, that this stream failed.
 * G2 A client that goes away costs nothing any more, and its run goes on.
 * G3 What cannot start is an HTTP error; after the first byte every error is a frame.
 */

const PROJECTIONS: Record<DialectName, (context: DialectContext, after: number) => Projection> = {
  orchestrate: (context, after) => createProjection(orchestrateDialect, context, after),
  'ag-ui': (context, after) => createProjection(agUiDialect, context, after),
  legacy: (context, after) => createProjection(legacyDialect, context, after),
  raw: (context, after) => createProjection(rawDialect, context, after),
};

export interface Viewer {
  readonly principal: Principal;
  /** End of the identity's validity, ms since 1970. */
  readonly expiresAt: number | undefined;
  readonly dialect: DialectName;
  readonly context: Omit<DialectContext, 'runId'>;
}

export interface StreamsOptions {
  readonly bus: RunBus;
  readonly slots: StreamSlots;
  readonly heartbeatMs: number;
  readonly maxBufferedBytes: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A chunk that history is written in, so that a slow reader is waited for early. */
const CHUNK_CHARS = 65_536;
/** Pieces of live text that wait for the next write; what is over it comes with the finished message. */
const MAX_PENDING_DELTAS = 1_000;
const DRAINING: PublicError = {
  code: 'unavailable',
  message: 'This server is stopping; the run goes on. Its events can be read from another server.',
};

export class Streams {
  readonly #options: StreamsOptions;
  /** How each open stream or wait is brought to its end when the service stops. */
  readonly #leaving = new Set<() => void>();
  #draining = false;

  constructor(options: StreamsOptions) {
    this.#options = options;
  }

  /** Starts the run and streams it. Throws before the first byte; afterwards errors are frames. */
  start(reply: FastifyReply, viewer: Viewer, request: InputOf<typeof startRun>): Promise<void> {
    return this.#stream(reply, viewer, 0, (reader) =>
      traced(reply.request, () => startAndFollow(this.#options.bus, request, reader)),
    );
  }

  /** Streams a run from its beginning or after a cursor; 204 where everything was delivered already. */
  attach(reply: FastifyReply, viewer: Viewer, runId: string, after: number): Promise<void> {
    return this.#stream(reply, viewer, after, (reader) =>
      attach(this.#options.bus, viewer.principal, runId, after, reader),
    );
  }

  /** Starts the run and waits for its end. Throws `deadline_exceeded` where it takes longer; the run goes on. */
  async answer(request: InputOf<typeof startRun>, timeoutMs: number, gone: AbortSignal): Promise<OrchestrateAnswer> {
    const waiting = linkAbort([gone], timeoutMs);
    const leave = () => waiting.abort(OVER);
    this.#leaving.add(leave);
    try {
      const { signal } = waiting;
      const run = await startAndFollow(this.#options.bus, request, { signal, onLive: undefined });
      const answer = await answerOf(run.feed, run.runId);
      if (answer !== null) return answer;
      if (waiting.timedOut)
        throw new AppError('deadline_exceeded', `The run takes longer and goes on; see /runs/${run.runId}.`);
      throw new AppError('unavailable', `The run goes on; see /runs/${run.runId}.`);
    } finally {
      waiting.release();
      this.#leaving.delete(leave);
    }
  }

  /** Ends every open stream and wait, so that clients go on elsewhere. */
  drain(): void {
    this.#draining = true;
    for (const leave of [...this.#leaving]) leave();
  }

  async #stream(
    reply: FastifyReply,
    viewer: Viewer,
    after: number,
    open: (reader: Reader) => Promise<OpenRun | AttachedRun>,
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
      if ('ended' in run && run.ended && after > 0 && after >= run.lastSeq) {
        void reply.code(204).send();
        return;
      }
      reply.hijack();
      await this.#pump(reply, viewer, run, after, stop, live);
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
    after: number,
    stop: AbortController,
    live: LiveText | undefined,
  ): Promise<void> {
    const { heartbeatMs, maxBufferedBytes, clock, log } = this.#options;
    const projection = PROJECTIONS[viewer.dialect]({ ...viewer.context, runId: run.runId }, after);
    const socket = new SseSocket(reply.raw, reply.getHeaders(), {
      heartbeatMs,
      maxBufferedBytes,
      keepAlive: () => projection.keepAlive(clock.now()),
    });
    const leave = () => {
      // An AG-UI client takes a clean end for success and cannot come back; the others resume by their cursor.
      socket.end(viewer.dialect === 'ag-ui' ? projection.interrupt(DRAINING) : RETRY_HINT);
      stop.abort(OVER);
    };
    this.#leaving.add(leave);
    const expiry = viewer.expiresAt === undefined ? undefined : expire(leave, viewer.expiresAt - clock.now());
    live?.open((pieces) => {
      // A client that is behind gets the text with the finished message.
      if (socket.behind) return;
      let text = '';
      for (const piece of pieces) text += projection.delta(piece);
      void socket.write(text);
    });
    try {
      for await (const batch of run.feed) {
        live?.flush();
        let text = '';
        for (const event of batch) {
          text += projection.event(event);
          if (text.length < CHUNK_CHARS || projection.ended) continue;
          await socket.write(text);
          text = '';
        }
        if (projection.ended) return socket.end(text);
        await socket.write(text);
        if (socket.closed) return;
      }
      if (socket.closed) return;
      socket.end(projection.interrupt({ code: 'unavailable', message: 'The stream broke off; the run goes on.' }));
    } catch (error) {
      if (socket.closed) return;
      log.error({ err: error, runId: run.runId }, 'a stream broke');
      socket.end(projection.interrupt(toPublicError(error)));
    } finally {
      clearTimeout(expiry);
      this.#leaving.delete(leave);
      socket.end();
    }
  }
}

/** Gathers what is spoken within one turn of the event loop, so that it leaves in one write. */
class LiveText {
  #pending: LiveDelta[] = [];
  #scheduled: NodeJS.Immediate | undefined;
  #show: ((pieces: readonly LiveDelta[]) => void) | undefined;

  readonly take = (delta: LiveDelta): void => {
    if (this.#pending.length >= MAX_PENDING_DELTAS) return;
    this.#pending.push(delta);
    if (this.#show !== undefined) this.#scheduled ??= setImmediate(this.flush);
  };

  readonly flush = (): void => {
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    if (this.#show === undefined || this.#pending.length === 0) return;
    this.#show(this.#pending.splice(0));
  };

  open(show: (pieces: readonly LiveDelta[]) => void): void {
    this.#show = show;
  }

  close(): void {
    this.#show = undefined;
    clearImmediate(this.#scheduled);
  }
}

function showsLiveText({ dialect, context }: Viewer): boolean {
  return dialect === 'ag-ui' || (dialect === 'orchestrate' && context.view === 'all');
}

const MAX_TIMER_MS = 2_147_483_647;

function expire(leave: () => void, inMs: number): NodeJS.Timeout {
  return setTimeout(leave, Math.min(Math.max(inMs, 0), MAX_TIMER_MS));
}

/** The answer of a run, folded from its events; null where the feed stopped before the end. */
async function answerOf(feed: RunFeed, runId: string): Promise<OrchestrateAnswer | null> {
  let state = orchestrateDialect.initial({ runId, threadId: '', view: 'default', profile: '1.0' });
  for await (const batch of feed) {
    for (const event of batch) state = orchestrateDialect.project(state, event).state;
    if (state.answer !== null) return state.answer;
  }
  return null;
}
