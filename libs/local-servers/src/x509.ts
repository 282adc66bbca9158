import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { bitString, bytes, context, integer, oid, sequence, set, text, time, truth } from './der.ts';

/* X.509 certificates, made without an external program: of an authority and of those that it vouches for. */

const DAY_MS = 86_400_000;
const ECDSA_WITH_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));
const COMMON_NAME = '2.5.4.3';
const KEY_USAGE = '2.5.29.15';
const ALTERNATIVE_NAMES = '2.5.29.17';
const BASIC_CONSTRAINTS = '2.5.29.19';
const EXTENDED_KEY_USAGE = '2.5.29.37';
/** The permitted use of a certificate. */
const USES = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;
// keyCertSign; digitalSignature
const [MAY_ONLY_SIGN, MAY_ONLY_SPEAK] = [Buffer.from('03020204', 'hex'), Buffer.from('03020780', 'hex')];

export interface IssueOptions {
  /** The common name: for a client its login. */
  readonly name: string;
  readonly uses: readonly (keyof typeof USES)[];
  /** Host names and IPv4 addresses. */
  readonly hosts?: readonly string[];
  readonly days: number;
  readonly now?: number;
}

/** In PEM form. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

/** An authority that lives as long as this object: its key is never written to a file. */
export interface Authority {
  readonly certificate: string;
  issue(options: IssueOptions): Issued;
}

export function createAuthority(options: {
  readonly name: string;
  readonly days: number;
  readonly now?: number;
}): Authority {
  const { name: ca, days, now = Date.now() } = options;
  const { publicKey, privateKey } = newKey();
  const by = { issuer: ca, key: privateKey };
  return {
    certificate: signed({ subject: ca, key: publicKey }, by, now, days, [
      extension(BASIC_CONSTRAINTS, true, sequence(truth(true))),
      extension(KEY_USAGE, true, MAY_ONLY_SIGN),
    ]),
    issue: ({ name: subject, uses, hosts = [], days: valid, now: at = Date.now() }) => {
      const own = newKey();
      const names =
        hosts.length === 0 ? [] : [extension(ALTERNATIVE_NAMES, false, sequence(...hosts.map(alternative)))];
      return {
        certificate: signed({ subject, key: own.publicKey }, by, at, valid, [
          extension(BASIC_CONSTRAINTS, true, sequence()),
          extension(KEY_USAGE, true, MAY_ONLY_SPEAK),
          extension(EXTENDED_KEY_USAGE, false, sequence(...uses.map((use) => oid(USES[use])))),
          ...names,
        ]),
        key: own.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      };
    },
  };
}

/** RFC 5280 §4.2.1.6: an address or a host name. */
function alternative(host: string): Buffer {
  const isAddress = /^\d+(\.\d+){3}$/.test(host);
  return isAddress ? context(7, Buffer.from(host.split('.').map(Number))) : context(2, Buffer.from(host, 'latin1'));
}

function newKey(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
}

/** An X.509 certificate of version 3 (RFC 5280 §4.1) as PEM. */
function signed(
  of: { subject: string; key: KeyObject },
  by: { issuer: string; key: KeyObject },
  now: number,
  days: number,
  extensions: readonly Buffer[],
): string {
  const content = sequence(
    context(0, integer(Buffer.from([2])), true),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ECDSA_WITH_SHA256,
    name(by.issuer),
    sequence(time(now - DAY_MS), time(now + days * DAY_MS)),
    name(of.subject),
    of.key.export({ type: 'spki', format: 'der' }),
    context(3, sequence(...extensions), true),
  );
  const der = sequence(content, ECDSA_WITH_SHA256, bitString(sign('sha256', content, by.key)));
  const lines = der.toString('base64').replace(/.{64}/g, '$&\n').trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function name(commonName: string): Buffer {
  return sequence(set(sequence(oid(COMMON_NAME), text(commonName))));
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [truth(true)] : []), bytes(value));
}
