import { webcrypto } from 'node:crypto';
import { isIPv4 } from 'node:net';
import type { X509Certificate } from '@peculiar/x509';

/* X.509 certificates, made without an external program: of an authority and of those that it vouches for. */

const DAY_MS = 86_400_000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

interface IssueOptions {
  /** The common name: for a client its login. */
  readonly name: string;
  readonly uses: readonly ('server' | 'client')[];
  /** Host names and IPv4 addresses. */
  readonly hosts?: readonly string[];
  readonly days: number;
  readonly now?: number;
}

/** In PEM form. */
interface Issued {
  readonly certificate: string;
  readonly key: string;
}

/** An authority that lives as long as this object: its key is never written to a file. */
export interface Authority {
  readonly certificate: string;
  issue(options: IssueOptions): Promise<Issued>;
}

/** The library is loaded by the process that makes certificates; for one that only uses them it would be slow to start. */
async function loadX509(): Promise<typeof import('@peculiar/x509')> {
  // The library looks for this polyfill while it is loaded.
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

export async function createAuthority(options: {
  readonly name: string;
  readonly days: number;
  readonly now?: number;
}): Promise<Authority> {
  const x509 = await loadX509();
  const issuer = common(options.name);
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    subject: issuer,
    issuer,
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    ...validity(options),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  return {
    certificate: pem(certificate),
    issue: async ({ name, uses, hosts = [], ...valid }) => {
      const own = await newKeys();
      const names = hosts.map((value) => ({ type: isIPv4(value) ? ('ip' as const) : ('dns' as const), value }));
      const issued = await x509.X509CertificateGenerator.create({
        subject: common(name),
        issuer,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        ...validity(valid),
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension(uses.map((use) => x509.ExtendedKeyUsage[`${use}Auth`])),
          ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
        ],
      });
      const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', own.privateKey), 'PRIVATE KEY');
      return { certificate: pem(issued), key: `${key}\n` };
    },
  };
}

const common = (name: string) => [{ CN: [name] }];
const newKeys = () => webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
const pem = (certificate: X509Certificate): string => `${certificate.toString('pem')}\n`;

/** From a day ago, for clocks that are behind. */
function validity({ days, now = Date.now() }: { readonly days: number; readonly now?: number | undefined }) {
  return {
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + days * DAY_MS),
    signingAlgorithm: ALGORITHM,
  };
}
