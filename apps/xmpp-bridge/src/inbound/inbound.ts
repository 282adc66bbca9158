import { AppError, encodeId, ERROR_CODES, type Principal, type SystemFact, toPublicError } from '@switchyard/contracts';
import type { SystemEventPublisher } from '@switchyard/bus';
import type { Logger } from '@switchyard/platform';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { type Exchange, type Exchanges, pathOf } from '../http-over-xmpp/exchanges.ts';
import { logEvent } from '../log-events.ts';
import type { AskGateway } from './gateway-over-bus.ts';
import {
  carriedHeaders,
  checkRequest,
  ExchangeError,
  FROM_HEADER,
  headerOf,
  HOP_HEADER,
  type HttpRequest,
  type HttpResponse,
  keyOf,
  timeLeft,
} from '../wire/index.ts';
import { bareOf, type Denial, judgeCall, type PeerPolicy, type PeerRule, type Verdict } from '../peers/index.ts';
import type { Answer, Replay } from './replay.ts';

/*
 * Turns a peer's request over XMPP, in any form, into a request to our gateway on behalf of that peer.
 *
 * - The caller is the one that the server names (the stanza's `from`), never the one that the peer names.
 * - An unknown JID gets a refusal of XMPP or no answer, and none of its data reaches the bus. Peers get an HTTP status.
 * - The bridge refuses a request that is late, or that the server stored while the bridge was away, before it is
 *   performed.
 * - The number of requests under way is limited. The bridge waits for a body that follows its request only within the
 *   rate of its peer. It counts every denial, and reports and audits denials at a limited rate.
 * - The bridge streams an answer that comes in pieces. If the peer cancels or is gone, the bridge stops the work. Work
 *   with an Idempotency-Key continues without its peer, because the peer will ask again.
 */

export interface InboundParts {
  readonly systemEvents: Pick<SystemEventPublisher, 'publish'>;
  readonly askGateway: AskGateway;
  readonly policy: () => PeerPolicy;
  readonly isContact: (bareJid: string) => boolean;
  readonly replay: Replay;
  readonly exchanges: Exchanges;
  readonly log: Logger;
  readonly onOutcome: (outcome: 'answered' | 'denied' | 'failed') => void;
}

/** One request of a peer, in transport-independent form. */
export interface Incoming {
  /** Full JID. */
  readonly from: string;
  readonly stanzaId: string;
  readonly request: HttpRequest;
  /** True if it was stored on the way, or is too old. */
  readonly delayed: boolean;
  /** The peer's name for the request, if it cancels it. */
  readonly cancelId?: string | undefined;
  /** The body, if it follows the request: read once the request is admitted. */
  readonly follows?: Follows | undefined;
}

export interface Follows {
  /** The announced length. */
  readonly bytes: number;
  /** Rejects with ExchangeError. */
  readonly take: (signal: AbortSignal) => Promise<Buffer>;
}

export interface Served extends Answer {
  /** Call when the last piece has left, or never will: stops remaining work and releases its resources. */
  readonly end: () => void;
  /** True if the work continues without its peer. */
  readonly keyed: boolean;
}

const MAX_UNDER_WAY = 256;
const MAX_HOPS = 4;
const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_TIMEOUT_MS = 120_000;
/** Limits of reported denials per minute: per peer, and for all together. */
const TOLD_PER_PEER = 60;
const TOLD_OF_ALL = 600;

interface UnderWay {
  readonly from: string;
  readonly abort: AbortController;
  readonly keyed: boolean;
}

export class Inbound {
  readonly #underWay = new Set<UnderWay>();
  /** Requests under way, by peer and the peer's name for the request. */
  readonly #cancels = new Map<string, UnderWay>();
  readonly #limiters = new Map<number, RateLimiterMemory>();
  readonly #told = new RateLimiterMemory({ points: TOLD_PER_PEER, duration: 60 });
  readonly #toldOfAll = new RateLimiterMemory({ points: TOLD_OF_ALL, duration: 60 });

