import { isIP } from 'node:net';
import { AppError } from '@switchyard/contracts';

/*
 * Who may come to /mcp, and what one that may not is told. Pure.
 *
 * D1 Where an identity is taken for granted (development), the request must name this machine or an address, not a
 *    name that somebody else's DNS may point here (DNS rebinding). Elsewhere names are checked where they are configured.
 * D2 A page's request counts where the page is of this very host, of this machine, or named in CORS_ORIGINS.
 * D3 A refusal says where to learn how to get a token (RFC 9728), and `invalid_token` only where there was one.
 */

export const MCP_PATH = '/mcp';
const METADATA_PATH = '/.well-known/oauth-protected-resource';

export interface DoorPolicy {
  /** Names under which this server is known, without port. */
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  /** D1: names that are not listed are refused. */
  readonly grantsIdentity: boolean;
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Throws `forbidden` for a request that must not be answered here. */
export function checkPlace(headers: Headers, policy: DoorPolicy): void {
  const { host, origin } = headers;
  const name = typeof host === 'string' ? hostnameOf(`http://${host}`) : undefined;
  const strict = policy.grantsIdentity || policy.allowedHosts.length > 0;
  if (strict && (name === undefined || !(isLocal(name) || isAddress(name) || policy.allowedHosts.includes(name))))
    throw new AppError('forbidden', 'This host name is not one of this server; name it in MCP_ALLOWED_HOSTS.');
  if (origin === undefined || policy.allowedOrigins.includes('*')) return;
  const page = typeof origin === 'string' ? origin : '';
  if (policy.allowedOrigins.includes(page)) return;
  const from = hostnameOf(page);
  if (from !== undefined && (isLocal(from) || page === `http://${String(host)}` || page === `https://${String(host)}`))
    return;
  throw new AppError('forbidden', 'Pages of this origin may not call; name it in CORS_ORIGINS.');
}

/** The value of WWW-Authenticate (D3). */
export function challenge(metadataUrl: string, hadToken: boolean, reason: string): string {
  const said = hadToken
    ? `error="invalid_token", error_description="${reason.replaceAll(/[^\x20-\x7e]|["\\]/g, '')}", `
    : '';
  return `Bearer ${said}resource_metadata="${metadataUrl}"`;
}

/** Where /mcp is for its clients: as configured, else as this request found it. */
export function resourceUrl(configured: string | undefined, headers: Headers): string {
  if (configured !== undefined) return configured;
  const host = typeof headers['host'] === 'string' ? headers['host'] : 'localhost';
  return `http://${host}${MCP_PATH}`;
}

/** RFC 9728 3.1: the well-known part goes between host and path. */
export function metadataUrl(resource: string): string {
  const { origin, pathname } = new URL(resource);
  return `${origin}${METADATA_PATH}${pathname === '/' ? '' : pathname}`;
}

function hostnameOf(url: string): string | undefined {
  try {
    return new URL(url).hostname;
  } catch {
    return undefined;
  }
}

function isLocal(name: string): boolean {
  return name === 'localhost' || name === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(name);
}

/** An address is no name: nobody's DNS points it anywhere. */
function isAddress(name: string): boolean {
  return isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0;
}
