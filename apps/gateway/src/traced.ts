import { telemetryEnabled, withSpan } from '@switchyard/platform';
import type { FastifyRequest } from 'fastify';
import { headerOf } from './requests.ts';

/** Runs `fn` as the server span of a request, continuing the caller's trace; free where traces go nowhere. */
export function traced<T>(request: FastifyRequest, fn: () => Promise<T>): Promise<T> {
  if (!telemetryEnabled()) return fn();
  const route = request.routeOptions.url ?? '';
  const attributes = { 'http.request.method': request.method, 'http.route': route };
  return withSpan(`${request.method} ${route}`, attributes, fn, {
    kind: 'server',
    parent: headerOf(request, 'traceparent'),
  });
}
