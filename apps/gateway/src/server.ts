import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppError } from '@switchyard/contracts';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { GatewayModule } from './gateway.module.ts';
import { onClientError, PROBLEM_TYPE, refusalOf, toProblem } from './http/index.ts';
import { MCP_PATH } from './identity/index.ts';

/*
 * The HTTP server of the gateway, before hooks and routes.
 *
 * - The limits of time and size hold for every connection: a slow or huge request ends by itself.
 * - Every refusal is a problem document, also one that Node.js or Fastify decides before a route is found.
 * - The server reads JSON under the content types that clients send by mistake. MCP and A2A read their bodies
 *   themselves.
 */

export const BODY_LIMIT_BYTES = 8 * 1024 * 1024;
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 15_000;
/** Longer than the idle time of common proxies, so that they close first. */
const KEEP_ALIVE_MS = 72_000;

export async function createServer(
  module: ReturnType<typeof GatewayModule.of>,
  corsOrigins: readonly string[],
): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT_BYTES,
    // Draining ends streams; a stream that is still open after that is cut.
    forceCloseConnections: true,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    exposeHeadRoutes: false,
    skipMiddie: true,
    clientErrorHandler: onClientError,
    frameworkErrors: (_error: unknown, _request: unknown, reply: FastifyReply) => {
      const answer = toProblem(refusalOf(400));
      void reply.code(answer.status).type(PROBLEM_TYPE).send(answer.body);
    },
    http: { headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: 1_000 },
  });
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    logger: false,
    bodyParser: false,
    abortOnError: false,
  });
  const server = instanceOf(app);
  server.removeAllContentTypeParsers();
  const parseJson = server.getDefaultJsonParser('error', 'error');
  // `curl -d '{...}'` announces a form but sends JSON, and no route here takes forms.
  const jsonTypes = ['application/json', 'application/a2a+json', 'application/x-www-form-urlencoded', 'text/plain'];
  server.addContentTypeParser(jsonTypes, { parseAs: 'string' }, (request, body, done) => {
    // An empty body counts as none.
    if (body === '') done(null, undefined);
    // MCP and A2A report their errors in their own formats.
    else if (readsItsBody(request.routeOptions.url)) done(null, body);
    else
      void parseJson(request, body as string, (error, value) =>
        done(error && new AppError('invalid_input', 'The body is not valid JSON.'), value),
      );
  });
  if (corsOrigins.length > 0) {
    app.enableCors({
      origin: corsOrigins.includes('*') ? true : [...corsOrigins],
      methods: ['GET', 'POST', 'DELETE'],
      allowedHeaders: [
        'a2a-extensions',
        'a2a-version',
        'authorization',
        'content-type',
        'idempotency-key',
        'last-event-id',
        'mcp-method',
        'mcp-name',
        'mcp-protocol-version',
        'mcp-session-id',
        'x-session-id',
        'x-user-id',
        'x-user-role',
        'x-tenant-id',
      ],
      exposedHeaders: ['x-run-id', 'x-session-id', 'retry-after', 'location', 'mcp-session-id', 'www-authenticate'],
      maxAge: 600,
    });
  }
  return app;
}

function readsItsBody(route: string | undefined): boolean {
  return route === MCP_PATH || route?.startsWith('/a2a') === true;
}

/** The adapter types its instance by a wider server; this one is plain HTTP/1.1. */
export function instanceOf(app: NestFastifyApplication): FastifyInstance {
  return app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
}

/** The address under which a client on this machine reaches the server. */
export function publicUrl(server: FastifyInstance): string {
  const address = server.server.address();
  if (address === null || typeof address === 'string') return '';
  const host = address.address === '0.0.0.0' || address.address === '::' ? '127.0.0.1' : address.address;
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}
