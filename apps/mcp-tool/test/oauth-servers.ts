import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler } from '@modelcontextprotocol/server';
import { type FixtureTool, mcpServer } from './upstream-servers.ts';

/**
 * An authorization server, and an MCP server that wants its tokens. Both say and do what a test wants, as untrusted servers could.
 */

export interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

/** Takes the place of what a server would answer at this path. */
export type Script = (path: string, body: URLSearchParams) => Answer | undefined;

interface Listening {
  /** The requested paths, in order. */
  readonly asked: string[];
  script: Script | undefined;
  close(): Promise<void>;
}

interface Issued {
  readonly resource: string | null;
  readonly scope: string;
}

export interface AuthorizationServer extends Listening {
  readonly issuer: string;
  /** Takes the place of parts of its metadata; undefined leaves a part out. */
  metadata: Record<string, unknown>;
  /** All requests to its token endpoint. */
  readonly tokenRequests: { body: URLSearchParams; client: string; secret: string | undefined }[];
  readonly clients: Map<string, string>;
  /** The valid tokens. */
  readonly tokens: Map<string, Issued>;
  readonly refreshTokens: Map<string, Issued>;
}

export interface ProtectedServer extends Listening {
  readonly url: string;
  /** Takes the place of parts of its metadata. */
  metadata: Record<string, unknown>;
  /** The authorization server that issues tokens for it. */
  trusts: AuthorizationServer;
  /** Beside `Bearer resource_metadata="..."`. */
  challenge: string;
  readonly seen: (string | undefined)[];
  calls: number;
}

export async function startAuthorizationServer(): Promise<AuthorizationServer> {
  const codes = new Map<string, Issued & { challenge: string | null }>();
  const {
    server,
    origin: issuer,
    ...listening
  } = await listen(
    (request, response, url, text) => {
      const body = new URLSearchParams(text);
      const json = (status: number, value: unknown) => answer(response, { status, body: value });
      switch (url.pathname) {
        case '/.well-known/oauth-authorization-server':
          return json(200, { ...metadataOf(issuer), ...self.metadata });
        case '/register': {
          const clientId = `client-${randomUUID()}`;
          const secret = `secret-${randomUUID()}`;
          self.clients.set(clientId, secret);
          const { token_endpoint_auth_method } = JSON.parse(text) as Record<string, unknown>;
          return json(201, {
            client_id: clientId,
            client_secret: secret,
            redirect_uris: [],
            token_endpoint_auth_method,
          });
        }
        case '/authorize': {
          const { searchParams: asked } = url;
          const code = `code-${randomUUID()}`;
          const scope = asked.get('scope') ?? '';
          codes.set(code, { scope, resource: asked.get('resource'), challenge: asked.get('code_challenge') });
          const back = new URL(asked.get('redirect_uri')!);
          back.search = new URLSearchParams({ code, state: asked.get('state') ?? '', iss: issuer }).toString();
          return answer(response, { status: 302, headers: { location: back.href } });
        }
        case '/token': {
          const [client = '', secret] = clientOf(request, body);
          self.tokenRequests.push({ body, client, secret });
          if (self.clients.get(client) !== secret) return json(401, { error: 'invalid_client' });
          const grants: Readonly<Record<string, Issued | undefined>> = {
            authorization_code: redeemed(codes, body),
            refresh_token: self.refreshTokens.get(body.get('refresh_token') ?? ''),
            client_credentials: { resource: body.get('resource'), scope: body.get('scope') ?? '' },
          };
          const granted = grants[body.get('grant_type') ?? ''];
          self.refreshTokens.delete(body.get('refresh_token') ?? ''); // Valid for one use.
          if (!granted) return json(400, { error: 'invalid_grant' });
          const [token, refresh] = [`access-${randomUUID()}`, `refresh-${randomUUID()}`];
          self.tokens.set(token, granted);
          const ofUser = body.get('grant_type') !== 'client_credentials';
          if (ofUser) self.refreshTokens.set(refresh, granted);
          const { scope } = granted;
          const lasting = ofUser ? { refresh_token: refresh } : {};
          return json(200, { access_token: token, token_type: 'Bearer', expires_in: 3_600, scope, ...lasting });
        }
        default:
          return json(404, {});
      }
    },
    () => self,
  );
  const self: AuthorizationServer = Object.assign(listening, {
    issuer,
    metadata: {},
    tokenRequests: [],
    clients: new Map(),
    tokens: new Map(),
    refreshTokens: new Map(),
    close: () => closed(server),
  });
  return self;
}

/** An MCP server with these tools. It accepts only the tokens that `trusts` issued for it. */
export async function startProtectedServer(
  trusts: AuthorizationServer,
  tools: readonly FixtureTool[],
): Promise<ProtectedServer> {
  const handle = toNodeHandler(createMcpHandler(() => mcpServer(() => tools)));
  const { server, origin, ...listening } = await listen(
    (request, response, url, text) => {
      const described = `${origin}/.well-known/oauth-protected-resource/mcp`;
      if (url.href === described) {
        const usual = { resource: `${origin}/mcp`, authorization_servers: [self.trusts.issuer] };
        return answer(response, { status: 200, body: { ...usual, ...self.metadata } });
      }
      const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
      self.seen.push(token);
      if (self.trusts.tokens.get(token ?? '')?.resource !== `${origin}/mcp`) {
        const header = `Bearer resource_metadata="${described}"${self.challenge}`;
        return answer(response, { status: 401, headers: { 'www-authenticate': header } });
      }
      if (text.includes('tools/call')) self.calls += 1;
      void handle(Object.assign(request, { body: undefined }), response, JSON.parse(text || 'null'));
    },
    () => self,
  );
  const self: ProtectedServer = Object.assign(listening, {
    url: `${origin}/mcp`,
    metadata: {},
    trusts,
    challenge: '',
    seen: [],
    calls: 0,
    close: () => closed(server),
  });
  return self;
}

type Handle = (request: IncomingMessage, response: ServerResponse, url: URL, text: string) => void;

async function listen(handle: Handle, scripted: () => Listening) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url!, origin);
      const text = Buffer.concat(chunks).toString('utf8');
      asked.push(url.pathname);
      const instead = scripted().script?.(url.pathname, new URLSearchParams(text));
      if (instead) answer(response, instead);
      else handle(request, response, url, text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { server, origin, asked, script: undefined };
}

function answer(response: ServerResponse, { status, headers = {}, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body));
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

function metadataOf(issuer: string) {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    registration_endpoint: `${issuer}/register`,
    response_types_supported: ['code'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['client_secret_basic'],
    authorization_response_iss_parameter_supported: true,
  };
}

function clientOf({ headers }: IncomingMessage, body: URLSearchParams): (string | undefined)[] {
  const basic = /^Basic (.+)$/.exec(headers.authorization ?? '')?.[1];
  if (basic === undefined) return [body.get('client_id') ?? '', body.get('client_secret') ?? undefined];
  return Buffer.from(basic, 'base64').toString('utf8').split(':').map(decodeURIComponent);
}

/** A code is valid once, and only with its verifier. */
function redeemed(
  codes: Map<string, Issued & { challenge: string | null }>,
  body: URLSearchParams,
): Issued | undefined {
  const found = codes.get(body.get('code') ?? '');
  codes.delete(body.get('code') ?? '');
  const verifier = createHash('sha256')
    .update(body.get('code_verifier') ?? '')
    .digest('base64url');
  const isSame = found?.challenge === verifier && found.resource === body.get('resource');
  return isSame ? found : undefined;
}
