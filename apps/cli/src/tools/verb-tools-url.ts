import type { UpstreamLook } from '@switchyard/contracts';
import { KNOWN_AS } from './verb-tools-quarantine.ts';
import { EXIT } from '../terminal/user-error.ts';
import { gatewayOf, type VerbContext } from '../command-line/verb.ts';

export function isUrl(text: string): boolean {
  return /^https?:\/\//i.test(text);
}

/** A name for the file: small letters, digits and "-" of the host. */
export function nameFor(url: string): string {
  const { hostname } = new URL(url);
  const parts = hostname.split('.').filter((part) => !/^(www|mcp|api)$/.test(part));
  const name = (parts.length > 1 ? parts.slice(0, -1) : parts).join('-').replace(/[^a-z0-9-]/g, '-');
  return /^[a-z]/.test(name) ? name.slice(0, 32) : `mcp-${name}`.slice(0, 32);
}

/** The server's requirements, and what to do next. */
export function lookLines(url: string, { wants, authorisation }: UpstreamLook): string[] {
  const name = nameFor(url);
  const { issuer, client, scopes = [] } = authorisation ?? {};
  const asked = scopes.length === 0 ? '' : ` It asks for: ${scopes.join(' ')}.`;
  const line = (settings: string) => `    ${name}: { url: "${url}"${settings} }`;
  const inFile = 'Put this into the file that MCP_UPSTREAMS of mcp-tool names; it is read while the service runs:';
  const pinned = 'Its tools wait for your approval: ./switchyard tools quarantine. Or say trust: trusted.';
  if (wants === 'nothing') return [`${url} wants no login.`, inFile, '  upstreams:', line(''), pinned];
  const as = client ? `, where we are known as ${KNOWN_AS[client] ?? client}` : '';
  const own = client === 'none' ? `, oauth: { issuer: "${issuer ?? ''}", client_id: "<registered there>" }` : '';
  return [
    `${url} wants a login of each user. ${issuer ?? 'Somebody'} authorises them${as}.${asked}`,
    inFile,
    '  upstreams:',
    line(`, auth: oauth${own}`),
    `Then each user opens /api/mcp/auth?provider=${name} of the gateway, once; ./switchyard tools upstreams tells how it is doing.`,
    pinned,
  ];
}

/** `tools add <url>`: servers are the operator's to add; what to write is said here. */
export async function addUrl(context: VerbContext, url: string): Promise<number> {
  const look = (await gatewayOf(context).post('/tools/upstreams/look', { url })) as UpstreamLook;
  if (context.values['json'] === true) context.print(JSON.stringify(look, null, 2));
  else for (const line of lookLines(url, look)) context.print(line);
  return EXIT.ok;
}
