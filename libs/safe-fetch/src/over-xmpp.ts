import {
  AppError,
  type CarriedResponse,
  MAX_CARRIED_BODY_BYTES,
  type OutputOf,
  type RequestOf,
  xmppRequest,
} from '@switchyard/contracts';
import { hostAndPort } from './address-guard.ts';
import type { ExchangeLimits } from './exchange.ts';
import type { Outgoing } from './outgoing.ts';

/*
 * A request to a mapped host, handed to the bridge over the bus.
 *
 * V1 The answer is the bridge's, or an error: there is no other way to the host.
 * V2 Request and response are bounded by what one message carries; more is refused before anything is sent.
 */

/** Carries one request; gives what `fetch` would. */
export type Carrier = (request: Outgoing, limits: ExchangeLimits) => Promise<Response>;

/** What is needed of the bus. */
export interface Asker {
  request(
    contract: typeof xmppRequest,
    input: RequestOf<typeof xmppRequest>,
    options: { signal?: AbortSignal; timeoutMs?: number; idempotencyKey?: string },
  ): Promise<OutputOf<typeof xmppRequest>>;
}

export function carryOverXmpp(bus: Asker): Carrier {
  return async (request, limits) => {
    const { url, method, headers, signal } = request;
    const body = await bytesOf(request.body);
    const key = headers.get('idempotency-key');
    const response = await bus.request(
      xmppRequest,
      {
        host: hostAndPort(url),
        method,
        resource: `${url.pathname}${url.search}`,
        headers: [...headers].map(([name, value]) => [name, value]),
        body: body.toString('base64'),
      },
      {
        timeoutMs: limits.timeoutMs,
        ...(signal === undefined ? {} : { signal }),
        ...(key === null ? {} : { idempotencyKey: key.slice(0, 160) }),
      },
    );
    return responseOf(response, method, limits.maxResponseBytes);
  };
}

function responseOf({ status, headers, body }: CarriedResponse, method: string, maxBytes: number): Response {
  const bytes = Buffer.from(body, 'base64');
  if (bytes.length > maxBytes) throw new AppError('response_too_large');
  const bodiless = method === 'HEAD' || status === 204 || status === 205 || status === 304;
  const kept = headers.filter(([name]) => !/^(content-length|content-encoding|transfer-encoding)$/i.test(name));
  return new Response(bodiless ? null : new Uint8Array(bytes), { status, headers: kept });
}

async function bytesOf(body: Outgoing['body']): Promise<Buffer> {
  if (body === null) return Buffer.alloc(0);
  if (typeof body === 'string') return bounded(Buffer.from(body, 'utf8'));
  if (body instanceof Uint8Array) return bounded(Buffer.from(body));
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of body as unknown as AsyncIterable<Uint8Array>) {
    pieces.push(piece);
    length += piece.length;
    if (length > MAX_CARRIED_BODY_BYTES) break;
  }
  return bounded(Buffer.concat(pieces));
}

function bounded(bytes: Buffer): Buffer {
  if (bytes.length > MAX_CARRIED_BODY_BYTES)
    throw new AppError('payload_too_large', `Over XMPP a body has at most ${MAX_CARRIED_BODY_BYTES} bytes.`);
  return bytes;
}
