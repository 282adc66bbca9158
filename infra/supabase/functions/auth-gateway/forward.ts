import type { User } from './identity.ts';
import { Refusal } from './refusal.ts';
import type { Settings } from './settings.ts';

/*
 * Hands a request on to the gateway.
 *
 * - Only the headers that are listed here go through, and none of them names an identity. The identity headers are set
 *   here, from the token.
 * - Clients reach only the interface for users, not what is for operators.
 * - An answer is handed back as it comes, piece by piece. A client that goes away ends the request to the gateway.
 * - The answer must begin within a time. A stream then lasts as long as the token of its user.
 */

const NAME = 'auth-gateway';
const PATHS =
  /^\/(orchestrate|ag-ui|runs|tools|tool-rules|tool-definitions|effects|dead-letters|budget|audit|mcp|config|api\/mcp\/auth)(\/|$)/;
const REQUEST_HEADERS = [
  ...['accept', 'accept-language', 'content-type', 'last-event-id', 'idempotency-key', 'x-session-id'],
  ...['mcp-session-id', 'mcp-protocol-version', 'mcp-method', 'mcp-name', 'traceparent', 'tracestate'],
];
const RESPONSE_HEADERS = [
  ...['content-type', 'cache-control', 'x-accel-buffering', 'x-run-id', 'x-session-id', 'mcp-session-id'],
  ...['retry-after', 'allow', 'etag', 'location', 'www-authenticate', 'x-content-type-options'],
];
const MAX_TIMER_MS = 2_147_483_647;

export async function forward(request: Request, user: User, settings: Settings): Promise<Response> {
  const stop = new AbortController();
  const waiting = setTimeout(
    () =>
      stop.abort(
        new Refusal('deadline_exceeded', 'The gateway did not answer in time; a run that was started goes on.'),
      ),
    settings.answerTimeoutMs,
  );
  // A stream ends with the token of its user, and when its client goes away.
  const expiry = setTimeout(() => stop.abort(), Math.min(Math.max(user.expiresAt - Date.now(), 0), MAX_TIMER_MS));
  request.signal.addEventListener('abort', () => stop.abort(), { once: true });
  const over = () => clearTimeout(expiry);
  try {
    const answer = await fetch(targetOf(request, settings.gatewayUrl), {
      method: request.method,
      headers: headersFor(request.headers, user, settings.edgeSecret),
      body: limited(request, settings.maxBodyBytes, stop),
      redirect: 'manual',
      signal: stop.signal,
    });
    const headers = new Headers();
    for (const name of RESPONSE_HEADERS) {
      const value = answer.headers.get(name);
      if (value !== null) headers.set(name, value);
    }
    if (answer.body === null) over();
    return new Response(answer.body?.pipeThrough(new TransformStream({ flush: over })) ?? null, {
      status: answer.status,
      headers,
    });
  } catch (error) {
    over();
    if (stop.signal.reason instanceof Refusal) throw stop.signal.reason;
    if (error instanceof Refusal) throw error;
    console.error('the gateway does not answer', error);
    throw new Refusal('unavailable', 'The gateway does not answer at the moment.');
  } finally {
    clearTimeout(waiting);
  }
}

/** The address at the gateway. Throws `not_found` for a path outside the interface for users. */
function targetOf(request: Request, gateway: URL): URL {
  const { pathname, search } = new URL(request.url);
  const path = pathname.replace(/^\/functions\/v1(?=\/)/, '').replace(new RegExp(`^/${NAME}(?=/|$)`), '');
  // What the gateway would read as another path than is looked at here.
  if (!PATHS.test(path) || /%2f|%5c|%2e|\\/i.test(path))
    throw new Refusal('not_found', 'There is nothing under this path.');
  const target = new URL(gateway);
  target.pathname = `${gateway.pathname.replace(/\/$/, '')}${path}`;
  target.search = search;
  return target;
}

/** The listed headers of the client, and the identity from its token, which no header of the client can name. */
function headersFor(given: Headers, user: User, edgeSecret: string): Headers {
  const headers = new Headers();
  for (const name of REQUEST_HEADERS) {
    const value = given.get(name);
    if (value !== null) headers.set(name, value);
  }
  headers.set('x-edge-secret', edgeSecret);
  headers.set('x-supabase-user-id', user.id);
  headers.set('x-supabase-user-role', user.role);
  if (user.email !== undefined) headers.set('x-supabase-user-email', user.email);
  if (user.tenantId !== undefined) headers.set('x-supabase-tenant-id', user.tenantId);
  return headers;
}

/** The body, which ends the request where it is longer than it may be, whatever its head says. */
function limited(request: Request, maxBytes: number, stop: AbortController): BodyInit | null {
  const tooLarge = new Refusal('payload_too_large', `The body is larger than ${maxBytes} bytes.`);
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge;
  let seen = 0;
  const counted = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      seen += chunk.byteLength;
      if (seen <= maxBytes) return controller.enqueue(chunk);
      stop.abort(tooLarge);
      controller.error(tooLarge);
    },
  });
  return request.body?.pipeThrough(counted) ?? null;
}
