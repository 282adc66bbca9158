import { HTTP, injectTrace, openSpan, type OpenSpan, serverOf, shownUrl, telemetryEnabled } from '@switchyard/platform';
import type { Outgoing } from './outgoing.ts';

/*
 * The span of one exchange: from the request to the last byte of its answer. The trace goes with the request as W3C
 * trace context, and nothing else of ours does: whose run it is stays here.
 */

/** The methods that a span names. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

export interface Exchanging {
  /** Told once, when nothing more comes: with an error where it broke. */
  readonly onOver: (error?: unknown) => void;
}

/** Runs `send` in the span of its request. `resends`: how many redirects led to it. */
export async function inClientSpan(
  request: Outgoing,
  { template, resends }: { readonly template: string | undefined; readonly resends: number },
  send: (exchanging: Exchanging) => Promise<Response>,
): Promise<Response> {
  if (!telemetryEnabled()) return send(UNHEARD);
  const span = clientSpan(request, template, resends);
  let answered = false;
  let over: { readonly error: unknown } | undefined;
  const end = (): void => {
    if (over?.error !== undefined) span.fail(over.error);
    span.end();
  };
  // A short answer is over before its head has been handed on.
  const onOver = (error?: unknown): void => {
    over ??= { error };
    if (answered) end();
  };
  try {
    return await span.within(async () => {
      carryTrace(request.headers);
      const response = await send({ onOver });
      answered = true;
      span.set({ [HTTP.status]: response.status });
      if (response.status >= 400) span.fail(String(response.status));
      if (over) end();
      return response;
    });
  } catch (error) {
    span.fail(error);
    span.end();
    throw error;
  }
}

const UNHEARD: Exchanging = { onOver: () => undefined };

function clientSpan({ url, method }: Outgoing, template: string | undefined, resends: number): OpenSpan {
  const known = METHODS.has(method) ? method : 'HTTP';
  const attributes = {
    [HTTP.method]: METHODS.has(method) ? method : '_OTHER',
    // What an argument put into the path is nobody's business here.
    [HTTP.url]: template === undefined ? shownUrl(url) : `${url.origin}${template}`,
    ...serverOf(url),
    ...(template === undefined ? {} : { [HTTP.template]: template }),
    ...(resends === 0 ? {} : { [HTTP.resends]: resends }),
  };
  return openSpan('httpClient', template === undefined ? known : `${known} ${template}`, attributes);
}

/** Trace headers of the caller belong to another span, or to an unknown one. */
function carryTrace(headers: Headers): void {
  const { traceparent, tracestate } = injectTrace();
  headers.delete('tracestate');
  if (traceparent !== undefined) headers.set('traceparent', traceparent);
  if (tracestate !== undefined) headers.set('tracestate', tracestate);
}
