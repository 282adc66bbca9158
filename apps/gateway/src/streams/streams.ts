import { AppError, type InputOf, type Principal, type RunSpec, type startRun } from '@switchyard/contracts';
import type { OrchestrateAnswer, WaitingAnswer } from '@switchyard/contracts/http';
import { linkAbort } from '@switchyard/platform';
import type { FastifyReply } from 'fastify';
import { answerOf } from './blocking.ts';
import { hasCopies, type StreamPosition } from '../dialects/index.ts';
import { attach, type OpenRun, type Reader, type RunBus, startAndFollow } from './follow.ts';
import { concerns, type StreamSlots } from '../http/index.ts';
import { LiveText } from './live-text.ts';
import type { Attachment } from './position.ts';
import type { StreamReporter, WhyClosed } from '../reports/index.ts';
import { type ShowOptions, showRun } from './show-run.ts';
import { OVER } from './sse.ts';
import type { StartGate } from './start-gate.ts';
import { showsLiveText, type Viewer } from './viewer.ts';

/*
 * Connects runs to clients: starts a run or attaches to one, and streams it (show-run.ts) or waits for its answer.
 *
 * - If a stream cannot start, the client gets an HTTP error. After the first byte every error is a frame.
 * - A client that leaves frees its resources. The run's policy decides about its run (see watches.ts).
 * - When the service stops, every open stream and wait ends at once, so that its client goes on elsewhere.
 */

export interface StreamsOptions extends ShowOptions {
  readonly bus: RunBus;
  readonly gate: StartGate;
  readonly slots: StreamSlots;
  readonly streamReporter: StreamReporter;
}

const FROM_THE_START: Attachment = { after: 0 };
/** For a client without a cursor that has a part of the run already: no part is sent twice. */
const WHERE_IT_IS: Attachment = { after: 'now', snapshot: true };

/** Says that somebody waits for the run, until the reading ends. */
type HoldWatch = (principal: Principal, run: RunSpec) => void;

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
      return this.open(request, reader);
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
    const read = (run: OpenRun, hold: HoldWatch) => {
      hold(request.run.principal, request.run);
      return answerOf(run, notices);
    };
    const { runId, result, timedOut } = await this.read((reader) => this.open(request, reader), read, timeoutMs, gone);
    if (result !== null) return result;
    if (timedOut) throw new AppError('deadline_exceeded', `The run takes longer and goes on; see /runs/${runId}.`);
    throw new AppError('unavailable', `The run goes on; see /runs/${runId}.`);
  }

  /** Starts a run, or attaches to the earlier one with the same idempotency key. */
  async open(request: InputOf<typeof startRun>, reader: Reader): Promise<OpenRun> {
    await this.#options.gate.pass();
    return startAndFollow(this.#options.bus, request, reader);
  }

  /**
   * Reads a run until `read` has what it wants. The feed ends earlier if the time is over, the caller is gone or the
   * service stops; the run continues. `read` holds the watch on a run that is not to go on without clients.
   */
  async read<T>(
    open: (reader: Reader) => Promise<OpenRun>,
    read: (run: OpenRun, hold: HoldWatch) => Promise<T>,
    timeoutMs: number,
    gone: AbortSignal,
  ): Promise<{ readonly runId: string; readonly result: T; readonly timedOut: boolean }> {
    const waiting = linkAbort([gone], timeoutMs);
    const leave = () => waiting.abort(OVER);
    this.#leaving.add(leave);
    let unwatch: (() => void) | undefined;
    try {
      const run = await open({ signal: waiting.signal, onLive: undefined });
      const result = await read(run, (principal, spec) => {
        unwatch ??= this.#options.watches.hold(principal, run.runId, spec);
      });
      return { runId: run.runId, result, timedOut: waiting.timedOut };
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
    const live = showsLiveText(viewer) ? new LiveText(viewer.collectMs) : undefined;
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
      const report = this.#options.streamReporter.open({
        principal,
        dialect,
        runId: run.runId,
        after: place.after,
        ip,
      });
      let why: WhyClosed = 'broken';
      try {
        why = await showRun({ reply, viewer, run, place, live, report, stop, leaving: this.#leaving }, this.#options);
      } finally {
        report.close(why);
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
}

function placeOf({ after, from, snapshot }: Attachment, run: OpenRun): StreamPosition {
  const more = { ...(from === undefined ? {} : { from }), ...(snapshot === undefined ? {} : { snapshot }) };
  // The end of a run is always shown, even to a client that knows the rest from a snapshot.
  return { after: after === 'now' ? run.lastSeq - (run.ended ? 1 : 0) : after, ...more };
}
