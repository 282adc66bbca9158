import {
  HIDDEN,
  HTTP,
  type OpenSpan,
  openSpan,
  type RunIds,
  SERVER,
  shownPath,
  shownQuery,
  type SpanOptions,
  telemetryEnabled,
} from '@switchyard/platform';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { headerOf } from './headers.ts';

/*
 * The span of each request, from its first line to the end of its answer or stream.
 *
 * - It continues the caller's trace. Callers' baggage is ignored: callers must not claim run ids.
 * - A query holds people's text, so its values are hidden, as is everything but plain words in an unknown path.
 * - Without telemetry there are no hooks.
 */

/** Polled constantly by monitoring. */
const UNTRACED: ReadonlySet<string> = new Set(['/health', '/readiness', '/metrics']);
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
/** Routes whose `id` is a run. */
const OF_A_RUN = /^\/(runs|dead-letters|a2a\/v1\/tasks)\/:id([(/]|$)/;

const spans = new WeakMap<FastifyRequest, OpenSpan>();

/** `isPeer`: the request came over the bus, in the trace that is active. Comes before every other hook. */
export function traceRequests(server: FastifyInstance, isPeer: (request: FastifyRequest) => boolean): void {
  if (!telemetryEnabled()) return;
  server.addHook('onRequest', (request, reply, done) => {
    const route = request.is404 ? undefined : request.routeOptions.url;
    if (route !== undefined && UNTRACED.has(route)) return done();
    const span = begin(request, route, isPeer(request));
    spans.set(request, span);
    // The close of the response, since a hijacked one (a stream) passes no later hook.
    reply.raw.once('close', () => end(span, request, reply, route));
    span.within(done);
  });
  // The body is read in the context of the connection.
  server.addHook('preValidation', (request, _reply, done) => {
    const span = spans.get(request);
    if (span) span.within(done);
    else done();
  });
}

/** Adds ids to the span that only the handler knows. */
export function concerns(request: FastifyRequest, ids: RunIds): void {
  spans.get(request)?.about(ids);
}

function begin(request: FastifyRequest, route: string | undefined, peer: boolean): OpenSpan {
  const method = METHODS.has(request.method) ? request.method : 'HTTP';
  const [path = '', query = ''] = request.url.split('?', 2);
  // The fields of an unknown route are not known either.
  const asked = query !== '' && route === undefined ? HIDDEN : shownQuery(query);
  const attributes = {
    [HTTP.method]: METHODS.has(request.method) ? request.method : '_OTHER',
    [HTTP.path]: route === undefined ? shownPath(path) : path,
    [HTTP.scheme]: request.protocol,
    [HTTP.protocol]: 'http',
    [HTTP.protocolVersion]: request.raw.httpVersion,
    [SERVER.address]: request.hostname === '' ? 'localhost' : request.hostname,
    ...(typeof request.port === 'number' ? { [SERVER.port]: request.port } : {}),
    ...(asked === undefined ? {} : { [HTTP.query]: asked }),
    ...(route === undefined ? {} : { [HTTP.route]: route }),
  };
  const name = route === undefined ? method : `${method} ${route}`;
  return openSpan('httpServer', name, attributes, peer ? {} : placeOf(request));
}

/** The caller's trace, or a new one: the active context may be that of an earlier request. */
function placeOf(request: FastifyRequest): SpanOptions {
  const traceparent = headerOf(request, 'traceparent');
  return traceparent === undefined
    ? { links: [] }
    : { parent: { traceparent, tracestate: headerOf(request, 'tracestate') } };
}

function end(span: OpenSpan, request: FastifyRequest, reply: FastifyReply, route: string | undefined): void {
  const { headersSent, statusCode } = reply.raw;
  const { id } = request.params as { readonly id?: string };
  const answered = reply.getHeader('x-run-id');
  const ofPath = route !== undefined && OF_A_RUN.test(route) ? id : undefined;
  const tenantId = request.identity?.principal?.tenantId;
  span.about({ runId: typeof answered === 'string' ? answered : ofPath, tenantId });
  if (headersSent) span.set({ [HTTP.status]: statusCode });
  if (!headersSent) span.fail('client_gone');
  else if (statusCode >= 500) span.fail(String(statusCode));
  span.end();
}
