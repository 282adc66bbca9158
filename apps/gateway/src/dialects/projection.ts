import { formatCursor, type PublicError, type RunEvent, TERMINAL_TYPE } from '@switchyard/contracts';
import type { Dialect, DialectContext, SpokenText } from './dialect.ts';
import { encodeFrame, encodeFrames, group, HEARTBEAT } from './frame.ts';

/*
 * One stream of one run in one dialect: keeps the fold's state and decides which frames a client still needs.
 *
 * - Each event is projected once. A known event gives no frames.
 * - Events before the client's position are folded without showing their frames.
 * - No frame follows the terminal frame.
 * - The frames of an event depend only on the events before it, not on the client's position. So two streams that are
 *   joined at a cursor have the bytes of one stream. Live text is the exception: it comes between events and has no
 *   cursor, and the event of a message does not repeat the text that was shown live.
 */
export interface Projection {
  /** Text for the socket; '' if the event gives this client no frames. */
  event(event: RunEvent): string;
  delta(delta: SpokenText): string;
  /** The terminal text of a stream that cannot continue; '' if it has ended already. */
  interrupt(problem: PublicError): string;
  keepAlive(nowMs: number): string;
  readonly ended: boolean;
  /** The last folded sequence number, if the client was shown its frames; else 0. */
  readonly shownSeq: number;
  /** The run waits for a person. */
  readonly pauses: boolean;
}

/** The position at which a client begins. */
export interface StreamPosition {
  /** The last sequence number that the client has seen; 0 for a new client. */
  readonly after: number;
  /** Alternatively: every event before the first one that matches counts as seen. */
  readonly from?: (event: RunEvent) => boolean;
  /** The client kept nothing of what it has seen: it first gets a snapshot of the run. */
  readonly snapshot?: boolean;
}

export function createProjection<S>(dialect: Dialect<S>, context: DialectContext, place: StreamPosition): Projection {
  const { after, from, snapshot = false } = place;
  let state = dialect.initial(context);
  let seq = 0;
  let ended = false;
  let opened = after === 0 && from === undefined;

  const open = (): string => {
    if (opened) return '';
    opened = true;
    if (!snapshot || dialect.prelude === undefined) return '';
    const prelude = dialect.prelude(state, from !== undefined);
    state = prelude.state;
    return encodeFrames(seq === 0 ? prelude.frames : group(prelude.frames, formatCursor(context.runId, seq)));
  };
  const isNext = (event: RunEvent): boolean =>
    from === undefined ? event.seq > after : event.type === TERMINAL_TYPE || from(event);

  return {
    event(event) {
      if (ended || event.seq <= seq) return '';
      let text = !opened && isNext(event) ? open() : '';
      seq = event.seq;
      const projected = dialect.project(state, event);
      state = projected.state;
      if (opened) text += encodeFrames(projected.frames);
      // A client at the cursor that waits for the next event first gets the current state.
      else if (from === undefined && event.seq === after && event.type !== TERMINAL_TYPE) text = open();
      ended = event.type === TERMINAL_TYPE;
      return text;
    },
    delta(delta) {
      if (ended || dialect.speak === undefined || !opened) return '';
      const projected = dialect.speak(state, delta);
      state = projected.state;
      return encodeFrames(projected.frames);
    },
    interrupt(problem) {
      if (ended) return '';
      const text = open();
      ended = true;
      return text + encodeFrames(dialect.interrupted(state, problem));
    },
    keepAlive: (nowMs) => (dialect.keepAlive === undefined ? HEARTBEAT : encodeFrame(dialect.keepAlive(nowMs))),
    get ended() {
      return ended;
    },
    get shownSeq() {
      return opened ? seq : 0;
    },
    get pauses() {
      return dialect.pauses?.(state) ?? false;
    },
  };
}
