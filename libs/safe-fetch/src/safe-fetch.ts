import type { LookupFunction } from 'node:net';
import { AppError } from '@switchyard/contracts';
import { type Logger, rememberBehalf } from '@switchyard/platform';
import { hostAndPort, judgeUrl } from './address-guard.ts';
import { type Exchanging, inClientSpan } from './client-span.ts';
import type { Dispatchers } from './dispatchers.ts';
import { exchange, type ExchangeLimits } from './exchange.ts';
import { RedirectRefused } from './failure.ts';
import { logEvent } from './log-events.ts';
import { type Outgoing, outgoing, redirected } from './outgoing.ts';
import type { Carrier } from './over-xmpp.ts';
import { type Route, routeByServiceMap, type ServiceMap } from './service-map.ts';

/*
 * The one way out. Every outbound HTTP call of every service goes through here.
 *
 * - A call is judged three times: by its URL, by every address that its name resolves to, and by the address of the
 *   peer that was connected. One refusal is enough; nothing of the request was sent by then.
 * - Redirects are refused unless the caller asks for them. Each redirect that is followed is judged like the first
 *   call, and takes no credential to another host. Proxies of the environment are not used.
 * - A host that is routed over XMPP is never called over the network, also when the router fails.
 * - Connecting, the headers, silence within a body, the whole exchange and the size of a body have limits.
 */

export interface SafeFetchOptions {
  /** Hosts (host or host:port) that may be private. */
  readonly allowHosts?: readonly string[];
  /** Hosts that are reached over XMPP. */
  readonly serviceMap?: ServiceMap;
  /** Carries a request to a host that is reached over XMPP; absent: such hosts are `unavailable`. */
  readonly overXmpp?: Carrier;
  /** How a URL is reached; default: as the service map says. */
  readonly route?: (url: URL) => Route;
  /** Longest wait for the response's headers (connecting included), and longest silence in its body. Default 30 s. */
  readonly timeoutMs?: number;
  /** Longest time from the headers to the end of the body. Default 10 minutes. */
  readonly totalTimeoutMs?: number;
  /** After decompression. Default 8 MiB. */
  readonly maxResponseBytes?: number;
  /** How many redirects of a GET or HEAD are followed. Default 0: a redirect is `egress_blocked`. */
  readonly maxRedirects?: number;
  /** Told of every call that was not made. */
  readonly log?: Logger;
  /** For tests: how names are resolved. */
  readonly lookup?: LookupFunction;
}

/** Which hosts are reached over XMPP, and how: the same for every way out of a service. */
export type XmppRoute = Required<Pick<SafeFetchOptions, 'serviceMap' | 'overXmpp'>>;

/** Limits of one call, where it needs others than the rest. */
interface CallLimits {
  readonly timeoutMs?: number;
  readonly maxResponseBytes?: number;
  /** The path with names in the place of values, where values in it are not for traces. */
  readonly urlTemplate?: string;
}

/** Takes the place of `fetch` wherever one is asked for. */
export type SafeFetch = (input: string | URL | Request, init?: RequestInit & CallLimits) => Promise<Response>;

/**
 * A `fetch` with the guard built in; give it to whatever takes one. Rejects, and lets the body fail, with
 * AppError: `egress_blocked`, `upstream_timeout`, `upstream_failed`, `response_too_large`, `unavailable` (a host
 * reached over XMPP), or with the caller's own abort reason.
 */
export function createSafeFetch(options: SafeFetchOptions = {}): SafeFetch {
  const { maxRedirects = 0, log } = options;
  const route = options.route ?? routeByServiceMap(options.serviceMap ?? new Map());
  // Requests over XMPP are recorded under their user.
  if (options.overXmpp && (options.serviceMap?.size ?? 0) > 0) rememberBehalf();
  const allowHosts = new Set((options.allowHosts ?? []).map((host) => host.toLowerCase()));
  // The HTTP client comes with the first call: it takes some 6 MB, and many a service calls nobody.
  let opening: Promise<Dispatchers> | undefined;
  let opened: Dispatchers | undefined;
  const open = async (): Promise<Dispatchers> => {
    const { openDispatchers } = await import('./dispatchers.ts');
    return (opened ??= openDispatchers(options.lookup));
  };
  const usual: ExchangeLimits = {
    timeoutMs: options.timeoutMs ?? 30_000,
    totalTimeoutMs: options.totalTimeoutMs ?? 600_000,
    maxResponseBytes: options.maxResponseBytes ?? 8 * 1024 ** 2,
  };

  const call = async (request: Outgoing, limits: ExchangeLimits, { onOver }: Exchanging): Promise<Response> => {
    const { url } = request;
    if (routeOf(route, url) !== 'direct') {
      // From here on no failure falls back to the network.
      if (options.overXmpp) return options.overXmpp(request, limits, onOver);
      throw new AppError('unavailable', 'This host is reached over XMPP only, which is not set up here.');
    }
    const verdict = judgeUrl(url, allowHosts);
    if (!verdict.ok) throw new AppError('egress_blocked', `The call was not made: ${verdict.why}.`);
    const { trusted, guarded } = opened ?? (await (opening ??= open()));
    return exchange(verdict.trusted ? trusted : guarded, request, limits, onOver);
  };

  return async (input, init = {}) => {
    const limits: ExchangeLimits = {
      ...usual,
      ...(init.timeoutMs === undefined ? {} : { timeoutMs: init.timeoutMs }),
      ...(init.maxResponseBytes === undefined ? {} : { maxResponseBytes: init.maxResponseBytes }),
    };
    let request = await outgoing(input, init).catch((cause: unknown) => {
      throw new AppError('egress_blocked', 'The call was not made: it is not a valid request.', { cause });
    });
    try {
      for (let hops = 0; ; hops += 1) {
        const how = { template: init.urlTemplate, resends: hops };
        const response = await inClientSpan(request, how, (exchanging) => call(request, limits, exchanging));
        const location = response.status >= 300 && response.status < 400 ? response.headers.get('location') : null;
        if (location === null) return response;
        await response.body?.cancel();
        const next = hops < maxRedirects ? redirected(request, location) : undefined;
        if (next === undefined) throw new RedirectRefused();
        request = next;
      }
    } catch (error) {
      // The host alone: a path or a query may hold what is not for the log.
      if (error instanceof AppError && (error.code === 'egress_blocked' || error.code === 'unavailable'))
        logEvent(log, 'outbound_call_refused', { host: hostAndPort(request.url), err: error });
      throw error;
    }
  };
}

/** Throws where the router fails: that must not open the way to the network. */
function routeOf(route: (url: URL) => Route, url: URL): Route {
  try {
    return route(url);
  } catch (cause) {
    throw new AppError('unavailable', 'It is not known how this host is reached.', { cause });
  }
}
