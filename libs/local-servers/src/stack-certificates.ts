import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { APPS } from '@switchyard/contracts';
import { DATABASE_ROLES, databaseLogin } from './access/logins.ts';
import { type Authority, createAuthority } from './x509.ts';

/*
 * The certificates of one private stack: one for each server and one for each login. Guarantees:
 * - The key of the authority exists only while the certificates are signed.
 * - The certificates are made together, and renewed together if one is missing or ends within a month.
 * - Each certificate carries its own name; for PostgreSQL that is the name of its login.
 * - Other accounts cannot read the keys.
 */

/** Paths of PEM files; all three always exist. */
export interface CertificateFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface StackCertificates {
  /** The certificate of a server, and the authority of its clients. */
  readonly server: CertificateFiles;
  /** The certificate of an app or a person; any other name gets the administrator's. */
  of(who: string): CertificateFiles;
}

const VALID_DAYS = 365;
const RENEW_MS = 30 * 86_400_000;
const ADMINISTRATOR = 'admin';
const OWNER = 'switchyard';
const SERVER = 'server';
const CLIENTS: readonly string[] = [...APPS, 'operator', 'watcher', ADMINISTRATOR];

/** The name in a client's certificate; for PostgreSQL the name of its login. */
function nameOf(client: string): string {
  if (client === ADMINISTRATOR) return OWNER;
  const role = (DATABASE_ROLES as Readonly<Record<string, string>>)[client];
  return role ? databaseLogin(role) : client;
}

const filesIn = (dir: string, who: string): CertificateFiles => ({
  ca: join(dir, 'ca.pem'),
  cert: join(dir, `${who}.pem`),
  key: join(dir, `${who}.key`),
});

/** The certificates in `dir`, made if there are no valid ones. */
export async function stackCertificates(dir: string, now = Date.now()): Promise<StackCertificates> {
  if (![SERVER, ...CLIENTS].every((who) => isGood(filesIn(dir, who), now))) await issueCertificates(dir, { now });
  return certificatesIn(dir);
}

/** The paths of the certificates in `dir`, which the process that starts the servers has made. */
export function certificatesIn(dir: string): StackCertificates {
  return {
    server: filesIn(dir, SERVER),
    of: (who) => filesIn(dir, CLIENTS.some((client) => client === who) ? who : ADMINISTRATOR),
  };
}

/** True if all files exist, belong together and are valid for more than a month. */
function isGood({ ca, cert, key }: CertificateFiles, now: number): boolean {
  try {
    const [authority, own] = [ca, cert].map((file) => new X509Certificate(readFileSync(file)));
    return existsSync(key) && own!.verify(authority!.publicKey) && Date.parse(own!.validTo) - now > RENEW_MS;
  } catch {
    return false;
  }
}

/** Makes all certificates anew. `authority`: an existing authority, to renew certificates while they are in use. */
export async function issueCertificates(
  dir: string,
  options: { readonly authority?: Authority; readonly now?: number } = {},
): Promise<Authority> {
  const { authority = await newAuthority(), now = Date.now() } = options;
  const common = { days: VALID_DAYS, now };
  const server = { name: 'localhost', uses: ['server'], hosts: ['localhost', '127.0.0.1'], ...common } as const;
  const all = await Promise.all(
    [SERVER, ...CLIENTS].map(async (who) => {
      const wanted = who === SERVER ? server : { name: nameOf(who), uses: ['client'] as const, ...common };
      return { ...filesIn(dir, who), issued: await authority.issue(wanted) };
    }),
  );
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  write(join(dir, 'ca.pem'), authority.certificate);
  for (const { cert, key, issued } of all) {
    write(key, issued.key);
    write(cert, issued.certificate);
  }
  return authority;
}

export const newAuthority = (): Promise<Authority> =>
  createAuthority({ name: 'Switchyard private stack', days: VALID_DAYS });

/** A reader sees the old or the new text, never a mixture. */
function write(file: string, text: string): void {
  const unfinished = `${file}.new`;
  rmSync(unfinished, { force: true });
  writeFileSync(unfinished, text, { mode: 0o600 });
  renameSync(unfinished, file);
}
