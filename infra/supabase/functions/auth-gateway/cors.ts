/* Which pages may call. Nobody does unless ALLOWED_ORIGINS names its origin; programs send no Origin. */

const METHODS = 'GET, POST, DELETE, OPTIONS';
const HEADERS =
  'authorization, apikey, x-client-info, content-type, idempotency-key, last-event-id, x-session-id, mcp-session-id, mcp-protocol-version';
const EXPOSED = 'x-run-id, x-session-id, mcp-session-id, retry-after';

/** What the browser is told; null where the origin may not call. */
export function corsHeaders(origin: string | null, allowed: readonly string[]): Record<string, string> | null {
  if (origin === null) return {};
  if (!allowed.includes(origin)) return null;
  return { 'access-control-allow-origin': origin, 'access-control-expose-headers': EXPOSED, vary: 'origin' };
}

export function preflight(cors: Record<string, string>): Response {
  const headers = {
    ...cors,
    'access-control-allow-methods': METHODS,
    'access-control-allow-headers': HEADERS,
    'access-control-max-age': '600',
  };
  return new Response(null, { status: 204, headers });
}
