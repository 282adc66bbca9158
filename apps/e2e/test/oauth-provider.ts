import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';

/** A real OAuth provider on a port of its own, for users to authorise. */
export interface OAuthProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Clients that registered themselves. */
  readonly registered: string[];
  /** The token endpoint was asked so often, by grant type. */
  readonly grants: Map<string, number>;
  /** From now on every request is answered so; undefined: as usual. */
  answerWith(fault: { readonly status: number; readonly error?: string } | undefined): void;
  stop(): Promise<void>;
}

export const RESOURCE = 'https://mail.example/api';
export const SCOPES = ['mail.read', 'mail.send'];

/** `redirectUri`: of the client that it knows. */
export async function startOAuthProvider(redirectUri: string): Promise<OAuthProvider> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const [clientId, clientSecret] = ['switchyard', 'a-secret-of-the-client-0123456789'];
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: [redirectUri],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'client_secret_basic',
      },
    ],
    cookies: { keys: ['only-for-this-test'] },
    scopes: ['openid', ...SCOPES],
    features: {
      devInteractions: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({ scope: SCOPES.join(' '), accessTokenFormat: 'opaque', accessTokenTTL: 600 }),
      },
    },
    issueRefreshToken: () => true,
    rotateRefreshToken: () => true,
    ttl: { Session: 3_600, Grant: 3_600, Interaction: 600, RefreshToken: 3_600, AccessToken: 600 },
  });
  const grants = new Map<string, number>();
  for (const event of ['grant.success', 'grant.error'])
    provider.on(event, (context) => {
      const type = (context as { oidc?: { params?: { grant_type?: string } } }).oidc?.params?.grant_type ?? 'none';
      grants.set(type, (grants.get(type) ?? 0) + 1);
    });
  const registered: string[] = [];
  provider.on('registration_create.success', (_context, client) =>
    registered.push((client as { clientId: string }).clientId),
  );
  let fault: Parameters<OAuthProvider['answerWith']>[0];
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (fault === undefined) return answer(request, response);
    response.writeHead(fault.status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: fault.error ?? 'server_error' }));
  });
  return {
    issuer,
    clientId,
    clientSecret,
    grants,
    registered,
    answerWith: (next) => (fault = next),
    stop: () => stopServer(server),
  };
}

export function stopServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
