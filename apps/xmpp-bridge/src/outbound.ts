import { randomBytes } from 'node:crypto';
import { AppError, type CarriedFrame, type InputOf, type OutputOf, type xmppRequest } from '@switchyard/contracts';
import type { Logger } from '@switchyard/platform';
import { mappedJid, type ServiceMap } from '@switchyard/safe-fetch';
import { xml } from '@xmpp/client';
import {
  CANCEL_HEADER,
  carriedHeaders,
  checkRequest,
  DEADLINE_HEADER,
  ExchangeError,
  headerOf,
  HOP_HEADER,
  type HttpRequest,
  NS_CANCEL,
  TIMEOUT_HEADER,
} from './http-exchange.ts';
import type { IncomingStreams } from './ibb.ts';
import { StreamCut } from './ibb.ts';
import { IqError } from './iq-registry.ts';
import type { Peers } from './peers.ts';
import type { Session } from './session.ts';
import { decodeResponse, encodeRequest, fitsInline } from './xep-0332.ts';

/*
 * Carries an HTTP request to the agent that serves a mapped host.
 *
 * O1 A host that is not mapped is refused; nothing is ever called over the network from here.
 * O2 A request that the other side may have worked on is not sent again.
 * O3 Every request ends by its deadline, with a response or with a typed error.
 * O4 A response in pieces is handed on as it comes; one that is cut ends in an error, never as a short body.
 * O5 Whoever goes away stops the work on the other side, before and during the response.
 */

export interface OutboundParts {
  readonly serviceMap: ServiceMap;
  readonly session: () => Session | null;
  /** Why there is no session. */
  readonly sentence: () => string;
  readonly peers: Peers;
  readonly streams: IncomingStreams;
  readonly log: Logger;
}

/** What is needed of a call on the bus. */
export interface CarryCall {
  readonly signal: AbortSignal;
  readonly deadline: number;
  progress(frame: CarriedFrame): void;
}

type Input = InputOf<typeof xmppRequest>;
type Output = OutputOf<typeof xmppRequest>;

export class Outbound {
  constructor(private readonly parts: OutboundParts) {}

  async carry(input: Input, call: CarryCall): Promise<Output> {
    const jid = this.#jidOf(input.host);
    const session = this.parts.session();
    if (!session) throw new AppError('unavailable', this.parts.sentence());
    const request = this.#request(input, call.deadline);
    const to = this.parts.peers.addressOf(jid);
    try {
      const response = await this.#ask(session, to, request, call);
      const head = {
        status: response.status,
        headers: response.headers.map(([name, value]): [string, string] => [name, value]),
      };
      if (response.sid === undefined) return { ...head, body: response.body.toString('base64') };
      call.progress({ head });
      for await (const piece of this.parts.streams.read(session, to, response.sid, call.signal))
        call.progress({ chunk: piece.toString('base64') }); // O4
      return { ...head, body: '' };
    } catch (error) {
      throw toAppError(error, jid);
    }
  }

