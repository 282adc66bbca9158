import type { LoginStep } from './failure.ts';
import type { LoginAction, LoginEvent, LoginState } from './machine.ts';
import type { BindingPolicy } from './sasl-choice.ts';
import type { ChannelBinding } from './scram.ts';
import type { SecureSocket } from './secure-socket.ts';
import type { Target, Where } from './targets.ts';
import type { Secured } from './tls.ts';

/* What one login attempt needs to know, and who listens to it. */

export interface AttemptOptions {
  /** user@domain. */
  readonly jid: string;
  readonly domain: string;
  readonly password: string;
  readonly resource: string;
  readonly validateCertificate: boolean;
  readonly ca: string | undefined;
  readonly fingerprint: string | undefined;
  readonly allowPlain: boolean;
  readonly channelBinding: BindingPolicy;
  /** For a diagnosis: authenticates with this type of channel binding or not at all. */
  readonly onlyBinding?: ChannelBinding['type'] | undefined;
}

export type OnStep = (step: LoginStep) => void;

/** Receives the raw traffic, secrets included. For a diagnosis (transcript.ts). */
export interface LoginTap {
  /** The servers that are tried, best first. */
  lookedUp?(where: Where, targets: readonly Target[]): void;
  /** An event of the login machine, and the actions that follow. */
  moved?(event: LoginEvent, before: LoginState, actions: readonly LoginAction[]): void;
  /** One of several addresses of the server refused the connection. */
  addressFailed(address: string, code: string): void;
  connected(target: Target, socket: SecureSocket): void;
  sent(text: string): void;
  received(text: string): void;
  secured(tls: Secured): void;
}
