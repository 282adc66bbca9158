import type { XmppStatus } from '@switchyard/contracts';
import type { BridgeConfig } from '../config.ts';
import { checkOf, type LoginFailure, type LoginStep } from '../login/index.ts';

/*
 * How the AZTM login stands, and when it is tried again. Pure. The login passes the states of the contract in their
 * order:
 *
 *   offline > connecting > securing > authenticating > binding > online | failed
 *
 * - After a failure that time may mend, the bridge tries the login again with growing, jittered pauses, for ever.
 * - After a failure that only another configuration can mend, the bridge does not try again before the configuration
 *   changes: a wrong password never becomes a locked account.
 * - The pauses start anew once a login has stood for a while. A login that is thrown out at once goes on backing off.
 */

type State = XmppStatus['state'];

export interface BridgeState {
  readonly state: State;
  /** The state and what to do about it, in one sentence. */
  readonly sentence: string;
  /** Attempts since a login last stood for STOOD_MS. */
  readonly tries: number;
  readonly failure: LoginFailure | null;
  /** The full JID, while online. */
  readonly boundJid: string | null;
  readonly onlineSince: number | null;
}

export type BridgeEvent =
  | { readonly type: 'trying' }
  | { readonly type: 'reached'; readonly step: LoginStep }
  | { readonly type: 'online'; readonly jid: string; readonly how: string; readonly now: number }
  | { readonly type: 'failed'; readonly failure: LoginFailure }
  | { readonly type: 'closed'; readonly why: string; readonly now: number }
  | { readonly type: 'stopped' };

/** How long a login must stand before its end counts as a new failure. */
const STOOD_MS = 30_000;
const PAUSE_BASE_MS = 500;
const PAUSE_MAX_MS = 60_000;

const STATE_OF: Readonly<Record<LoginStep, State>> = {
  'looking up the server': 'connecting',
  connecting: 'connecting',
  'opening the stream': 'connecting',
  'asking for STARTTLS': 'securing',
  'the TLS handshake': 'securing',
  'opening the secured stream': 'securing',
  'choosing a SASL mechanism': 'authenticating',
  authenticating: 'authenticating',
  'opening the authenticated stream': 'authenticating',
  'binding a resource': 'binding',
};

/** The state before the first attempt. */
export function initialState(config: BridgeConfig): BridgeState {
  const start = { tries: 0, failure: null, boundJid: null, onlineSince: null };
  if (!config.login) {
    const sentence =
      'The AZTM login is disabled; set AZTM_USERID (or AZTM_JID) and AZTM_PASSWORD (or AZTM_PASSWORD_FILE) to enable it.';
    return { ...start, state: 'disabled', sentence };
  }
  return {
    ...start,
    state: 'offline',
    sentence: `The AZTM login for ${shown(config.login.jid)} has not been tried yet.`,
  };
}

export function evolveBridge(state: BridgeState, event: BridgeEvent): BridgeState {
  if (state.state === 'disabled') return state;
  switch (event.type) {
    case 'trying':
      return { ...state, state: 'connecting', sentence: underWay(state), tries: state.tries + 1 };
    case 'reached':
      return { ...state, state: STATE_OF[event.step], sentence: underWay(state, `: ${event.step}`) };
    case 'online':
      return {
        ...state,
        state: 'online',
        sentence: `The AZTM login stands: online as ${shown(event.jid)} (${event.how}).`,
        failure: null,
        boundJid: event.jid,
        onlineSince: event.now,
      };
    case 'failed':
      return { ...state, state: 'failed', sentence: event.failure.sentence, failure: event.failure, boundJid: null };
    case 'closed': {
      const stood = state.onlineSince !== null && event.now - state.onlineSince >= STOOD_MS;
      const tries = stood ? 0 : state.tries;
      const sentence = `The AZTM login was lost: ${event.why.slice(0, 300)}; it is tried again.`;
      return { ...state, state: 'offline', sentence, tries, boundJid: null, onlineSince: null };
    }
    case 'stopped':
      return {
        ...state,
        state: 'offline',
        sentence: 'The AZTM login was ended here.',
        boundJid: null,
        onlineSince: null,
      };
  }
}

/**
 * The failure of the last attempt is shown until one succeeds, so that a status between two attempts still explains it.
 */
function underWay({ failure }: BridgeState, step = ''): string {
  if (failure === null) return `The AZTM login is under way${step}.`;
  return `${failure.sentence.slice(0, 400)} It is tried again now${step}.`;
}

/** True until the first attempt, or the first after a login that stood, has ended. */
export function isUndecided({ state, failure }: BridgeState): boolean {
  return failure === null && state !== 'online' && state !== 'failed' && state !== 'disabled';
}

/** The pause before the next attempt in ms; null: none before the configuration changes. `random` in [0, 1). */
export function pauseMs(state: BridgeState, random: number): number | null {
  if (state.state === 'disabled' || state.failure?.then === 'fatal') return null;
  if (state.state === 'online') return null;
  const most = Math.min(PAUSE_MAX_MS, PAUSE_BASE_MS * 2 ** Math.min(20, state.tries));
  return Math.round(PAUSE_BASE_MS * Math.min(1, state.tries) + random * most); // full jitter over a floor
}

/** The leadership among the replicas of one account, as one of them sees it. */
export type LeadershipView =
  | { readonly role: 'settling' }
  | { readonly role: 'standby' }
  | { readonly role: 'serving'; readonly state: BridgeState };

/** The state of the replica as a whole: its own login and its leadership. `leader` null: peers cannot call us. */
export function withLeadership(own: BridgeState, leader: LeadershipView | null): BridgeState {
  if (own.state !== 'online' || leader === null) return own;
  if (leader.role === 'standby') return { ...own, sentence: `${own.sentence} Another replica takes what peers ask.` };
  if (leader.role === 'settling') {
    const sentence = `${own.sentence} Which replica takes what peers ask is being settled over NATS.`;
    return { ...own, state: 'binding', sentence };
  }
  if (leader.state.state !== 'online') return leader.state;
  return { ...own, sentence: `${own.sentence} This replica takes what peers ask.` };
}

/** A JID may have 3,071 characters, a sentence 500. */
function shown(jid: string): string {
  return jid.length <= 200 ? jid : `${jid.slice(0, 200)}…`;
}

/** The public status of the bridge. Never a password. */
export function toStatus(config: BridgeConfig, own: BridgeState, leader: LeadershipView | null = null): XmppStatus {
  const { state, sentence, failure } = withLeadership(own, leader);
  return {
    state,
    sentence: sentence.slice(0, 500),
    ...(failure ? { failure: told(failure) } : {}),
    ...(config.login ? { jid: config.login.jid } : {}),
    required: config.required,
    serverMode: config.serverMode,
    ...(leader ? { serving: leader.role === 'serving' && state === 'online' } : {}),
    mappedHosts: [...config.serviceMap.keys()].sort(),
  };
}

function told(failure: LoginFailure): NonNullable<XmppStatus['failure']> {
  const { code, step, then } = failure;
  return { code, step, then, check: checkOf(failure) };
}