  readonly #parts: InboundParts;

  constructor(parts: InboundParts) {
    this.#parts = parts;
  }

  /** Decides whether the peer may send this request, and reports a denial. `bodyBytes`: the announced length. */
  judge(from: string, { method, resource }: Pick<HttpRequest, 'method' | 'resource'>, bodyBytes: number): Verdict {
    const isContact = this.#parts.isContact(bareOf(from));
    const call = { from, method, resource, bodyBytes, isContact, nowMs: Date.now() };
    const verdict = judgeCall(this.#parts.policy(), call);
    if (!verdict.allowed) this.#tellDenied(from, method, resource, verdict.why);
    return verdict;
  }

  /** Always answers: with the gateway's response, or with the error. */
  async serve(incoming: Incoming, rule: PeerRule): Promise<Served> {
    const { from, request, stanzaId, follows } = incoming;
    const work: UnderWay = { from, abort: new AbortController(), keyed: keyOf(request) !== undefined };
    const cancelKey = incoming.cancelId === undefined ? undefined : keyOfCancel(from, incoming.cancelId);
    const exchange = this.#parts.exchanges.begin('in', {
      whose: { tenantId: rule.tenant, userId: userOf(from) },
      peer: from,
      ...request,
      bytes: follows?.bytes ?? request.body.length,
    });
    const forget = (): void => {
      this.#underWay.delete(work);
      if (cancelKey !== undefined) this.#cancels.delete(cancelKey);
    };
    const end = (): void => {
      exchange.end('cancelled'); // if nothing else has ended it
      forget();
      work.abort.abort();
    };
    try {
      if (this.#underWay.size >= MAX_UNDER_WAY) throw new AppError('overloaded', 'Too many requests are under way.');
      this.#underWay.add(work);
      if (cancelKey !== undefined) this.#cancels.set(cancelKey, work);
      const { signal } = work.abort;
      const admitted = await this.#admit(incoming, rule);
      const whole = follows ? { ...request, body: await follows.take(signal) } : request;
      const limitMs = admitted.untilMs - performance.now();
      if (limitMs <= 0) throw new ExchangeError(408, 'The body came too late; the request was not performed.');
      const asked = { from, bare: bareOf(from), stanzaId, request: whole, limitMs };
      const answer = await this.#parts.replay.perform(asked, signal, () =>
        this.#forward(from, whole, rule, limitMs, signal),
      );
      this.#parts.onOutcome('answered');
      const { response, pieces } = answer;
      if (pieces !== undefined)
        return { response, pieces: booked(pieces, response.status, exchange), end, keyed: work.keyed };
      exchange.passed(response.body.length);
      exchange.end(response.status);
      forget(); // the work is over
      return { response, end, keyed: work.keyed };
    } catch (error) {
      exchange.end(codeOf(error));
      end();
      return { response: this.#problemOf(error), end, keyed: work.keyed };
    }
  }

  /** Cancels a request on behalf of its peer. */
  cancel(from: string, id: string): void {
    this.#cancels.get(keyOfCancel(from, id))?.abort.abort();
  }

