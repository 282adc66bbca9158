import type { LiveDelta, PublicError, RunEvent } from '@switchyard/contracts';
import type { Frame } from './frame.ts';

/** What a dialect may know beside the events. */
export interface DialectContext {
  readonly runId: string;
  /** As the client calls it; empty where only the journal knows. */
  readonly threadId: string;
  /** `all` adds the events that are not in the documented table. */
  readonly view: 'default' | 'all';
  /** AG-UI: which protocol the peer speaks. */
  readonly profile: '1.0' | 'legacy';
  /** AG-UI: the run id that the peer chose, where the run has another: an answer to its questions, or no id of ours. */
  readonly peerRunId?: string;
  /** AG-UI: the messages of the input, for snapshots that carry the client's own ids. */
  readonly messages?: readonly AgUiMessage[];
  /** AG-UI: questions whose answers were accepted; until the run has taken them it goes on and does not wait. */
  readonly answered?: readonly string[];
  /** What of the request was not used, in sentences. */
  readonly notices?: readonly string[];
}

export interface AgUiMessage {
  readonly id: string;
  readonly role: string;
  readonly [field: string]: unknown;
}

/** A text message as conversations know it: its own id is unique in its run, and a thread has many runs. */
export function messageIdInThread(runId: string, messageId: string): string {
  return `${runId}-${messageId}`;
}

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
  /** Live text; only where the format can show it. What it shows, `project` never shows again. */
  speak?(state: S, delta: LiveDelta): Projected<S>;
  /**
   * What a client that starts empty needs first; `state` is the fold up to there. `goesOn`: what follows belongs to
   * what the prelude begins, also where the run had paused.
   */
  prelude?(state: S, goesOn: boolean): Projected<S>;
  /** True where the run can do nothing until a person decides. */
  pauses?(state: S): boolean;
  /** The terminal frames of a stream that cannot be continued although the run goes on. */
  interrupted(state: S, problem: PublicError): Frame[];
  /** A visible keep-alive; absent: a comment is sent. `nowMs` since 1970. */
  keepAlive?(nowMs: number): Frame;
}
