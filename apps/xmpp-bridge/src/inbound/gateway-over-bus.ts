import type { Bus } from '@switchyard/bus';
import { AppError, httpBody, httpRequest, type Principal } from '@switchyard/contracts';
import { bodyOnTheBus } from '@switchyard/safe-fetch';
import { carriedHeaders, type HttpRequest, type HttpResponse } from '../wire/index.ts';
import { Pipe } from './pipe.ts';
import type { Answer } from './replay.ts';

/** One request of a peer, as it goes to the gateway. */
interface GatewayCall {
  readonly principal: Principal;
  /** Full JID of the peer. */
  readonly from: string;
  readonly request: HttpRequest;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Performs a peer's request. Rejects with an error that toPublicError() can translate. */
export type AskGateway = (call: GatewayCall) => Promise<Answer>;

/** The buffer of all event streams together, while peers read slower than we produce. */
const MAX_EVENT_BYTES = 1_048_576;
const MAX_BYTES_OF_ALL = 134_217_728;

/**
 * Sends requests to the gateway over the bus. `bodyLimit`: largest body of a response that is no stream of events. The
 * signal of a call aborts when its answer is over, whether or not it was read.
 */
export function gatewayOverBus(
  bus: Pick<Bus, 'request'>,
  bodyLimit: number,
  bytesOfAll = MAX_BYTES_OF_ALL,
): AskGateway {
  const room = { bytes: bytesOfAll };
  return async ({ principal, from, request, timeoutMs, signal }) => {
    const pipe = new Pipe({ eventBytes: MAX_EVENT_BYTES, bodyBytes: bodyLimit, room });
    signal.addEventListener('abort', () => pipe.fail(new AppError('cancelled')), { once: true }); // frees the buffer
    const streaming = new Promise<HttpResponse>((resolve) => {
      pipe.onHead = ({ status, headers }) =>
        resolve({ status, headers: carriedHeaders(headers), body: Buffer.alloc(0) });
    });
    const body = bodyOnTheBus(bus, httpBody, request.body, signal);
    const { method, resource } = request;
    const headers = request.headers.map(([name, value]): [string, string] => [name, value]);
    const whole = bus
      .request(
        httpRequest,
        { principal, fromJid: from, method, resource, headers, ...body.fields },
        {
          timeoutMs,
          signal,
          onProgress: (frame) => {
            body.onFrame(frame);
            pipe.take(frame);
          },
        },
      )
      .then(
        (answer) => {
          pipe.end();
          const { status } = answer;
          return { status, headers: carriedHeaders(answer.headers), body: Buffer.from(answer.body, 'base64') };
        },
        (error: unknown) => {
          pipe.fail(error);
          throw error;
        },
      );
    const first = await Promise.race([
      whole.then((response) => ({ response })),
      streaming.then((response) => ({ response, pieces: pipe })),
    ]);
    whole.catch(() => undefined); // the pipe reports it
    // A short answer in pieces may be complete before its head is read.
    return pipe.headSeen && !('pieces' in first)
      ? { response: { ...first.response, body: Buffer.alloc(0) }, pieces: pipe }
      : first;
  };
}
