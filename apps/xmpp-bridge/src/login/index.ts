/* The login at an XMPP server, from finding it to a bound stream. */

export type { LoginTap } from './attempt-options.ts';
export { CHECK_OF_STEP, type CheckNumber, checkOf, XMPP_CHECKS } from './checks.ts';
export { LoginError, type LoginFailure, loginFailure, type LoginStep, quoted } from './failure.ts';
export { loginLog } from './log.ts';
export { login, type LoginOptions } from './login.ts';
export type { OpenStream } from './open-stream.ts';
export type { BindingPolicy } from './sasl-choice.ts';
export type { ChannelBinding } from './scram.ts';
export { conflict, loggedInUnbound, streamError } from './sentences.ts';
export { refusedElsewhere } from './socket-failure.ts';
export { configuredTarget, type Dns, findTargets, type Lookup, type Target } from './targets.ts';
export type { CertificateSeen, Secured } from './tls.ts';
export { Transcript } from './transcript.ts';
