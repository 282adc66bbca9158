import type { XmppStatus } from '@switchyard/contracts';
import type { BridgeConfig } from './config.ts';

/*
 * How the AZTM login stands. Pure. The login moves through the states of the contract in their order:
 *
 *   offline > connecting > securing > authenticating > binding > online | failed
 *
 * `disabled` is the state without an account. Transitions come with the connection that causes them: each will
 * be one case of a function from state and what happened to the next state and what to do.
 */

export interface BridgeState {
  readonly state: XmppStatus['state'];
  /** What is so, and what to do about it, in one sentence. */
  readonly sentence: string;
}

/** The state before anything was tried. */
export function initialState(config: BridgeConfig): BridgeState {
  if (!config.login) {
    return { state: 'disabled', sentence: 'The AZTM login is disabled; set AZTM_JID and AZTM_PASSWORD to enable it.' };
  }
  return {
    state: 'offline',
    sentence: `The AZTM login for ${shown(config.login.jid)} is configured, but this version does not connect yet.`,
  };
}

/** A JID may have 2,047 characters, a sentence 500. */
function shown(jid: string): string {
  return jid.length <= 200 ? jid : `${jid.slice(0, 200)}…`;
}

/** What the bridge tells of itself. Never a password. */
export function toStatus(config: BridgeConfig, { state, sentence }: BridgeState): XmppStatus {
  return {
    state,
    sentence,
    ...(config.login ? { jid: config.login.jid } : {}),
    required: config.required,
    serverMode: config.serverMode,
    mappedHosts: [...config.serviceMap.keys()].sort(),
  };
}
