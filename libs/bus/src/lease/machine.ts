/*
 * Who holds a lease, as one replica sees it. Pure; the times are those of the replica's own monotonic clock.
 *
 * A lease is one entry in a store that counts its writes and takes one only where the writer knows the last count.
 *
 * X1 Two replicas never hold it at one moment, whatever their clocks say, whatever is lost or late: who watches waits
 *    for ttlMs without a new write before it takes it, and who holds it counts its time from before its write was
 *    sent, and shorter. Only the clocks' pace must agree, within HOLD_SHARE.
 * X2 The token grows with every holder, so that whatever is done under an old one can be told.
 * X3 A write whose answer was lost is found again: an entry of ours is ours.
 */

export interface LeaseEntry {
  readonly holder: string;
  /** It was given back: nobody has to wait. */
  readonly released: boolean;
  /** The count of the write. */
  readonly revision: number;
}

export interface LeaseState {
  readonly held: { readonly token: number; readonly revision: number; readonly untilMs: number } | null;
  /** The write that was seen last, and when it was seen first. */
  readonly seen: { readonly revision: number; readonly sinceMs: number } | null;
  /** Before this it is not asked for. */
  readonly notBeforeMs: number;
}

export const LEASE_START: LeaseState = { held: null, seen: null, notBeforeMs: -Infinity };

/** The part of ttlMs that a holder counts on. */
const HOLD_SHARE = 0.75;

export interface LeaseView {
  readonly me: string;
  readonly ttlMs: number;
  readonly now: number;
}

export function isHeld(state: LeaseState, now: number): boolean {
  return state.held !== null && now < state.held.untilMs;
}

/** What the store says. `expect`: it may be written now, over this revision (0: over nothing). */
export function observed(
  state: LeaseState,
  entry: LeaseEntry | undefined,
  { me, ttlMs, now }: LeaseView,
): { state: LeaseState; expect: number | null } {
  const rests = now < state.notBeforeMs;
  if (entry === undefined) return { state: { ...state, held: null, seen: null }, expect: rests ? null : 0 };
  const ours = entry.holder === me && !entry.released;
  const known = state.seen?.revision === entry.revision ? state.seen : null;
  const seen = known ?? { revision: entry.revision, sinceMs: now };
  const free = ours || entry.released || now - seen.sinceMs >= ttlMs; // X1, X3
  return { state: { ...state, seen, held: ours ? state.held : null }, expect: free && !rests ? entry.revision : null };
}

/** The store took our write, which was begun at `beganMs`. An answer that was overtaken changes nothing. */
export function wrote(state: LeaseState, revision: number, beganMs: number, { ttlMs, now }: LeaseView): LeaseState {
  if (beganMs < state.notBeforeMs || revision <= (state.held?.revision ?? 0)) return state;
  const token = isHeld(state, now) ? state.held!.token : revision; // X2
  const held = { token, revision, untilMs: beganMs + ttlMs * HOLD_SHARE };
  return { ...state, held, seen: { revision, sinceMs: now } };
}

/** Not held any more: its time is over, or somebody else has it. */
export function lost(state: LeaseState): LeaseState {
  return { ...state, held: null };
}

/** Given up, and not asked for before `notBeforeMs`: others come first. */
export function stoodBack(state: LeaseState, notBeforeMs: number): LeaseState {
  return { ...state, held: null, notBeforeMs };
}
