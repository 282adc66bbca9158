import { chmodSync, chownSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Account } from './account.ts';
import type { CertificateFiles, StackCertificates } from './stack-certificates.ts';

/** Every login needs TLS, its password, and a certificate with the name of the login. */
const HBA = `hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-full
hostssl replication all 127.0.0.1/32 scram-sha-256 clientcert=verify-full
`;

/**
 * Copies certificates and rules to where only PostgreSQL's account can read them, and returns the settings that name
 * them.
 */
export function databaseTls(dir: string, { server }: StackCertificates, account: Account | undefined): string[] {
  const lay = (name: string, make: (path: string) => void): string => {
    const path = join(dir, name);
    make(path);
    chmodSync(path, 0o600);
    if (account) chownSync(path, account.uid, account.gid);
    return path;
  };
  const copied = (name: string, from: string): string => lay(name, (path) => copyFileSync(from, path));
  return [
    'ssl=on',
    'ssl_min_protocol_version=TLSv1.2',
    `ssl_ca_file=${copied('tls-ca.pem', server.ca)}`,
    `ssl_cert_file=${copied('tls-server.pem', server.cert)}`,
    `ssl_key_file=${copied('tls-server.key', server.key)}`,
    `hba_file=${lay('hba.conf', (path) => writeFileSync(path, HBA))}`,
  ];
}

/** The TLS parameters of a URL, for libpq and for the Node.js client. */
export function tlsQuery({ ca, cert, key }: CertificateFiles): string {
  return new URLSearchParams({ sslmode: 'verify-full', sslrootcert: ca, sslcert: cert, sslkey: key }).toString();
}
