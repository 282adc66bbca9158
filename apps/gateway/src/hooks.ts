import { AppError, toPublicError } from '@switchyard/contracts';
import type { FastifyInstance } from 'fastify';
import type { Announcer } from './announcer.ts';
import type { AuthGuard } from './auth.guard.ts';
import type { RateLimit } from './rate-limit.ts';
import { challenge, checkPlace, type DoorPolicy, MCP_PATH, metadataUrl, resourceUrl } from './mcp-door.ts';
import { deeperThan, MAX_BODY_DEPTH } from './requests.ts';
import { needsIdentity } from './routes.ts';
import type { Traffic } from './traffic.ts';

export interface Door {
  readonly guard: AuthGuard;
  readonly rateLimit: RateLimit;
  readonly traffic: Traffic;
  readonly announcer: Announcer;
  readonly mcp: {
    readonly policy: DoorPolicy;
    readonly publicUrl: string | undefined;
    /** Who is refused for want of a token learns where to get one. */
    readonly tellsOfTokens: boolean;
  };
  readonly draining: () => boolean;
}

/**
 * What every request passes before its handler, in this order: counted, hardened, refused while draining,
 * identified (before its body is read), rate-limited, and its body looked at for depth.
 */
export function registerHooks(server: FastifyInstance, door: Door): void {
  const { guard, rateLimit, traffic, announcer } = door;
  server.decorateRequest('identity', null);

  server.addHook('onRequest', async (request, reply) => {
    traffic.begin();
    // The close of the response, since a hijacked one (a stream) passes no later hook.
    reply.raw.once('close', () =>
      traffic.end(
        request.method,
        request.is404 ? undefined : request.routeOptions.url,
        reply.raw.statusCode,
        reply.elapsedTime,
      ),
    );
    reply.header('x-content-type-options', 'nosniff');
    const route = request.routeOptions.url;
    if (request.is404 || route === undefined || !needsIdentity(request.method, route)) {
      guard.strip(request);
      return;
    }
    if (door.draining()) {
      reply.header('connection', 'close');
      throw new AppError('unavailable', 'This server is stopping; try again.', { retryAfterMs: 1_000 });
    }
    try {
      request.identity = await guard.identify(request);
    } catch (error) {
      const { code, message } = toPublicError(error);
      if (code === 'unauthenticated') {
        announcer.tell({ type: 'gateway.auth.failed', data: { reason: message, path: route, source_ip: request.ip } });
        if (route === MCP_PATH && door.mcp.tellsOfTokens) {
          const where = metadataUrl(resourceUrl(door.mcp.publicUrl, request.headers));
          reply.header('www-authenticate', challenge(where, request.headers.authorization !== undefined, message));
        }
      }
      throw error;
    }
    const { principal } = request.identity;
    // A peer did not come by a name of ours.
    if (route === MCP_PATH && principal?.via !== 'xmpp') checkPlace(request.headers, door.mcp.policy);
    try {
      await rateLimit.take(principal === undefined ? `ip:${request.ip}` : `${principal.tenantId}/${principal.userId}`);
    } catch (error) {
      const who = { tenant_id: principal?.tenantId ?? null, user_id: principal?.userId ?? null };
      if (error instanceof AppError) announcer.tell({ type: 'gateway.rate.limited', data: { ...who, path: route } });
      throw error;
    }
  });

  server.addHook('preValidation', (request, _reply, done) => {
    done(
      deeperThan(request.body, MAX_BODY_DEPTH)
        ? new AppError('invalid_input', `The body nests deeper than ${MAX_BODY_DEPTH}.`)
        : undefined,
    );
  });
}
