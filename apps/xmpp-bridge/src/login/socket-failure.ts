import { type LoginFailureCode, quoted } from './failure.ts';
import { unreachable } from './sentences.ts';
import type { Target } from './targets.ts';

/* The meaning of a TCP or TLS error for the login. Pure. */

export interface SocketFailure {
  readonly code: LoginFailureCode;
  readonly sentence: string;
}

interface NodeError {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly reason?: unknown;
  /** The error of each address, if the name has several. */
  readonly errors?: readonly { readonly code?: string; readonly address?: string }[];
  readonly cert?: { readonly subjectaltname?: string; readonly issuer?: { CN?: string }; readonly valid_to?: string };
}

const UNTRUSTED: ReadonlySet<string> = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'CERT_UNTRUSTED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_REVOKED',
]);

/** `hasCa`: AZTM_CA_FILE is set. */
export function socketFailure(error: unknown, target: Target, domain: string, hasCa = false): SocketFailure {
  const { code, message, reason, cert, errors = [] } = (error ?? {}) as NodeError;
  const name = typeof code === 'string' ? code : '';
  const at = `${target.host}:${target.port}`;
  if (name === 'ECONNREFUSED')
    return { code: 'REFUSED', sentence: `${at} refused the connection (ECONNREFUSED): nothing listens there.` };
  if (name === 'ENOTFOUND' || name.startsWith('EAI_'))
    return {
      code: 'DNS',
      sentence: `The name ${target.host} has no address (${name}); set or correct AZTM_HOST, or mend DNS.`,
    };
  if (['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'].includes(name))
    return { code: 'UNREACHABLE', sentence: unreachable(at, name) + refusedElsewhere(errors) };
  if (name === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const names = (cert?.subjectaltname ?? String(reason ?? '')).replaceAll('DNS:', '');
    return {
      code: 'CERT_NAME',
      sentence: `The certificate is for ${quoted(names)}, not for the domain ${domain} (the name checked is that of the JID, not AZTM_HOST).`,
    };
  }
  if (name === 'CERT_HAS_EXPIRED' || name === 'CERT_NOT_YET_VALID')
    return {
      code: 'CERT_EXPIRED',
      sentence: `The certificate of the server is not valid now (${name}); renew it there.`,
    };
  if (UNTRUSTED.has(name))
    return {
      code: 'CERT_UNTRUSTED',
      sentence: `${unknownCa(name, hasCa)} AZTM_VALIDATE_CERT=false would hide this, and anyone on the way could read along.`,
    };
  if (name === 'ERR_SSL_WRONG_VERSION_NUMBER' || name === 'ERR_SSL_PACKET_LENGTH_TOO_LONG')
    return { code: 'STARTTLS_EXPECTED', sentence: `${at} speaks plain XMPP, not TLS at once: use AZTM_TLS=starttls.` };
  if (name.startsWith('ERR_SSL') || name.startsWith('ERR_TLS') || name === 'EPROTO')
    return { code: 'TLS_FAILED', sentence: `The TLS handshake with ${at} failed (${name}).` };
  if (['ECONNRESET', 'EPIPE'].includes(name)) return { code: 'CLOSED', sentence: `${at} reset the connection.` };
  return { code: 'CLOSED', sentence: `The connection to ${at} broke: ${quoted(String(message ?? name))}.` };
}

function unknownCa(name: string, hasCa: boolean): string {
  return hasCa
    ? `The certificate is signed by a CA that is not in AZTM_CA_FILE (${name}): put the certificate of that CA into the file.`
    : `The certificate is signed by an unknown CA (${name}): set AZTM_CA_FILE.`;
}

/** The addresses that refused the connection, of a name with several: no firewall does that. */
export function refusedElsewhere(errors: readonly { readonly code?: string; readonly address?: string }[]): string {
  const refused = errors
    .filter(({ code }) => code === 'ECONNREFUSED')
    .map(({ address }) => address ?? 'another address');
  if (refused.length === 0) return '';
  return ` ${refused.slice(0, 4).join(', ')} refused the connection (ECONNREFUSED): nothing listens there.`;
}

/** The failure if the first bytes of the other side are no XML; null if they may be. */
export function firstBytesFailure(bytes: Buffer, { host, port }: Target): SocketFailure | null {
  const text = bytes.subarray(0, 8).toString('latin1');
  if (bytes[0] === 0x15 || bytes[0] === 0x16)
    return { code: 'DIRECT_TLS_EXPECTED', sentence: `${host}:${port} speaks TLS at once: use AZTM_TLS=direct.` };
  if (/^HTTP\//.test(text))
    return { code: 'NOT_XMPP', sentence: `${host}:${port} speaks HTTP, not XMPP: check AZTM_PORT.` };
  if (/^\s*</.test(text) || text.trim() === '') return null;
  return { code: 'NOT_XMPP', sentence: `What answers at ${host}:${port} is not XMPP: check AZTM_HOST and AZTM_PORT.` };
}
