import type { LiveDelta, PublicError, RunEvent } from '@switchyard/contracts';
import type { Frame } from './frame.ts';

/** The context of a dialect beside the events. */
export interface DialectContext {
  readonly runId: string;
  /** The client's name of the thread; empty if only the journal knows it. */
  readonly threadId: string;
  /** `all` adds the events that are not in the documented table. */
  readonly view: 'default' | 'all';
  /** AG-UI: the protocol version of the peer. */
  readonly profile: '1.0' | 'legacy';
  /**
   * AG-UI: the run id that the peer chose, if the run has another: an answer to its questions, or an id that is not
   * ours.
   */
  readonly peerRunId?: string;
  /** AG-UI: the messages of the input, for snapshots that carry the client's own ids. */
  readonly messages?: readonly AgUiMessage[];
  /** AG-UI: questions with accepted answers; until the run has taken them, it does not count as waiting. */
  readonly answered?: readonly string[];
  /** A2A over JSON-RPC: the id of the request that every frame answers. */
  readonly rpcId?: string | number | null;
  /** The unused parts of the request, in sentences. */
  readonly notices?: readonly string[];
}

export interface AgUiMessage {
  readonly id: string;
  readonly role: string;
  readonly [field: string]: unknown;
}

/** The id of a text message within its thread: its own id is unique only in its run. */
export function messageIdInThread(runId: string, messageId: string): string {
  return `${runId}-${messageId}`;
}

/** Live text; `count`: of how many pieces it was joined. */
export type SpokenText = LiveDelta & { readonly count?: number };

export interface Projected<S> {
  readonly state: S;
  readonly frames: Frame[];
}

/**
 * One wire format as a pure fold over the journal of a run, in order and without holes.
 *
 * - The same events give the same frames, whatever their grouping and whether they are history or live.
 * - The terminal event gives exactly one terminal frame, and that frame is the last.
 */
export interface Dialect<S> {
  initial(context: DialectContext): S;
  project(state: S, event: RunEvent): Projected<S>;
  /** Live text, if the format can show it. What it shows, `project` never shows again. */
  speak?(state: S, delta: SpokenText): Projected<S>;
  /**
   * The first frames for a client that starts empty; `state` is the fold up to there. `goesOn`: the following frames
   * continue what the prelude begins, even if the run had paused.
   */
  prelude?(state: S, goesOn: boolean): Projected<S>;
  /** True if the run can only wait for a person. */
  pauses?(state: S): boolean;
  /** The terminal frames of a stream that cannot be continued although the run goes on. */
  interrupted(state: S, problem: PublicError): Frame[];
  /** A visible keep-alive; absent: a comment is sent. `nowMs` since 1970. */
  keepAlive?(nowMs: number): Frame;
}
