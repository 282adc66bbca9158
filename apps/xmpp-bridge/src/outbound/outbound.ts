import { AppError } from '@switchyard/contracts';
import type { Logger } from '@switchyard/platform';
import { mappedJid, type ServiceMap } from '@switchyard/safe-fetch';
import { askByIq, type IqAnswer } from './ask-by-iq.ts';
import { askByMessage } from './ask-by-message.ts';
import type { IncomingChunks } from '../http-over-xmpp/chunks.ts';
import type { ReplyListener, PeerFeatures, PeerWire } from '../presence/index.ts';
import type { Exchanges, Whose } from '../http-over-xmpp/exchanges.ts';
import {
  carriedHeaders,
  type CarryCall,
  checkRequest,
  ExchangeError,
  headerOf,
  type HeaderList,
  HOP_HEADER,
  type HttpRequest,
  type HttpResponse,
  keyOf,
  TIMEOUT_HEADER,
} from '../wire/index.ts';
import type { IncomingStreams } from '../http-over-xmpp/ibb.ts';
import { IqError, type Session } from '../session/index.ts';
import { isLate, isOffline, toAppError } from './errors.ts';
import { bareOf, type PeerHealth, type Peers } from '../peers/index.ts';
import { isPolicyViolation, type StanzaCap } from '../http-over-xmpp/stanza-cap.ts';
import { DigestOfStream, inlineChars } from '../http-over-xmpp/xep-0332.ts';

/*
 * Carries an HTTP request to the agent that serves a mapped host.
 *
 * - The bridge refuses a host that is not mapped. It never calls a host over the network.
 * - The bridge repeats a request that the peer may have performed only once, and only if that does no harm: its method
 *   is safe, or it has an Idempotency-Key. Any other such request ends with "the outcome is not known".
 * - Every request ends by its deadline, with a response or with a typed error.
 * - The bridge streams a response that comes in pieces. A response that is cut, or that differs from its headers, ends
 *   in an error and never as a short body.
 * - If the caller goes away, the bridge cancels the peer's work, before and during the response.
 * - The bridge does not repeat a stanza for which a server ended the stream.
 */

export interface OutboundParts {
  readonly serviceMap: ServiceMap;
  readonly session: () => Session | null;
  /** Why there is no session. */
  readonly sentence: () => string;
  /** Resolves when the login stands; rejects where the signal aborts first. */
  readonly online: (signal: AbortSignal) => Promise<void>;
  readonly peers: Peers;
  readonly features: PeerFeatures;
  readonly health: PeerHealth;
  readonly streams: IncomingStreams;
  readonly chunks: IncomingChunks;
  readonly bodyLimit: number;
  readonly cap: StanzaCap;
  readonly exchanges: Exchanges;
  readonly replyListener: Pick<ReplyListener, 'during'>;
  /** An id for a request whose answer may come to the bare JID. */
  readonly newId: () => string;
  readonly log: Logger;
}

/** One request of a service. */
export interface Asked {
  /** host:port, as in the map. */
  readonly host: string;
  /** For the record of exchanges only. */
  readonly onBehalfOf?: Whose | undefined;
  readonly method: string;
  readonly resource: string;
  readonly headers: HeaderList;
  /** Fetched once the request can be sent: its caller may send it in pieces. */
  readonly body: () => Promise<Buffer>;
}

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const PROBE_LIMIT_MS = 2_000;
const MAX_HOSTS = 1_024;

interface UnderWay {
  readonly session: Session;
  readonly body: Buffer;
}

/** What is known about one request so far. */
interface Told {
  head: boolean;
  sawPeer: boolean;
}

export class Outbound {
  readonly #underWay = new Set<UnderWay>();
  /** For streams that a server ended for its policy: the request with the largest stanza. */
  readonly #tooLarge = new WeakMap<Session, UnderWay | undefined>();

  readonly #jids = new Map<string, string>();

  readonly #parts: OutboundParts;

  constructor(parts: OutboundParts) {
    this.#parts = parts;
  }

