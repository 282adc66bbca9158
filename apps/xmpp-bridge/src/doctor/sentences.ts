import { type CertificateSeen, type LoginStep, quoted, streamError as plainStreamError } from '../login/index.ts';

/* The doctor's sentences beyond those of a failed login (login/sentences.ts). Pure. */

export const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** A step that stayed without progress. */
export const silent = (step: LoginStep, seconds: number, answered: boolean, at: string): string => {
  switch (step) {
    case 'looking up the server':
      return `DNS gave no answer in ${seconds} s; set AZTM_HOST or mend the resolver of this machine.`;
    case 'connecting':
      return `${at} did not answer within ${seconds} s (no SYN answer): a firewall, or no such machine.`;
    case 'opening the stream':
      return answered
        ? `The server sent a stream header and no features in ${seconds} s.`
        : `${at} takes the connection and says nothing in ${seconds} s: no XMPP, or a port that speaks TLS at once (AZTM_TLS=direct).`;
    case 'the TLS handshake':
      return `The TLS handshake did not finish in ${seconds} s.`;
    case 'binding a resource':
      return `The request for a resource (bind) got no answer in ${seconds} s.`;
    default:
      return `The server fell silent while ${step}: nothing in ${seconds} s.`;
  }
};

export const expired = (validTo: number, now: number): string =>
  validTo < now
    ? `The certificate expired on ${day(validTo)}; renew it on the server.`
    : 'The certificate is not valid yet: compare the clocks of this machine and of the server.';

export const expiresSoon = (validTo: number, days: number): string =>
  `The certificate expires on ${day(validTo)}, in ${days} days; renew it on the server.`;

export const notValidated = (): string =>
  'AZTM_VALIDATE_CERT=false: anyone on the way can read the password. Set AZTM_CA_FILE to the CA of the server, or ' +
  'AZTM_CERT_FINGERPRINT to its certificate, and remove it. The login was not tried.';

export const clearText = (): string =>
  'AZTM_TLS=off: everything travels in clear text; only for a server on this machine.';

export const chainOk = (pinned: boolean, certificate: CertificateSeen | null): string =>
  pinned
    ? 'The certificate is the pinned one (AZTM_CERT_FINGERPRINT).'
    : `The certificate is signed by a CA that is trusted here (${quoted(certificate?.issuer ?? '')}).`;

export const nameOk = (pinned: boolean, domain: string): string =>
  pinned ? 'The certificate is known by itself; its name does not matter.' : `The certificate is for ${domain}.`;

export const saslOk = (account: string, mechanism: string | null): string =>
  mechanism === 'PLAIN'
    ? `The password of ${account} is right (PLAIN).`
    : `The password of ${account} is right, and the server has proved that it knows it (${mechanism ?? 'SCRAM'}).`;

export const bound = (types: readonly string[]): string =>
  `The login can be bound to the TLS connection (${types.join(', ')}): nothing ends TLS on the way.`;

export const bindingCauseA = (
  mechanism: string,
  refused: readonly string[],
  accepted: readonly string[],
  announced: readonly string[],
): string =>
  `${mechanism} failed with "Invalid channel binding" for ${refused.join(' and ')}, and works with ${accepted.join(' and ')}. ` +
  'Credentials are right, and nothing ends TLS on the way. Cause A: the server computes one binding and a client that ' +
  `only knows another one fails (the server announces: ${announced.join(', ') || 'nothing'}). Without channel binding the ` +
  'same password works: a client that fails should use SCRAM without -PLUS.';

export const bindingCauseB = (mechanism: string, refused: readonly string[], fingerprint: string): string =>
  `${mechanism} failed with "Invalid channel binding" for every type (${refused.join(', ')}), but SCRAM without it works. ` +
  'Credentials are right. Cause B: something between you and the server ends TLS. Certificate fingerprint (SHA-256) seen ' +
  `here: ${fingerprint}; compare it on the server.`;

/** For both signs together: the one that the server gave before SASL, and the one after it. */
export const tlsEndedOnTheWay = (): string =>
  'Something between this machine and the server ends TLS: the server refused every channel binding ("Invalid channel ' +
  'binding") and, after a login that succeeded over one connection, asked for STARTTLS again ("Use of STARTTLS required", a ' +
  'timeout of 60 s in older clients), which it does not do on a connection that it has encrypted itself; host, port, TLS ' +
  'mode and password are correct.';

const MEANING: Readonly<Record<string, string>> = {
  'policy-violation': 'a limit of the server was crossed: a stanza too big, too many unacknowledged, or too fast.',
  'system-shutdown': 'the server is going down; wait and try again.',
  reset: 'the server wants a new login; its settings have changed.',
  conflict: 'another session took the resource.',
  'connection-timeout': 'the server saw nothing from this end for too long.',
  'resource-constraint': 'the server is out of something: sessions per account, or memory.',
  'not-well-formed': 'the server took something from this end for broken XML; a proxy that changes text does that.',
  'see-other-host': 'the server wants to be reached elsewhere; set AZTM_HOST to that.',
};

export const streamError = (condition: string, why: string): string => {
  const told = why.includes(condition) ? why.replace(/\.?$/, '.') : plainStreamError(condition, why);
  const meaning = MEANING[condition];
  return meaning === undefined ? told : `${told} It means: ${meaning}`;
};