  #jidOf(host: string): string {
    const url = URL.canParse(`http://${host}`) ? new URL(`http://${host}`) : undefined;
    const jid = url && mappedJid(this.parts.serviceMap, url);
    if (!jid) throw new AppError('not_mapped'); // O1
    return jid;
  }

  #request(input: Input, deadline: number): HttpRequest {
    const { method, resource } = input;
    try {
      checkRequest({ method, resource });
      const hops = Number(headerOf(input.headers, HOP_HEADER) ?? 0) + 1;
      const headers = [
        ...carriedHeaders(input.headers),
        [HOP_HEADER, String(hops)] as const,
        [DEADLINE_HEADER, String(deadline)] as const,
        [TIMEOUT_HEADER, String(Math.max(0, deadline - Date.now()))] as const,
      ];
      return { method, resource, headers, body: Buffer.from(input.body, 'base64') };
    } catch (error) {
      throw toAppError(error, '');
    }
  }

  async #ask(
    session: Session,
    to: string,
    request: HttpRequest,
    call: CarryCall,
  ): Promise<ReturnType<typeof decodeResponse>> {
    const cancelId = randomBytes(9).toString('base64url');
    const headers = [...request.headers, [CANCEL_HEADER, cancelId] as const];
    const cancel = (): void => {
      if (session.open) session.send(xml('message', { to }, xml('cancel', { xmlns: NS_CANCEL, id: cancelId }))); // O5
    };
    call.signal.addEventListener('abort', cancel, { once: true });
    try {
      return await this.#askOnce(session, to, { ...request, headers }, call);
    } finally {
      call.signal.removeEventListener('abort', cancel);
    }
  }

  async #askOnce(
    session: Session,
    to: string,
    request: HttpRequest,
    call: CarryCall,
  ): Promise<ReturnType<typeof decodeResponse>> {
    const question = { to, timeoutMs: call.deadline - Date.now(), signal: call.signal };
    const dialect = this.parts.peers.dialectOf(to);
    if (!fitsInline(request.body, dialect)) throw new ExchangeError(413, 'The body is too large for this agent.');
    try {
      return decodeResponse(await session.ask('set', encodeRequest(request, dialect), question));
    } catch (error) {
      // Not executed, so it is safe to say it in the other dialect (O2).
      if (dialect === 'slixmpp' || !isNotImplemented(error)) throw error;
      this.parts.peers.speaksSlixmpp(to);
      return decodeResponse(await session.ask('set', encodeRequest(request, 'slixmpp'), question));
    }
  }
}

function isNotImplemented(error: unknown): boolean {
  return error instanceof IqError && conditionOf(error) === 'feature-not-implemented';
}

function conditionOf(error: IqError): string {
  const child = error.stanza
    ?.getChild('error')
    ?.getChildElements()
    .find((each) => each.getName() !== 'text');
  return child?.getName() ?? 'undefined-condition';
}

/** What a refusal of XMPP means to somebody who asked over HTTP. */
function toAppError(error: unknown, jid: string): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof ExchangeError) {
    if (error.status === 413) return new AppError('payload_too_large', error.message);
    if (error.status < 500) return new AppError('invalid_input', error.message);
    return new AppError('upstream_failed', error.message, { cause: error });
  }
  if (error instanceof StreamCut) return new AppError('upstream_failed', 'The answer was cut off.', { cause: error });
  if (!(error instanceof IqError)) return new AppError('internal', undefined, { cause: error });
  switch (error.code) {
    case 'deadline':
      return new AppError('upstream_timeout', `${jid} did not answer in time.`);
    case 'cancelled':
      return new AppError('cancelled');
    case 'too_many':
      return new AppError('overloaded');
    case 'connection_lost':
      return error.effect === 'not_sent'
        ? new AppError('unavailable', 'The AZTM login was lost before the request was sent.')
        : new AppError(
            'upstream_failed',
            'The AZTM login was lost while the agent worked; whether it did is not known.',
          );
    case 'refused':
      return refusal(conditionOf(error), jid);
  }
}

function refusal(condition: string, jid: string): AppError {
  switch (condition) {
    case 'service-unavailable':
    case 'recipient-unavailable':
    case 'item-not-found':
      return new AppError('agent_unreachable', `${jid} is offline, or there is no such account.`);
    case 'remote-server-not-found':
      return new AppError('agent_unreachable', `The domain of ${jid} cannot be reached.`);
    case 'remote-server-timeout':
      return new AppError('upstream_timeout', `The domain of ${jid} did not answer.`);
    case 'forbidden':
    case 'not-allowed':
      return new AppError('forbidden', `${jid} does not let us call it.`);
    case 'policy-violation':
      return new AppError('payload_too_large', 'The XMPP server refused the size of this request.');
    default:
      return new AppError('upstream_failed', `${jid} refused the request (${condition.slice(0, 60)}).`);
  }
}
