import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { type OAuthProvider, SCOPES, stopServer } from './oauth-provider.ts';

/** An MCP server that wants tokens of a provider, and says so (RFC 9728); it knows nothing of us. */
export interface HostedMcp {
  readonly url: string;
  /** Whether each token that it took was for it. */
  readonly took: boolean[];
  stop(): Promise<void>;
}

export async function startHostedMcp(provider: OAuthProvider): Promise<HostedMcp> {
  const took: boolean[] = [];
  const handle = toNodeHandler(
    createMcpHandler(() => {
      const server = new McpServer({ name: 'hosted', version: '1.0.0' });
      server.registerTool('letters', { description: 'Count the letters.' }, () => ({
        content: [{ type: 'text', text: '7 letters' }],
      }));
      return server;
    }),
  );
  const server = createServer((request, response) => {
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const described = `${origin}/.well-known/oauth-protected-resource/mcp`;
    if (request.url === new URL(described).pathname) {
      const metadata = {
        resource: `${origin}/mcp`,
        authorization_servers: [provider.issuer],
        scopes_supported: SCOPES,
      };
      return void response.setHeader('content-type', 'application/json').end(JSON.stringify(metadata));
    }
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    const judged = token === undefined ? Promise.resolve(false) : isFor(provider, token, `${origin}/mcp`);
    void judged.then((good) => {
      if (token !== undefined) took.push(good);
      if (good) return handle(request, response);
      response.writeHead(401, { 'www-authenticate': `Bearer resource_metadata="${described}"` }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  return { url, took, stop: () => stopServer(server) };
}

async function isFor(provider: OAuthProvider, token: string, resource: string): Promise<boolean> {
  const answer = await fetch(`${provider.issuer}/token/introspection`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${provider.clientId}:${provider.clientSecret}`)}` },
    body: new URLSearchParams({ token }),
  });
  const { active, aud } = (await answer.json()) as { active: boolean; aud?: string };
  return active && aud === resource;
}
