/* Other agents: the permissions of each, and its health. */

export { PeerHealth } from './peer-health.ts';
export { type Denial, judgeCall, type PeerPolicy, type PeerRule, ruleFor, type Verdict } from './peer-policy.ts';
export { ACCOUNT_PRIORITY, bareOf, INBOUND_RESOURCE, Peers } from './peers.ts';
export { parsePolicy, PolicyFile } from './policy-file.ts';
