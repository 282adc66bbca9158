/* The session after the login: supervised, and led by one replica. */

export { bridgeGauges, dropCounter, flawCounter, skipCounter } from './bridge-metrics.ts';
export { type BridgeState, initialState, isUndecided, toStatus, withLeadership } from './bridge-state.ts';
export { IqError, type IqOutcome } from './iq-registry.ts';
export { ConnectionSupervisor, type ConnectionSupervisorParts } from './connection-supervisor.ts';
export { LoginSteps } from './login-steps.ts';
export { LoginWatch } from './login-watch.ts';
export { leaseOf, InboundLeader } from './inbound-leader.ts';
export { Session, SESSION_DEFAULTS, type SessionHandlers, StanzaRefusal } from './session.ts';
