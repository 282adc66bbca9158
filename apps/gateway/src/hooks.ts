import { actorOrThrow, AppError, toPublicError } from '@switchyard/contracts';
import { mayReadMetrics } from '@switchyard/platform';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import {
  type AuthGuard,
  challenge,
  checkCrossSite,
  checkHost,
  checkOrigin,
  type HostPolicy,
  MCP_PATH,
  metadataUrl,
  resourceUrl,
} from './identity/index.ts';
import { type Denials, deniedSource, type FailedLogins, type Logins, sourceOf, userKey } from './reports/index.ts';
import {
  acts,
  authOf,
  deeperThan,
  isJson,
  MAX_BODY_DEPTH,
  type AbsenceWaiter,
  type RateLimit,
  readsOnly,
  type Traffic,
} from './http/index.ts';

export interface HookDeps {
  readonly guard: AuthGuard;
  readonly rateLimit: RateLimit;
  readonly traffic: Traffic;
  readonly denials: Denials;
  readonly failedLogins: FailedLogins;
  readonly logins: Logins;
  /** The bearer of this token may read the metrics; undefined: there is no token. */
  readonly metricsToken: string | undefined;
  readonly hosts: HostPolicy;
  readonly allowedOrigins: readonly string[];
  readonly mcp: {
    readonly hosts: HostPolicy;
    readonly publicUrl: string | undefined;
    /** Tells a caller without a token where to get one. */
    readonly tellsOfTokens: boolean;
  };
  readonly absence: Pick<AbsenceWaiter, 'onBehalfOf'>;
  readonly draining: () => boolean;
  /** The process is told to end: clients are to go elsewhere with their next request. */
  readonly leaving: () => boolean;
}

/**
 * The checks of every request before its handler, in this order: count, harden, check Host and Origin, refuse while
 * draining, identify (before the body is read), limit the rate, and check the body's type and depth. The handler's
 * waits end when the client leaves.
 */
export function registerHooks(server: FastifyInstance, deps: HookDeps): void {
  const { guard, rateLimit, traffic, denials } = deps;
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
    const route = request.is404 ? undefined : request.routeOptions.url;
    // A request of a peer names no host of ours and comes from no page.
    if (!guard.isPeer(request)) {
      if (deps.leaving()) reply.header('connection', 'close');
      checkPlace(request, route, deps);
    }
    const auth = route === undefined ? 'none' : authOf(request.method, route);
    if (route === undefined || auth === 'none' || (auth === 'operator' && maySeeMetrics(request, deps))) {
      guard.strip(request);
      return;
    }
    if (deps.draining())
      throw new AppError('unavailable', 'This server is stopping; try again.', { retryAfterMs: 1_000 });
    request.identity = await identify(request, reply, route, deps);
    const { principal, credential } = request.identity;
    if (principal !== undefined) deps.logins.note({ principal, credential, ip: request.ip, path: route });
    if (auth === 'operator' && principal?.role !== 'admin' && principal?.role !== 'auditor')
      throw new AppError('forbidden', 'Metrics are for admins, auditors and the bearer of OPS_TOKEN.');
    if (principal !== undefined && !readsOnly(request.method, route)) actorOrThrow(principal);
    if (principal?.via === 'edge') checkEdgeRequest(request, route, deps.allowedOrigins);
    try {
      await rateLimit.take(principal === undefined ? `ip:${request.ip}` : userKey(principal));
    } catch (error) {
      const who = { tenant_id: principal?.tenantId ?? null, user_id: principal?.userId ?? null };
      if (error instanceof AppError)
        denials.add({ type: 'gateway.rate.limited', data: { ...who, path: route } }, deniedSource(request));
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

  // Last before the handler: earlier hooks may leave the asynchronous context of the request.
  server.addHook('preHandler', (_request, reply, done) => deps.absence.onBehalfOf(reply.raw, done));
}

function checkPlace({ headers }: FastifyRequest, route: string | undefined, deps: HookDeps): void {
  const { hosts, allowedOrigins, mcp, guard } = deps;
  if (route === MCP_PATH) checkHost(headers, mcp.hosts, 'MCP_ALLOWED_HOSTS or ALLOWED_HOSTS');
  else checkHost(headers, hosts, 'ALLOWED_HOSTS');
  if (route === MCP_PATH || guard.mode === 'dev') checkOrigin(headers, allowedOrigins);
}

/**
 * In development everybody may; elsewhere the bearer of the token. Admins and auditors identify themselves as usual.
 */
function maySeeMetrics(request: FastifyRequest, { guard, metricsToken }: HookDeps): boolean {
  if (metricsToken === undefined) return guard.mode === 'dev';
  return mayReadMetrics(request.headers.authorization, metricsToken);
}

/** Requests behind the edge may come from any page that the user visits. */
function checkEdgeRequest(request: FastifyRequest, route: string, allowedOrigins: readonly string[]): void {
  if (acts(request.method, route)) checkCrossSite(request.headers, allowedOrigins);
  // A form of another site can send any type but this one.
  if (!isJson(request.headers)) throw new AppError('unsupported_media_type');
}

async function identify(request: FastifyRequest, reply: FastifyReply, route: string, deps: HookDeps) {
  const { guard, denials, failedLogins, mcp } = deps;
  try {
    return await guard.identify(request);
  } catch (error) {
    const { code, message } = toPublicError(error);
    if (code !== 'unauthenticated') throw error;
    const source = sourceOf(request.ip);
    const whose = guard.whoseRefusal(error);
    const about = whose === undefined ? {} : { tenant_id: whose.tenantId, user_id: whose.userId };
    const told = { ...about, reason: message, path: route, source_ip: request.ip };
    // Refusals of two tenants behind one address are not counted together.
    const counted = whose === undefined ? source : `${source} ${whose.tenantId}/${whose.userId ?? ''}`;
    denials.add({ type: 'gateway.auth.failed', data: told }, counted);
    failedLogins.count(source);
    if (route === MCP_PATH && mcp.tellsOfTokens) {
      const resource = resourceUrl(mcp.publicUrl, request.headers);
      const where = resource === undefined ? undefined : metadataUrl(resource);
      reply.header('www-authenticate', challenge(where, request.headers.authorization !== undefined, message));
    }
    throw error;
  }
}
