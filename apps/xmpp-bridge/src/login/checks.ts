import type { LoginFailure, LoginFailureCode, LoginStep } from './failure.ts';

/* The numbered checks of the AZTM login, and the check to which a failed login belongs. */

export const XMPP_CHECKS = [
  [1, 'configuration'],
  [2, 'DNS'],
  [3, 'TCP'],
  [4, 'first bytes'],
  [5, 'stream'],
  [6, 'STARTTLS'],
  [7, 'TLS handshake'],
  [8, 'certificate chain'],
  [9, 'certificate name'],
  [10, 'certificate expiry'],
  [11, 'certificate validation'],
  [12, 'SASL offer'],
  [13, 'SASL result'],
  [14, 'channel binding'],
  [15, 'features after SASL'],
  [16, 'resource binding'],
  [17, 'stream errors'],
  [18, 'presence and roster'],
  [19, 'server ping'],
  [20, 'size and rate limits'],
  [21, 'latency'],
  [22, 'peers of SERVICE_MAP'],
  [23, 'other sessions'],
  [24, 'offline store'],
] as const satisfies readonly (readonly [number, string])[];
export type CheckNumber = (typeof XMPP_CHECKS)[number][0];

export const CHECK_OF_STEP: Readonly<Record<LoginStep, CheckNumber>> = {
  'looking up the server': 2,
  connecting: 3,
  'opening the stream': 5,
  'asking for STARTTLS': 6,
  'the TLS handshake': 7,
  'opening the secured stream': 12,
  'choosing a SASL mechanism': 12,
  authenticating: 13,
  'opening the authenticated stream': 15,
  'binding a resource': 16,
};

const CHECK_OF_CODE: Readonly<Partial<Record<LoginFailureCode, CheckNumber>>> = {
  DNS: 2,
  REFUSED: 3,
  UNREACHABLE: 3,
  NOT_XMPP: 4,
  DIRECT_TLS_EXPECTED: 4,
  STARTTLS_EXPECTED: 4,
  HOST_UNKNOWN: 5,
  STARTTLS_NOT_OFFERED: 6,
  STARTTLS_REFUSED: 6,
  TLS_INJECTION: 6,
  TLS_FAILED: 7,
  CERT_UNTRUSTED: 8,
  CERT_PIN: 8,
  CERT_NAME: 9,
  CERT_EXPIRED: 10,
  NO_COMMON_MECHANISM: 12,
  NOT_AUTHORIZED: 13,
  ACCOUNT_DISABLED: 13,
  TEMPORARY_AUTH_FAILURE: 13,
  SERVER_SIGNATURE: 13,
  SASL_FAILED: 13,
  CHANNEL_BINDING: 14,
  TLS_REOFFERED: 15,
  NO_BIND: 15,
  RESOURCE_CONFLICT: 16,
  BIND_REFUSED: 16,
  REPLACED: 17,
};

/**
 * The check to which a failed login belongs: exactly one, for the doctor and for the running bridge (rpc.xmpp.status).
 */
export function checkOf({ code, step }: Pick<LoginFailure, 'code' | 'step'>): CheckNumber {
  if (code === 'STREAM_ERROR' && CHECK_OF_STEP[step] >= 15) return 17;
  // A server that hangs up at once objects to the first bytes.
  if (code === 'CLOSED' && step === 'opening the stream') return 4;
  return CHECK_OF_CODE[code] ?? CHECK_OF_STEP[step];
}
