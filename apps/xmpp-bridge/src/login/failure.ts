/*
 * Why a login failed, in one sentence that says what to do. Pure.
 *
 * - Each failure has a code. The code says whether a retry can help without a new configuration.
 * - A sentence names the finding and the change to make. It holds no password, and text of the server only after
 *   cutting and cleaning.
 */

/** The steps of a login, in their order. */
export const LOGIN_STEPS = [
  'looking up the server',
  'connecting',
  'opening the stream',
  'asking for STARTTLS',
  'the TLS handshake',
  'opening the secured stream',
  'choosing a SASL mechanism',
  'authenticating',
  'opening the authenticated stream',
  'binding a resource',
] as const;
export type LoginStep = (typeof LOGIN_STEPS)[number];

export const LOGIN_FAILURES = {
  DNS: 'retry',
  REFUSED: 'retry',
  UNREACHABLE: 'retry',
  TIMEOUT: 'retry',
  CLOSED: 'retry',
  NOT_XMPP: 'fatal',
  DIRECT_TLS_EXPECTED: 'fatal',
  STARTTLS_EXPECTED: 'fatal',
  STARTTLS_NOT_OFFERED: 'fatal',
  STARTTLS_REFUSED: 'retry',
  TLS_INJECTION: 'fatal',
  TLS_FAILED: 'retry',
  CERT_UNTRUSTED: 'fatal',
  CERT_NAME: 'fatal',
  CERT_EXPIRED: 'fatal',
  CERT_PIN: 'fatal',
  HOST_UNKNOWN: 'fatal',
  NO_COMMON_MECHANISM: 'fatal',
  CHANNEL_BINDING: 'fatal',
  NOT_AUTHORIZED: 'fatal',
  ACCOUNT_DISABLED: 'fatal',
  TEMPORARY_AUTH_FAILURE: 'retry',
  SERVER_SIGNATURE: 'fatal',
  SASL_FAILED: 'fatal',
  TLS_REOFFERED: 'retry',
  NO_BIND: 'retry',
  RESOURCE_CONFLICT: 'retry',
  BIND_REFUSED: 'retry',
  STREAM_ERROR: 'retry',
  REPLACED: 'fatal',
  XML_INVALID: 'retry',
} as const satisfies Record<string, 'retry' | 'fatal'>;
export type LoginFailureCode = keyof typeof LOGIN_FAILURES;

export interface LoginFailure {
  readonly code: LoginFailureCode;
  readonly step: LoginStep;
  /** The finding, and what to do. */
  readonly sentence: string;
  /** `retry`: the same configuration may work later; `fatal`: only another one can. */
  readonly then: 'retry' | 'fatal';
}

export function loginFailure(code: LoginFailureCode, step: LoginStep, sentence: string): LoginFailure {
  return { code, step, sentence: sentence.slice(0, 480), then: LOGIN_FAILURES[code] };
}

/** Thrown by a failed login. */
export class LoginError extends Error {
  constructor(
    readonly failure: LoginFailure,
    options: { cause?: unknown } = {},
  ) {
    super(failure.sentence, options);
    this.name = 'LoginError';
  }
}

const MAX_QUOTED = 160;

/** Makes text of the other side safe to show: one line, no control characters, limited length. */
export function quoted(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is to be removed
  const flat = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim();
  return `"${flat.length > MAX_QUOTED ? `${flat.slice(0, MAX_QUOTED)}…` : flat}"`;
}
