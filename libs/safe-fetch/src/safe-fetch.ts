import { lookup as dnsLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { AppError } from '@switchyard/contracts';
import { Agent, buildConnector, fetch as undiciFetch, type RequestInit as UndiciRequestInit } from 'undici';
import { isPublicAddress, judgeUrl } from './address-guard.ts';
import { limitBody } from './limit-body.ts';
import { mappedJid, type ServiceMap } from './service-map.ts';

/*
 * The one way out. Every outbound HTTP call of every service goes through here.
 *
 * Y1 A call is judged three times: by its URL, by every address that its name resolves to, and by the address
 *    of the peer that was connected. One refusal is enough; nothing was sent by then.
 * Y2 Redirects are not followed. Proxies of the environment are not used.
 * Y3 A host of the service map is never called over the network.
 * Y4 Connecting, the first byte, silence within a body and the size of a body have limits.
 */

export interface SafeFetchOptions {
  /** Hosts (host or host:port) that may be private. */
  readonly allowHosts?: readonly string[];
  readonly serviceMap?: ServiceMap;
  /** Longest wait for the response's headers, and longest silence within its body. Default 30 s. */
  readonly timeoutMs?: number;
  /** Default 8 MiB. */
  readonly maxResponseBytes?: number;
  /** For tests: how names are resolved. */
  readonly lookup?: LookupFunction;
}

const CONNECT_TIMEOUT_MS = 5_000;

/**
 * A `fetch` with the guard built in; give it to whatever takes one. Rejects with AppError: `egress_blocked`,
 * `upstream_timeout`, `upstream_failed`, `response_too_large`, `unavailable` (a mapped host without a bridge),
 * or with the caller's own abort.
 */
export function createSafeFetch(options: SafeFetchOptions = {}): typeof fetch {
  const { timeoutMs = 30_000, maxResponseBytes = 8 * 1024 ** 2, serviceMap = new Map<string, string>() } = options;
  const allowHosts = new Set((options.allowHosts ?? []).map((host) => host.toLowerCase()));
  const common = {
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connections: 128,
    pipelining: 1,
    keepAliveTimeout: 30_000,
    maxResponseSize: -1,
  };
  const guarded = new Agent({ ...common, connect: guardedConnect(options.lookup ?? (dnsLookup as LookupFunction)) });
  const trusted = new Agent({ ...common, connect: { timeout: CONNECT_TIMEOUT_MS } });

  return async (input, init) => {
    const request = input instanceof Request ? input : undefined;
    const url = new URL(request ? request.url : String(input));
    if (mappedJid(serviceMap, url) !== undefined) {
      throw new AppError(
        'unavailable',
        'This host is reached over XMPP only, and the XMPP bridge does not carry requests yet.',
      ); // Y3
    }
    const verdict = judgeUrl(url, allowHosts);
    if (!verdict.ok) throw new AppError('egress_blocked', `The call was not made: ${verdict.why}.`);
    const signal = init?.signal ?? request?.signal;
    try {
      const response = await undiciFetch(url, {
        ...(request ? { method: request.method, headers: request.headers, body: request.body, duplex: 'half' } : {}),
        ...init,
        redirect: 'manual',
        dispatcher: verdict.trusted ? trusted : guarded,
      } as unknown as UndiciRequestInit);
      if (response.status >= 300 && response.status < 400 && response.headers.has('location')) {
        await response.body?.cancel();
        throw new AppError('egress_blocked', 'The other server answered with a redirect, which is not followed.');
      }
      return limitBody(response as unknown as Response, maxResponseBytes);
    } catch (error) {
      throw asAppError(error, signal ?? undefined);
    }
  };
}

/** Resolves through the guard, so that the address that was judged is the address that is connected. */
function guardedConnect(lookup: LookupFunction): buildConnector.connector {
  const guardedLookup: LookupFunction = (hostname, lookupOptions, callback) => {
    lookup(hostname, { ...lookupOptions, all: true }, (error, addresses) => {
      if (error) return callback(error, '', 4);
      const all = Array.isArray(addresses) ? addresses : [];
      if (all.length === 0 || !all.every(({ address }) => isPublicAddress(address)))
        return callback(new Blocked(), '', 4);
      if (lookupOptions.all) callback(null, all);
      else callback(null, all[0]!.address, all[0]!.family);
    });
  };
  const connect = buildConnector({ timeout: CONNECT_TIMEOUT_MS, lookup: guardedLookup });
  return (connectOptions, callback) => {
    connect(connectOptions, (error, socket) => {
      if (error) return callback(error, null);
      if (isPublicAddress(socket.remoteAddress ?? '')) return callback(null, socket);
      socket.destroy();
      callback(new Blocked(), null);
    });
  };
}

class Blocked extends Error {
  readonly code = 'EGRESS_BLOCKED';
}

function asAppError(error: unknown, signal: AbortSignal | undefined): unknown {
  if (error instanceof AppError || signal?.aborted) return error;
  const chain = [error, (error as { cause?: unknown }).cause];
  if (chain.some((link) => link instanceof Blocked)) {
    return new AppError('egress_blocked', 'The call was not made: the name leads to an address that is not public.', {
      cause: error,
    });
  }
  const codes = chain.map((link) => (link as { code?: unknown } | undefined)?.code);
  if (codes.some((code) => typeof code === 'string' && /TIMEOUT|ETIMEDOUT/.test(code)))
    return new AppError('upstream_timeout', undefined, { cause: error });
  return new AppError('upstream_failed', 'The other server could not be reached.', { cause: error });
}
