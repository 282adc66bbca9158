import { HttpRefusal } from './send-failure.ts';

/** An error body with a declared length beyond this is not read. */
const MAX_ERROR_BODY_BYTES = 64 * 1024;
const MAX_RETRY_AFTER_MS = 30_000;

/**
 * The fetch for the A2A client: turns an HTTP error without a JSON-RPC answer into an `HttpRefusal` with its status, so
 * that the status decides what may be sent again, and never the text of an error.
 */
export function agentFetch(fetchImpl: typeof fetch): typeof fetch {
  return async (input, init) => {
    const response = await fetchImpl(input, init);
    if (response.ok) return response;
    const isJson = /json/i.test(response.headers.get('content-type') ?? '');
    const retryable = response.status === 429 || response.status >= 500;
    if (isJson && !retryable && Number(response.headers.get('content-length') ?? 0) <= MAX_ERROR_BODY_BYTES)
      return response;
    await response.body?.cancel().catch(() => undefined);
    throw new HttpRefusal(response.status, retryAfterMs(response.headers.get('retry-after')));
  };
}

/** `Retry-After` in milliseconds: seconds or a date; at most 30 s. */
export function retryAfterMs(header: string | null, nowMs = Date.now()): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS) : undefined;
}
