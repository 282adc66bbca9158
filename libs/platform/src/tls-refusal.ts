/** What TLS says when it does not come about, for the operator: who does not believe whom, and what to look at. */
const SENTENCES: readonly (readonly [code: RegExp, sentence: string])[] = [
  [
    /SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(_LOCALLY)?)|CERT_SIGNATURE_FAILURE/,
    "the server's certificate is not of the authority in the CA file: look at *_TLS_CA_FILE",
  ],
  [/^CERT_HAS_EXPIRED$/, "the server's certificate has expired"],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, "the server's certificate is for another name than the one in the URL"],
  [
    /CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE/,
    'the server wants a certificate of ours: set *_TLS_CERT_FILE and *_TLS_KEY_FILE',
  ],
  [/UNKNOWN_CA|BAD_CERTIFICATE/, 'the server does not know the authority of our certificate: look at *_TLS_CERT_FILE'],
  [/ALERT_CERTIFICATE_EXPIRED/, 'our certificate has expired: renew *_TLS_CERT_FILE and *_TLS_KEY_FILE'],
];

/** Undefined where the failure has nothing to do with certificates. Pure. */
export function tlsRefusal(error: unknown): string | undefined {
  const { code, cause, chainedError } = (error ?? {}) as { code?: unknown; cause?: unknown; chainedError?: unknown };
  const found = SENTENCES.find(([pattern]) => typeof code === 'string' && pattern.test(code))?.[1];
  const inner = cause ?? chainedError;
  return found ?? (inner === undefined || inner === error ? undefined : tlsRefusal(inner));
}
