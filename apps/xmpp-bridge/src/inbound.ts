import { randomUUID } from 'node:crypto';
import { type Element } from '@xmpp/client';
import {
  AppError,
  encodeId,
  ERROR_CODES,
  httpRequest,
  type Principal,
  type SystemFact,
  toPublicError,
} from '@switchyard/contracts';
import type { Bus } from '@switchyard/bus';
import type { Logger } from '@switchyard/platform';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import {
  CANCEL_HEADER,
  carriedHeaders,
  checkRequest,
  ExchangeError,
  FROM_HEADER,
  headerOf,
  HOP_HEADER,
  type HttpRequest,
  type HttpResponse,
  NS_CANCEL,
  timeLeft,
} from './http-exchange.ts';
import { judgeCall, type PeerPolicy, type PeerRule } from './peer-policy.ts';
import { bareOf } from './peers.ts';
import { sendStream } from './ibb.ts';
import { Pipe } from './pipe.ts';
import { type Session, StanzaRefusal } from './session.ts';
import { decodeRequest, type Dialect, encodeResponse, fitsInline } from './xep-0332.ts';

/*
 * A peer's request over XMPP becomes a request to our gateway, on behalf of that peer.
 *
 * I1 Who called is what the server says (the stanza's `from`), never what the peer says.
 * I2 Strangers get a refusal of XMPP and nothing reaches the bus; peers get an HTTP status.
 * I3 A request that is late, or was stored for us while we were away, is refused before it is performed.
 * I4 What is under way is bounded; every denial is told and audited.
 * I5 An answer that comes in pieces is passed on in pieces; a peer that cancels, or is gone, stops the work here.
 */

export interface InboundParts {
  readonly bus: Pick<Bus, 'request' | 'publishSystem'>;
  readonly policy: () => PeerPolicy;
  readonly session: () => Session | null;
  readonly log: Logger;
  readonly onOutcome: (outcome: 'answered' | 'denied' | 'failed') => void;
}

const MAX_UNDER_WAY = 256;
const MAX_HOPS = 4;
const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_TIMEOUT_MS = 120_000;
/** Of one answer, while the peer takes it slower than we produce it. */
const MAX_BUFFERED_BYTES = 1_048_576;
const DELAY = 'urn:xmpp:delay';

export class Inbound {
  #underWay = 0;
  /** By peer and the name that it gave the request. */
  readonly #cancels = new Map<string, AbortController>();
  readonly #limiters = new Map<number, RateLimiterMemory>();

  constructor(private readonly parts: InboundParts) {}

  /** A message that cancels a request. */
  onMessage(message: Element): void {
    const id = message.getChild('cancel', NS_CANCEL)?.attrs['id'];
    if (id !== undefined) this.#cancels.get(cancelKey(message.attrs['from'] ?? '', id))?.abort();
  }

