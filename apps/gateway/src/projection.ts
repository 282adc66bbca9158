import type { LiveDelta, PublicError, RunEvent } from '@switchyard/contracts';
import { TERMINAL_TYPE } from '@switchyard/contracts';
import type { Dialect, DialectContext } from './dialect.ts';
import { encodeFrame, encodeFrames, HEARTBEAT } from './frame.ts';

/*
 * One stream of one run in one dialect: keeps the fold's state and decides what a client still has to see.
 *
 * P1 An event is projected once; one that was seen before gives nothing.
 * P2 Frames of events up to the cursor are folded and not shown.
 * P3 After the terminal frame nothing is shown.
 */
export interface Projection {
  /** Text for the socket; '' where the event gives this client nothing. */
  event(event: RunEvent): string;
  delta(delta: LiveDelta): string;
  /** The terminal text of a stream that cannot go on; '' where it has ended already. */
  interrupt(problem: PublicError): string;
  keepAlive(nowMs: number): string;
  readonly ended: boolean;
}

/** `after`: the last sequence number that the client has seen; 0 for a new client. */
export function createProjection<S>(dialect: Dialect<S>, context: DialectContext, after: number): Projection {
  let state = dialect.initial(context);
  let seq = 0;
  let ended = false;
  let introduced = after === 0;

  const introduction = (): string => {
    if (introduced) return '';
    introduced = true;
    return dialect.prelude === undefined ? '' : encodeFrames(dialect.prelude(state));
  };

  return {
    event(event) {
      if (ended || event.seq <= seq) return '';
      seq = event.seq;
      const shown = event.seq > after;
      let text = shown ? introduction() : '';
      const projected = dialect.project(state, event);
      state = projected.state;
      if (shown) text += encodeFrames(projected.frames);
      // A client at the cursor that waits for the next event is told at once where it stands.
      else if (event.seq === after && event.type !== TERMINAL_TYPE) text = introduction();
      ended = event.type === TERMINAL_TYPE;
      return text;
    },
    delta(delta) {
      if (ended || dialect.speak === undefined || !introduced) return '';
      const projected = dialect.speak(state, delta);
      state = projected.state;
      return encodeFrames(projected.frames);
    },
    interrupt(problem) {
      if (ended) return '';
      ended = true;
      return introduction() + encodeFrames(dialect.interrupted(state, problem));
    },
    keepAlive: (nowMs) => (dialect.keepAlive === undefined ? HEARTBEAT : encodeFrame(dialect.keepAlive(nowMs))),
    get ended() {
      return ended;
    },
  };
}
