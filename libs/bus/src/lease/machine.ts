/*
 * Who holds a lease, as one replica sees it. Pure; the times are those of the replica's own monotonic clock.
 *
 * A lease is one entry in a store that counts its writes and takes one only where the writer knows the last count.
 *
 * - Two replicas never hold the lease at the same moment, whatever their clocks say and whatever is lost or late. A
 *   replica that watches waits for ttlMs without a new write before it takes the lease. The holder counts its time from
 *   before it sent its write, and only the share HOLD_SHARE of ttlMs. Only the pace of the clocks must agree, within
 *   HOLD_SHARE.
 * - The token grows with every holder, so that work done under an old token can be told apart.
 * - A replica whose write was stored but whose answer was lost finds the write again: an entry with its own name is its
 *   own.
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
  const free = ours || entry.released || now - seen.sinceMs >= ttlMs; // another holder's: given back, or silent for ttlMs
  return { state: { ...state, seen, held: ours ? state.held : null }, expect: free && !rests ? entry.revision : null };
}

/** The store took our write, which was begun at `beganMs`. An answer that was overtaken changes nothing. */
export function wrote(state: LeaseState, revision: number, beganMs: number, { ttlMs, now }: LeaseView): LeaseState {
  if (beganMs < state.notBeforeMs || revision <= (state.held?.revision ?? 0)) return state;
  const token = isHeld(state, now) ? state.held!.token : revision; // a new term has a larger token
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