  /** This session of a peer is gone: stops its work, except for requests with an Idempotency-Key. */
  onLeft(fullJid: string): void {
    for (const { from, abort, keyed } of this.#underWay) if (from === fullJid && !keyed) abort.abort();
  }

  /**
   * The connection is gone: stops all work, except for requests with an Idempotency-Key, whose peers will ask again.
   */
  cancelAll(): void {
    for (const { abort, keyed } of this.#underWay) if (!keyed) abort.abort();
  }

  /** The deadline of the request. Throws ExchangeError and AppError. */
  async #admit({ from, request, delayed }: Incoming, rule: PeerRule): Promise<{ readonly untilMs: number }> {
    checkRequest(request);
    const left = timeLeft(request.headers, Date.now()) ?? DEFAULT_TIMEOUT_MS;
    if (delayed || left <= 0) throw new ExchangeError(408, 'The request came too late and was not performed.');
    if (Number(headerOf(request.headers, HOP_HEADER) ?? 0) > MAX_HOPS)
      throw new ExchangeError(508, 'The request has passed too many bridges: hosts are mapped in a circle.');
    try {
      await this.#limiter(rule.perMinute).consume(bareOf(from));
    } catch {
      this.#tellDenied(from, request.method, request.resource, 'rate');
      throw new AppError('rate_limited', 'This peer sends too many requests.');
    }
    return { untilMs: performance.now() + Math.min(left, MAX_TIMEOUT_MS) };
  }

  #forward(
    from: string,
    request: HttpRequest,
    rule: PeerRule,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Answer> {
    const userId = userOf(from);
    // The run may use only the tools of the policy, whatever the request asks for.
    const held = rule.tools === undefined ? {} : { tools: rule.tools };
    const principal: Principal = { tenantId: rule.tenant, userId, role: 'user', via: 'xmpp', ...held };
    const headers = [...carriedHeaders(request.headers), [FROM_HEADER, from] as const]; // as the server says
    return this.#parts.askGateway({ principal, from, request: { ...request, headers }, timeoutMs, signal });
  }

  #problemOf(error: unknown): HttpResponse {
    this.#parts.onOutcome('failed');
    if (error instanceof ExchangeError) return problem(error.status, error.message);
    const { code, message } = toPublicError(error);
    if (!(error instanceof AppError)) logEvent(this.#parts.log, 'xmpp_request_failed', { err: error });
    return problem(ERROR_CODES[code].http, message, code);
  }

  #limiter(perMinute: number): RateLimiterMemory {
    let limiter = this.#limiters.get(perMinute);
    if (!limiter) {
      limiter = new RateLimiterMemory({ points: perMinute, duration: 60 });
      this.#limiters.set(perMinute, limiter);
    }
    return limiter;
  }

  #tellDenied(from: string, method: string, resource: string, reason: Denial): void {
    this.#parts.onOutcome('denied');
    const path = pathOf(resource);
    const jid = bareOf(from).slice(0, 500);
    const fact: SystemFact = { type: 'xmpp.peer.denied', data: { jid, method: method.slice(0, 16), path, reason } };
    // Denials over the rate are only counted in the metric.
    Promise.all([this.#told.consume(jid), this.#toldOfAll.consume('all')]).then(
      () => this.#parts.systemEvents.publish(fact),
      () => undefined,
    );
  }
}

export function problem(status: number, detail: string, code?: string): HttpResponse {
  const body = JSON.stringify({ status, detail, ...(code === undefined ? {} : { code }) });
  return { status, headers: [['content-type', 'application/problem+json']], body: Buffer.from(body) };
}

/** The answer to a peer whose call is not allowed. */
export function denied(why: Denial): HttpResponse {
  if (why === 'size') return problem(413, 'The body is larger than this peer may send.');
  if (why === 'hours') return problem(403, 'This peer may not call at this time of day.');
  return problem(403, 'This peer may not call that.');
}

/** The user that represents a peer in the tenant of its rule. */
function userOf(from: string): string {
  return encodeId(`xmpp:${bareOf(from)}`);
}

/** Counts the streamed pieces of an answer; the exchange ends with the last one. */
async function* booked(
  pieces: AsyncIterable<Uint8Array>,
  status: number,
  exchange: Exchange,
): AsyncGenerator<Uint8Array, undefined> {
  exchange.streams(status);
  try {
    for await (const piece of pieces) {
      exchange.passed(piece.length);
      yield piece;
    }
    exchange.end(status);
  } catch (error) {
    exchange.end(codeOf(error));
    throw error;
  }
}

/** The status or the error code for the record of exchanges. */
function codeOf(error: unknown): number | string {
  return error instanceof ExchangeError ? error.status : toPublicError(error).code;
}

function keyOfCancel(from: string, id: string): string {
  return JSON.stringify([from, id]);
}
