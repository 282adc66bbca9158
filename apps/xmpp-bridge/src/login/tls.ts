import type { ChannelBinding } from './scram.ts';

/** How a connection is secured. */
export type TlsMode = 'starttls' | 'direct' | 'off';

/** What the TLS handshake gave. */
export interface Secured {
  readonly version: string;
  /** The certificate was checked against domain and CA. */
  readonly verified: boolean;
  readonly bindings: readonly ChannelBinding[];
  /** SHA-256 of the certificate that was seen, for the person who must compare it. */
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
