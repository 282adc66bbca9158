import { generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bitString, bytes, context, integer, oid, sequence, set, text, time, truth } from './der.ts';

/*
 * A certificate for a private server and the authority that it is signed by, made without any program.
 *
 * D1 The key of the authority exists only while the certificate is signed: it signs nothing else, ever, so that
 *    trusting it in development opens nothing.
 * D2 Made once; made anew only where it ends within a month, belongs to another domain, or a file is missing.
 */

/** Paths of PEM files. */
export interface DevelopmentCertificate {
  /** The authority: what clients are told to trust. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

const DAY_MS = 86_400_000;
const VALID_DAYS = 730;
const RENEW_DAYS = 30;

const ECDSA_WITH_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));
const COMMON_NAME = '2.5.4.3';
const KEY_USAGE = '2.5.29.15';
const ALTERNATIVE_NAMES = '2.5.29.17';
const BASIC_CONSTRAINTS = '2.5.29.19';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

/** The certificate for `domain` in `dir`, which only its owner may read. */
export function developmentCertificate(dir: string, domain: string, now = Date.now()): DevelopmentCertificate {
  const paths = { ca: join(dir, 'ca.pem'), certificate: join(dir, 'server.pem'), key: join(dir, 'server.key') };
  if (stillGood(paths, domain, now)) return paths;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const authority = newKey();
  const server = newKey();
  const ca = 'Switchyard development authority';
  const constraints = extension(BASIC_CONSTRAINTS, true, sequence(truth(true)));
  // keyCertSign; digitalSignature
  const [mayOnlySign, mayOnlyServe] = [Buffer.from('03020204', 'hex'), Buffer.from('03020780', 'hex')];
  const pems = {
    ca: issue({ subject: ca, key: authority.publicKey }, { issuer: ca, key: authority.privateKey }, now, [
      constraints,
      extension(KEY_USAGE, true, mayOnlySign),
    ]),
    certificate: issue({ subject: domain, key: server.publicKey }, { issuer: ca, key: authority.privateKey }, now, [
      extension(BASIC_CONSTRAINTS, true, sequence()),
      extension(KEY_USAGE, true, mayOnlyServe),
      extension(EXTENDED_KEY_USAGE, false, sequence(oid(SERVER_AUTH))),
      extension(ALTERNATIVE_NAMES, false, sequence(context(2, Buffer.from(domain, 'latin1')))),
    ]),
    key: server.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
  for (const name of ['ca', 'certificate', 'key'] as const) writeFileSync(paths[name], pems[name], { mode: 0o600 });
  return paths;
}

/** D2 */
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

function newKey(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
}

/** An X.509 certificate of version 3 (RFC 5280 §4.1) as PEM. */
function issue(
  of: { subject: string; key: KeyObject },
  by: { issuer: string; key: KeyObject },
  now: number,
  extensions: readonly Buffer[],
): string {
  const signed = sequence(
    context(0, integer(Buffer.from([2])), true),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ECDSA_WITH_SHA256,
    name(by.issuer),
    sequence(time(now - DAY_MS), time(now + VALID_DAYS * DAY_MS)),
    name(of.subject),
    of.key.export({ type: 'spki', format: 'der' }),
    context(3, sequence(...extensions), true),
  );
  const der = sequence(signed, ECDSA_WITH_SHA256, bitString(sign('sha256', signed, by.key)));
  const lines = der.toString('base64').replace(/.{64}/g, '$&\n').trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function name(commonName: string): Buffer {
  return sequence(set(sequence(oid(COMMON_NAME), text(commonName))));
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [truth(true)] : []), bytes(value));
}
