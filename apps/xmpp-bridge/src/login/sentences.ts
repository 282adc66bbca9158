import { type LoginStep, quoted } from './failure.ts';
import type { Secured } from './tls.ts';
import type { ScramStart } from './scram.ts';

/* The sentence for each failure: the finding, its meaning, and the change to make. Pure. */

const list = (names: readonly string[]): string => names.slice(0, 12).join(', ') || 'none';

export const closed = (step: LoginStep): string =>
  `The server closed the connection while ${step}.` +
  (step === 'opening the stream' ? ' A port that speaks TLS at once does that: try AZTM_TLS=direct.' : '');

export const timedOut = (step: LoginStep, seconds: number): string =>
  `The login did not get further than ${step} within ${seconds} s (AZTM_XMPP_TIMEOUT).`;

export const unreachable = (at: string, how: string): string =>
  `${at} does not answer (${how}): a firewall, or no route.`;

export const starttlsNotOffered = (): string =>
  'STARTTLS is not offered; there is no login in clear text. Either somebody on the way took the offer away, or this ' +
  'listener has no certificate: check AZTM_HOST and AZTM_PORT.';

export const starttlsRequired = (): string =>
  'The server lets nobody in over clear text (AZTM_TLS=off), and offers STARTTLS: use AZTM_TLS=starttls.';

export const starttlsRefused = (): string =>
  'The server offered STARTTLS and then refused it; its certificate is probably not loaded.';

export const tlsInjection = (): string =>
  'Data came in clear text behind the answer to STARTTLS; somebody on the way is putting words into this connection.';

export const tlsReoffered = (): string =>
  'Login succeeded, then this stream asked for STARTTLS again. A server cannot do that on a connection it has already ' +
  'encrypted, so a different TCP connection is being read: (1) two connections on one session object (a reconnect ' +
  'race), or (2) a proxy ended TLS. "policy-violation: Use of STARTTLS required" and a timeout of 60 s are results of ' +
  'it, not causes. Host, port, TLS mode and password are correct.';

export const noBind = (): string =>
  'The server let us in and then offered no resource binding; it is not a client port.';

export const noMechanism = (offered: readonly string[], why: 'plain_refused' | 'nothing_in_common'): string =>
  `The server offers only [${list(offered)}]; SCRAM-SHA-512, -256 and -1 are supported. ` +
  (why === 'plain_refused'
    ? 'PLAIN needs AZTM_ALLOW_PLAIN=true and TLS with a checked certificate.'
    : 'Enable one of them for this account.');

export const bindingRequired = (offered: readonly string[]): string =>
  `AZTM_CHANNEL_BINDING=require, but the server offers no channel binding that works here (it offers [${list(offered)}]).`;

export const bindingRefused = (scram: ScramStart | null, tls: Secured | null): string => {
  const type = scram?.binding.how === 'bound' ? scram.binding.with.type : 'none';
  return (
    `${scram?.mechanism ?? 'SCRAM'}-PLUS failed with "Invalid channel binding" (${type}, ${tls?.version ?? 'no TLS'}). ` +
    'The password was not judged. Either the server computes another binding, or something between you and it ends TLS: ' +
    `compare the certificate's SHA-256 on the server: ${tls?.fingerprint ?? 'unknown'}.`
  );
};

export const bindingOfferLost = (condition: string, text: string): string =>
  `The server refused a login without channel binding (${condition}${text === '' ? '' : `, ${quoted(text)}`}), which it ` +
  'did not offer as far as was seen here: something between you and it takes the offer (SCRAM-*-PLUS) away. The password ' +
  'was not judged. AZTM_CHANNEL_BINDING=off hides this.';

export const loggedInUnbound = (type: string): string =>
  `The server refused channel binding (${type}) and let us in without it: either it computes another one, or something ` +
  'between you and it ends TLS; ./switchyard doctor says which. AZTM_CHANNEL_BINDING=require would refuse such a login.';

export const notAuthorized = (account: string, text: string): string =>
  `not-authorized: the user or password of ${account} is wrong (host and TLS are fine)${text === '' ? '' : `; the server says ${quoted(text)}`}. ` +
  'It is not tried again until the account (AZTM_USERID or AZTM_JID) or its password (AZTM_PASSWORD, or the file of it) changes.';

export const accountDisabled = (condition: string): string =>
  `${condition}: the account may not log in; ask the operator of the XMPP server.`;

export const temporary = (text: string): string =>
  `temporary-auth-failure: the server cannot check passwords at the moment${text === '' ? '' : ` (${quoted(text)})`}.`;

export const saslFailed = (condition: string, text: string): string =>
  `The server refused the login with ${quoted(condition)}${text === '' ? '' : ` (${quoted(text)})`}.`;

export const serverSignature = (): string =>
  'The server did not prove that it knows the password: it is the wrong server, or somebody in between. Nothing was sent.';

export const conflict = (resource: string): string =>
  `Resource ${quoted(resource)} is in use (conflict): another session took it.`;

export const bindRefused = (condition: string): string =>
  `The server refused to bind a resource (${quoted(condition)}); a limit of sessions per account is the usual cause.`;

export const bindWithoutJid = (): string => 'The server bound a resource and did not say which.';

export const hostUnknown = (domain: string): string =>
  `host-unknown: the server does not host ${quoted(domain)}; AZTM_DOMAIN must be the part of the JID after the @, and AZTM_HOST a server of it.`;

export const streamError = (condition: string, text: string): string =>
  `The server ended the stream with ${quoted(condition)}${text === '' ? '' : ` and says ${quoted(text)}`}.` +
  (condition === 'invalid-namespace' ? ' That is a port for servers (s2s): clients use 5222 (AZTM_PORT).' : '');

export const unexpected = (step: LoginStep, name: string): string =>
  `While ${step} the server sent <${quoted(name).slice(1, -1)}/>, which does not belong there.`;