  /** The connection is gone: nobody waits for an answer any more. */
  cancelAll(): void {
    for (const cancel of this.#cancels.values()) cancel.abort();
  }

  /** The answer to a question of a peer; undefined where it is no HTTP request. Throws StanzaRefusal. */
  onQuestion(iq: Element): Promise<Element | undefined> | undefined {
    if (iq.attrs['type'] !== 'set') return undefined;
    const from = iq.attrs['from'] ?? '';
    let decoded: ReturnType<typeof decodeRequest>;
    try {
      decoded = decodeRequest(iq);
    } catch (error) {
      throw new StanzaRefusal('bad-request', 'modify', error instanceof ExchangeError ? error.message : undefined);
    }
    if (!decoded) return undefined;
    const { request, dialect } = decoded;
    const call = { from, method: request.method, resource: request.resource, bodyBytes: request.body.length };
    const verdict = judgeCall(this.parts.policy(), call);
    if (!verdict.allowed) {
      this.#tellDenied(from, request, verdict.why);
      if (verdict.why === 'stranger') throw new StanzaRefusal('forbidden', 'auth'); // I2
      const status = verdict.why === 'size' ? 413 : 403;
      return Promise.resolve(encodeResponse(problem(status, 'This peer may not call that.'), dialect));
    }
    if (this.#underWay >= MAX_UNDER_WAY)
      return Promise.resolve(encodeResponse(problem(503, 'Too many requests are under way.'), dialect));
    this.#underWay += 1;
    const delayed = iq.getChild('delay', DELAY) !== undefined;
    return this.#perform(from, request, dialect, verdict.rule, delayed).finally(() => (this.#underWay -= 1));
  }

  async #perform(
    from: string,
    request: HttpRequest,
    dialect: Dialect,
    rule: PeerRule,
    delayed: boolean,
  ): Promise<Element> {
    const cancel = new AbortController();
    const key = cancelKey(from, headerOf(request.headers, CANCEL_HEADER) ?? randomUUID());
    this.#cancels.set(key, cancel);
    try {
      const { response, pieces } = await this.#forward(from, request, rule, delayed, cancel.signal);
      this.parts.onOutcome('answered');
      if (pieces === undefined && fitsInline(response.body, dialect)) {
        this.#cancels.delete(key);
        return encodeResponse(response, dialect);
      }
      if (dialect === 'slixmpp') throw new ExchangeError(502, 'The answer is too large for this peer.');
      const sid = randomUUID();
      // After the answer has left: the peer takes the stream that it was told of.
      setImmediate(() => void this.#pump(from, sid, pieces ?? [response.body], cancel, key));
      return encodeResponse({ ...response, body: Buffer.alloc(0) }, dialect, sid);
    } catch (error) {
      this.#cancels.delete(key);
      cancel.abort();
      return encodeResponse(this.#problemOf(error), dialect);
    }
  }

  async #pump(
    to: string,
    sid: string,
    pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    cancel: AbortController,
    key: string,
  ): Promise<void> {
    const session = this.parts.session();
    try {
      if (session) await sendStream(session, to, sid, iterate(pieces), cancel.signal);
    } catch (error) {
      this.parts.log.debug({ err: error }, 'the stream of an answer ended early');
    } finally {
      cancel.abort(); // I5: whatever still produces it stops
      this.#cancels.delete(key);
    }
  }

  #problemOf(error: unknown): HttpResponse {
    this.parts.onOutcome('failed');
    if (error instanceof ExchangeError) return problem(error.status, error.message);
    const { code, message } = toPublicError(error);
    if (!(error instanceof AppError)) this.parts.log.error({ err: error }, 'a request over XMPP failed');
    return problem(ERROR_CODES[code].http, message, code);
  }

  async #forward(
    from: string,
    request: HttpRequest,
    rule: PeerRule,
    delayed: boolean,
    signal: AbortSignal,
  ): Promise<{ response: HttpResponse; pieces?: AsyncIterable<Uint8Array> }> {
    checkRequest(request);
    const left = timeLeft(request.headers, Date.now()) ?? DEFAULT_TIMEOUT_MS;
    if (delayed || left <= 0) throw new ExchangeError(408, 'The request came too late and was not performed.'); // I3
    if (Number(headerOf(request.headers, HOP_HEADER) ?? 0) > MAX_HOPS)
      throw new ExchangeError(508, 'The request has passed too many bridges: hosts are mapped in a circle.');
    const bare = bareOf(from);
    await this.#limiter(rule.perMinute)
      .consume(bare)
      .catch(() => {
        throw new AppError('rate_limited', 'This peer sends too many requests.');
      });
    const principal: Principal = { tenantId: rule.tenant, userId: encodeId(`xmpp:${bare}`), role: 'user', via: 'xmpp' };
    const headers = carriedHeaders(request.headers);
    const pipe = new Pipe(MAX_BUFFERED_BYTES);
    const streaming = new Promise<HttpResponse>((resolve) => {
      pipe.onHead = ({ status, headers: answered }) =>
        resolve({ status, headers: carriedHeaders(answered), body: Buffer.alloc(0) });
    });
    const whole = this.parts.bus
      .request(
        httpRequest,
        {
          principal,
          fromJid: from,
          method: request.method,
          resource: request.resource,
          headers: [...headers.map(([name, value]): [string, string] => [name, value]), [FROM_HEADER, from]], // I1
          body: request.body.toString('base64'),
        },
        { timeoutMs: Math.min(left, MAX_TIMEOUT_MS), signal, onProgress: (frame) => pipe.take(frame) },
      )
      .then(
        (answer) => {
          pipe.end();
          return {
            status: answer.status,
            headers: carriedHeaders(answer.headers),
            body: Buffer.from(answer.body, 'base64'),
          };
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
    whole.catch(() => undefined); // told by the pipe
    // A short answer in pieces may be complete before anybody looks at its head.
    return pipe.headSeen && !('pieces' in first)
      ? { response: { ...first.response, body: Buffer.alloc(0) }, pieces: pipe }
      : first;
  }

  #limiter(perMinute: number): RateLimiterMemory {
    let limiter = this.#limiters.get(perMinute);
    if (!limiter) {
      limiter = new RateLimiterMemory({ points: perMinute, duration: 60 });
      this.#limiters.set(perMinute, limiter);
    }
    return limiter;
  }

  #tellDenied(from: string, { method, resource }: HttpRequest, reason: string): void {
    this.parts.onOutcome('denied');
    const path = resource.split('?')[0]!.slice(0, 200);
    const fact: SystemFact = {
      type: 'xmpp.peer.denied',
      data: { jid: bareOf(from).slice(0, 500), method: method.slice(0, 16), path, reason },
    };
    this.parts.bus
      .publishSystem(fact)
      .catch((error: unknown) => this.parts.log.warn({ err: error, ...fact.data }, 'a fact was not published'));
  }
}

function problem(status: number, detail: string, code?: string): HttpResponse {
  const body = JSON.stringify({ status, detail, ...(code === undefined ? {} : { code }) });
  return { status, headers: [['content-type', 'application/problem+json']], body: Buffer.from(body) };
}

function cancelKey(from: string, id: string): string {
  return JSON.stringify([from, id]);
}

async function* iterate(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array, undefined> {
  for await (const piece of pieces) yield piece;
}
