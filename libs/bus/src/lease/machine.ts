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
  /** True if the lease was released: no replica has to wait. */
  readonly released: boolean;
  /** The revision of the write. */
  readonly revision: number;
}

export interface LeaseState {
  readonly held: { readonly token: number; readonly revision: number; readonly untilMs: number } | null;
  /** The last write that was seen, and when it was first seen. */
  readonly seen: { readonly revision: number; readonly sinceMs: number } | null;
  /** The lease is not requested before this time. */
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

/** Takes the store's entry. `expect`: the revision over which this replica may write now (0: no entry). */
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

/** The store took our write, which began at `beganMs`. An outdated answer changes nothing. */
export function wrote(state: LeaseState, revision: number, beganMs: number, { ttlMs, now }: LeaseView): LeaseState {
  if (beganMs < state.notBeforeMs || revision <= (state.held?.revision ?? 0)) return state;
  const token = isHeld(state, now) ? state.held!.token : revision; // a new term has a larger token
  const held = { token, revision, untilMs: beganMs + ttlMs * HOLD_SHARE };
  return { ...state, held, seen: { revision, sinceMs: now } };
}

/** The lease is no longer held: its time is over, or another replica has it. */
export function lost(state: LeaseState): LeaseState {
  return { ...state, held: null };
}

/** Released, and not requested before `notBeforeMs`: others come first. */
export function stoodBack(state: LeaseState, notBeforeMs: number): LeaseState {
  return { ...state, held: null, notBeforeMs };
}
