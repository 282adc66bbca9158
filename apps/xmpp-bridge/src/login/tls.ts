import type { ChannelBinding } from './scram.ts';

/** How a connection is secured. */
export type TlsMode = 'starttls' | 'direct' | 'off';

/** The result of the TLS handshake. */
export interface Secured {
  readonly version: string;
  /** The certificate was checked against domain and CA. */
  readonly verified: boolean;
  readonly bindings: readonly ChannelBinding[];
  /** SHA-256 of the certificate, for a person who compares it. */
  readonly fingerprint: string;
  readonly certificate: CertificateSeen | null;
}

/** A certificate in words. */
export interface CertificateSeen {
  readonly subject: string;
  readonly names: string;
  readonly issuer: string;
  /** Milliseconds since 1970. */
  readonly validTo: number;
}
