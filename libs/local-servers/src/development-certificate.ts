import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createAuthority } from './x509.ts';

/*
 * A certificate for a private server, and the authority that signs it, made without an external program.
 *
 * - The key of the authority exists only while it signs the certificate. It never signs another one, so trusting the
 *   authority in development opens nothing.
 * - The certificate is made once, and again only if it ends within a month, belongs to another domain, or a file is
 *   missing.
 */

/** Paths of PEM files. */
export interface DevelopmentCertificate {
  /** The authority, which clients are told to trust. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

const DAY_MS = 86_400_000;
const VALID_DAYS = 730;
const RENEW_DAYS = 30;

/** The certificate for `domain` in `dir`, which only its owner may read. */
export async function developmentCertificate(
  dir: string,
  domain: string,
  now = Date.now(),
): Promise<DevelopmentCertificate> {
  const paths = { ca: join(dir, 'ca.pem'), certificate: join(dir, 'server.pem'), key: join(dir, 'server.key') };
  if (stillGood(paths, domain, now)) return paths;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const authority = await createAuthority({ name: 'Switchyard development authority', days: VALID_DAYS, now });
  const server = await authority.issue({ name: domain, uses: ['server'], hosts: [domain], days: VALID_DAYS, now });
  const pems = { ca: authority.certificate, ...server };
  for (const name of ['ca', 'certificate', 'key'] as const) writeFileSync(paths[name], pems[name], { mode: 0o600 });
  return paths;
}

/** True if the files exist, belong to this domain and are valid for more than a month. */
function stillGood(paths: DevelopmentCertificate, domain: string, now: number): boolean {
  if (!Object.values(paths).every((path) => existsSync(path))) return false;
  try {
    const [ca, server] = [paths.ca, paths.certificate].map((path) => new X509Certificate(readFileSync(path)));
    return (
      server!.checkHost(domain) !== undefined &&
      server!.verify(ca!.publicKey) &&
      Date.parse(server!.validTo) - now > RENEW_DAYS * DAY_MS
    );
  } catch {
    return false;
  }
}
