import { hostOf } from './request-origin.ts';

/*
 * The answer to an unauthorised client of /mcp. Pure.
 *
 * - A refusal says where the client learns how to get a token (RFC 9728). It says `invalid_token` only if the client
 *   sent a token.
 * - An answer repeats no part of a request but its Host, and that only if it is a host and a port.
 */

export const MCP_PATH = '/mcp';
const METADATA_PATH = '/.well-known/oauth-protected-resource';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** The value of WWW-Authenticate. `metadataUrl`: undefined if this server does not know its own address. */
export function challenge(metadataUrl: string | undefined, hadToken: boolean, reason: string): string {
  const parameters = [
    ...(hadToken
      ? ['error="invalid_token"', `error_description="${reason.replaceAll(/[^\x20-\x7e]|["\\]/g, '')}"`]
      : []),
    ...(metadataUrl === undefined ? [] : [`resource_metadata="${metadataUrl}"`]),
  ];
  return parameters.length === 0 ? 'Bearer' : `Bearer ${parameters.join(', ')}`;
}

/** The public URL of /mcp: as configured, else as this request addressed it; undefined if its Host is invalid. */
export function resourceUrl(configured: string | undefined, headers: Headers): string | undefined {
  if (configured !== undefined) return configured;
  const { host } = headers;
  return hostOf(host) === undefined ? undefined : `http://${String(host)}${MCP_PATH}`;
}

/** RFC 9728 3.1: the well-known part goes between host and path. */
export function metadataUrl(resource: string): string {
  const { origin, pathname } = new URL(resource);
  return `${origin}${METADATA_PATH}${pathname === '/' ? '' : pathname}`;
}