  /** Rejects with AppError. */
  async carry(asked: Asked, call: CarryCall): Promise<HttpResponse> {
    const jid = this.#jidOf(asked.host);
    try {
      this.#session();
      const request = this.#request(asked, await asked.body());
      const begun = { whose: asked.onBehalfOf, peer: jid, ...request, bytes: request.body.length };
      return await this.#parts.exchanges.carried(begun, call, (booked) =>
        this.#twice(jid, request, booked).catch((error: unknown) => {
          throw told(error, jid, call);
        }),
      );
    } catch (error) {
      throw told(error, jid, call);
    }
  }

  #session(): Session {
    const session = this.#parts.session();
    if (!session) throw new AppError('unavailable', this.#parts.sentence());
    return session;
  }

  #jidOf(host: string): string {
    const known = this.#jids.get(host);
    if (known !== undefined) return known;
    const url = URL.canParse(`http://${host}`) ? new URL(`http://${host}`) : undefined;
    const jid = url && mappedJid(this.#parts.serviceMap, url);
    if (!jid) throw new AppError('not_mapped');
    if (this.#jids.size >= MAX_HOSTS) this.#jids.clear(); // a pattern may match any number of hosts
    this.#jids.set(host, jid);
    return jid;
  }

  #request({ method, resource, headers }: Asked, body: Buffer): HttpRequest {
    checkRequest({ method, resource });
    const hops = Number(headerOf(headers, HOP_HEADER) ?? 0) + 1;
    // A header costs a server as much as a hundred bytes, so headers without information are not sent.
    const carried = carriedHeaders(headers).filter(([name, value]) => name !== 'accept' || value !== '*/*');
    return { method, resource, headers: hops === 1 ? carried : [...carried, [HOP_HEADER, String(hops)]], body };
  }

  /** Repeats a request whose connection or peer was lost, if that does no harm and no response has begun. */
  async #twice(jid: string, request: HttpRequest, call: CarryCall): Promise<HttpResponse> {
    const told: Told = { head: false, sawPeer: false };
    try {
      return await this.#once(jid, request, call, told);
    } catch (error) {
      const lost = error instanceof IqError && (error.code === 'connection_lost' || error.code === 'peer_lost');
      const harmless =
        lost && (error.effect === 'not_sent' || SAFE.has(request.method) || keyOf(request) !== undefined);
      if (!harmless || told.head) throw error;
      await this.#back(jid, error, told, call);
      return await this.#once(jid, request, call, told);
    }
  }

  /** Resolves when the lost peer or connection is back; rejects with `error` if that takes too long. */
  async #back(jid: string, error: IqError, { sawPeer }: Told, { signal, deadline }: CarryCall): Promise<void> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), Math.max(0, deadline - Date.now()));
    const stop = (): void => limit.abort();
    signal.addEventListener('abort', stop, { once: true });
    try {
      await this.#parts.online(limit.signal);
      // A peer whose presence we see comes back by itself; the server of both may have been away.
      if (sawPeer) await this.#parts.peers.whenPresent(jid, limit.signal);
    } catch {
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  }

  async #once(jid: string, request: HttpRequest, call: CarryCall, told: Told): Promise<HttpResponse> {
    const session = this.#session();
    const to = this.#parts.peers.addressOf(jid);
    told.sawPeer ||= this.#parts.peers.isPresent(to);
    const response = await this.#ask(session, jid, to, this.#timed(request, call.deadline), call);
    const head = { status: response.status, headers: carriedHeaders(response.headers) };
    if (response.sid === undefined) return { ...head, body: response.body };
    told.head = true;
    call.onHead(head);
    const digest = new DigestOfStream(response.headers);
    for await (const piece of this.#parts.streams.read(session, to, response.sid, call.signal)) {
      digest.take(piece);
      call.onPiece(piece);
    }
    digest.check();
    return { ...head, body: Buffer.alloc(0) };
  }

  async #ask(session: Session, jid: string, to: string, request: HttpRequest, call: CarryCall): Promise<IqAnswer> {
    const { health } = this.#parts;
    const bare = bareOf(jid);
    if (!this.#mayCall(jid, bare)) await this.#askFirst(session, jid, to);
    const mine = { session, body: request.body };
    this.#underWay.add(mine);
    try {
      const wire = await this.#wireOf(session, jid, to, call.deadline);
      const answer =
        wire === 'aztm'
          ? await this.#askByMessage(session, jid, request, call)
          : await askByIq(this.#parts, session, to, request, call, wire === 'text' ? 'text' : 'standard');
      health.tell(bare, 'answered', Date.now());
      return answer;
    } catch (error) {
      if (isOffline(error)) {
        this.#parts.features.forget(to);
        health.tell(bare, 'offline', Date.now());
      } else if (isLate(error, call.deadline, Date.now())) health.tell(bare, 'late', Date.now());
      if (this.#wasTooLarge(mine, error))
        throw new ExchangeError(413, 'The XMPP server refused the size of this request.');
      throw error;
    } finally {
      this.#underWay.delete(mine);
    }
  }

  /** The library answers to the bare JID, not to the session. */
  #askByMessage(session: Session, jid: string, request: HttpRequest, call: CarryCall): Promise<IqAnswer> {
    const { replyListener, newId, cap } = this.#parts;
    const names = { id: newId(), corr: newId() };
    return replyListener.during(session, () => askByMessage(session, jid, names, request, call, cap.stanzaBytes));
  }

  /**
   * True if the server ended the stream for this request, which is then not repeated: the largest request under way
   * counts as the cause. All of them end at the same moment, so the first check still sees them all.
   */
  #wasTooLarge(mine: UnderWay, error: unknown): boolean {
    const lost = error instanceof IqError && error.code === 'connection_lost';
    if (!lost || !isPolicyViolation(error.message)) return false;
    if (!this.#tooLarge.has(mine.session)) {
      const chars = ({ body }: UnderWay): number => Math.min(inlineChars(body), this.#parts.cap.chars);
      const [largest] = [...this.#underWay]
        .filter(({ session }) => session === mine.session)
        .sort((a, b) => chars(b) - chars(a));
      this.#tooLarge.set(mine.session, largest);
    }
    return this.#tooLarge.get(mine.session) === mine;
  }

  /** False: the peer must first show that it answers. */
  #mayCall(jid: string, bare: string): boolean {
    const before = this.#parts.health.before(bare, Date.now());
    if (before === 'give up')
      throw new AppError('agent_unreachable', `${jid} is offline, or there is no such account.`);
    return before === 'call' || this.#isAztm(jid);
  }

  async #askFirst(session: Session, jid: string, to: string): Promise<void> {
    const { features, peers } = this.#parts;
    features.forget(to);
    const alive = await features.answers(session, to, peers.isPresent(to), PROBE_LIMIT_MS);
    if (!alive) throw new AppError('agent_unreachable', `${jid} is online but does not answer.`);
  }

  #wireOf(session: Session, jid: string, to: string, deadline: number): Promise<PeerWire> {
    if (this.#isAztm(jid)) return Promise.resolve('aztm');
    const { features, peers } = this.#parts;
    return features.wireOf(session, to, peers.isPresent(to), deadline - Date.now());
  }

  #isAztm(jid: string): boolean {
    return this.#parts.serviceMap.aztm?.has(jid) ?? false;
  }

  #timed(request: HttpRequest, deadline: number): HttpRequest {
    const left = deadline - Date.now();
    if (left <= 0) throw new ExchangeError(504, 'The deadline has passed.');
    return { ...request, headers: [...request.headers, [TIMEOUT_HEADER, String(left)]] };
  }
}

/** A failure because the caller left, or because the time was over, is not the peer's fault. */
function told(error: unknown, jid: string, { signal, deadline }: CarryCall): AppError {
  if (error instanceof AppError || !signal.aborted) return toAppError(error, jid);
  if (Date.now() < deadline) return new AppError('cancelled', undefined, { cause: error });
  return new AppError('upstream_timeout', `${jid} did not answer in time.`, { cause: error });
}
