import { type Element, xml } from '@xmpp/client';
import { sleep } from '@switchyard/platform';
import { type LimitFacts, type OtherSession, type PeerFacts, type PresenceFacts, SLOW_BYTES_PER_S } from './judges.ts';
import { NS_DISCO, NS_ROSTER } from '../presence/index.ts';
import { IqError, Session } from '../session/index.ts';
import type { OpenStream } from '../login/index.ts';
import { bareOf, Peers } from '../peers/index.ts';
import { INLINE_LIMIT, NS_HTTP } from '../http-over-xmpp/xep-0332.ts';

/*
 * Runs the checks that need a session, beside a bridge that may be running.
 *
 * - The session has a negative priority, so no stanza for the account reaches it.
 * - The doctor sends only to itself and to the server, or asks a peer what it supports. It makes no peer carry out a
 *   request.
 */

const NS_DOCTOR = 'urn:switchyard:doctor:0';
const PINGS = 5;
const SIZES = [16_384, 65_536, 102_400, 131_072, 250_000];
const SELF_PRIORITY = -1;
const HEAD_BYTES = 4_096;
const MAX_PEERS = 32;
const OFFLINE: ReadonlySet<string> = new Set(['service-unavailable', 'recipient-unavailable']);

export class DoctorSession {
  readonly session: Session;
  readonly #presences = new Map<string, number>();
  readonly #messages: Element[] = [];
  readonly #peers: Peers;
  #refused: string | null = null;
  ended: { condition: string; why: string } | null = null;

  /** JIDs; and those of them that are called by message, whatever they announce. */
  readonly #mapped: readonly string[];
  readonly #byMessage: ReadonlySet<string>;
  readonly #stepMs: number;
  readonly #signal: AbortSignal;

  constructor(
    stream: OpenStream,
    mapped: readonly string[],
    byMessage: ReadonlySet<string>,
    stepMs: number,
    signal: AbortSignal,
  ) {
    this.#mapped = mapped;
    this.#byMessage = byMessage;
    this.#stepMs = stepMs;
    this.#signal = signal;
    const known = new Set(mapped.map(bareOf));
    this.#peers = new Peers((jid) => known.has(jid));
    this.session = new Session(
      stream,
      {
        onQuestion: (iq) => (iq.attrs['from'] === stream.jid ? Promise.resolve(undefined) : undefined),
        onMessage: (message) => void (this.#messages.length < 64 && this.#messages.push(message)),
        onPresence: (presence) => this.#onPresence(presence),
        onDropped: () => undefined,
        onClose: (why, condition) => (this.ended = { condition: condition ?? 'undefined-condition', why }),
      },
      { pingMs: 600_000, pongMs: stepMs, maxPending: 64, priority: SELF_PRIORITY },
    );
  }

  close(): void {
    this.session.close('the diagnosis is over');
  }

  #onPresence(presence: Element): void {
    const { from = '', type } = presence.attrs;
    if (type === 'error') this.#refused = presence.getChild('error')?.getChildElements()[0]?.getName() ?? 'error';
    if (bareOf(from) === bareOf(this.session.jid)) {
      if (type === 'unavailable') this.#presences.delete(from);
      else if (type === undefined && this.#presences.size < 256)
        this.#presences.set(from, Number(presence.getChildText('priority') ?? 0) || 0);
    }
    this.#peers.takePresence(presence);
  }

  /** Waits until `done`, or for `limitMs`. */
  async #until(done: () => boolean, limitMs: number): Promise<void> {
    for (const end = Date.now() + limitMs; !done() && Date.now() < end && this.session.open;)
      await sleep(10, this.#signal);
  }

  async presence(): Promise<PresenceFacts> {
    const own = this.session.jid;
    await this.#until(() => this.#presences.has(own) || this.#refused !== null, Math.min(this.#stepMs, 2_000));
    const answer = await this.session
      .ask('get', xml('query', { xmlns: NS_ROSTER }), { timeoutMs: this.#stepMs, signal: this.#signal })
      .catch(() => undefined);
    const items = answer?.getChild('query', NS_ROSTER)?.getChildren('item') ?? [];
    const roster = new Map(items.map(({ attrs }) => [bareOf(attrs['jid'] ?? ''), attrs['subscription'] ?? 'none']));
    const mapped = [...new Set(this.#mapped.map(bareOf))];
    return { refused: this.#refused, reflected: this.#presences.has(own), roster: answer ? roster : undefined, mapped };
  }

  /** `lost`: why there was no answer. */
  async pings(): Promise<{ readonly pings: number[]; readonly lost: string | null }> {
    const pings: number[] = [];
    try {
      while (pings.length < PINGS) pings.push(await this.session.ping(this.#stepMs));
      return { pings, lost: null };
    } catch (error) {
      return { pings, lost: error instanceof Error ? error.message : 'no answer' };
    }
  }

  /** Sends a stanza to ourselves by way of the server and times it. */
  async #roundTrip(bytes: number, timeoutMs: number): Promise<number> {
    const { session } = this;
    const signal = this.#signal;
    const began = performance.now();
    const payload = xml('payload', { xmlns: NS_DOCTOR }, 'x'.repeat(bytes));
    await session.ask('set', payload, { to: session.jid, timeoutMs, signal });
    return performance.now() - began;
  }

  async latency(): Promise<number[]> {
    const trips: number[] = [];
    while (trips.length < PINGS) trips.push(await this.#roundTrip(1_024, this.#stepMs));
    return trips;
  }

  /** Run this on a session that may be lost by it. */
  async limits(): Promise<Pick<LimitFacts, 'sent' | 'neededBytes'>> {
    const sent: { bytes: number; ms: number | null; why: string }[] = [];
    const limitMs = this.#stepMs * 3;
    for (const bytes of SIZES) {
      try {
        sent.push({ bytes, ms: await this.#roundTrip(bytes, limitMs), why: '' });
      } catch (error) {
        this.#signal.throwIfAborted();
        const late = error instanceof IqError && error.code === 'deadline';
        const refused = error instanceof IqError && error.code === 'refused' ? error.condition : undefined;
        const why = this.ended?.why ?? refused ?? 'no answer';
        sent.push({ bytes, ms: late && this.session.open ? limitMs : null, why });
        break;
      }
      const last = sent.at(-1)!;
      if (bytes >= 64_000 && last.bytes / (last.ms! / 1_000) < SLOW_BYTES_PER_S) break;
    }
    return { sent, neededBytes: INLINE_LIMIT + HEAD_BYTES };
  }

  /** Asks the peers, or the first of them if there are many. */
  peers(): Promise<PeerFacts[]> {
    const domain = domainOf(this.session.jid);
    return Promise.all(
      [...new Set(this.#mapped)]
        .slice(0, MAX_PEERS)
        .map(async (jid) => ({ ...(await this.#peer(jid)), isElsewhere: domainOf(jid) !== domain })),
    );
  }

  async #peer(jid: string): Promise<PeerFacts> {
    const address = this.#peers.addressOf(jid);
    const question = { to: address, timeoutMs: this.#stepMs, signal: this.#signal };
    const refusal = (error: unknown): string => {
      if (!(error instanceof IqError)) throw error;
      return error.code === 'refused' ? error.condition : 'silent';
    };
    const saidBy = (error: unknown): string | undefined =>
      (error instanceof IqError ? error.stanza?.getChild('error')?.getChildText('text') : null) ?? undefined;
    try {
      const answer = await this.session.ask('get', xml('query', { xmlns: NS_DISCO }), question);
      const features = answer.getChild('query', NS_DISCO)?.getChildren('feature') ?? [];
      if (!features.some(({ attrs }) => attrs['var'] === NS_HTTP)) return { jid, address, refused: null, wire: 'aztm' };
    } catch (error) {
      const refused = refusal(error);
      // A message reaches the account whatever its resource is called, and only its presence would tell the resource.
      if (this.#byMessage.has(jid) && OFFLINE.has(refused) && !this.#peers.isPresent(address))
        return { jid, address, refused: null, wire: 'aztm', isUnseen: true };
      // An old peer knows no disco, but it is there.
      if (refused !== 'feature-not-implemented') return { jid, address, refused, said: saidBy(error), wire: null };
      return { jid, address, refused: null, wire: 'aztm' };
    }
    // Without method and resource this is no request, so the peer carries out nothing. A peer that knows the element
    // answers that it is incomplete; a peer that does not know it answers `feature-not-implemented`.
    const wire = await this.session.ask('set', xml('req', { xmlns: NS_HTTP, version: '1.1' }), question).then(
      () => 'http' as const,
      (error: unknown) => (refusal(error) === 'feature-not-implemented' ? ('slixmpp' as const) : ('http' as const)),
    );
    return { jid, address, refused: null, wire };
  }

  /** Other sessions of the account, without those of a bridge with this configuration. */
  others(isOurs: (resource: string) => boolean): OtherSession[] {
    return [...this.#presences]
      .filter(([jid]) => jid !== this.session.jid && !isOurs(jid.slice(jid.indexOf('/') + 1)))
      .map(([jid, priority]) => ({ jid, priority }));
  }

  /** Whether the server stores messages for accounts that are away. */
  async offline(): Promise<{ stored: string | null; announced: boolean; refused: string | null }> {
    const { session } = this;
    const stepMs = this.#stepMs;
    const domain = bareOf(session.jid).split('@')[1]!;
    const info = await session
      .ask('get', xml('query', { xmlns: NS_DISCO }), { to: domain, timeoutMs: stepMs, signal: this.#signal })
      .catch(() => undefined);
    const features = info?.getChild('query', NS_DISCO)?.getChildren('feature') ?? [];
    const announced = features.some(({ attrs }) => attrs['var'] === 'msgoffline');
    // A session that receives the account's messages would get this one.
    const isTaken = [...this.#presences].some(([jid, priority]) => jid !== session.jid && priority >= 0);
    if (isTaken) return { stored: null, announced, refused: null };
    const id = `doctor-${session.jid.split('/')[1] ?? ''}`;
    const ours = (): Element | undefined => this.#messages.find(({ attrs }) => attrs['id'] === id);
    session.send(xml('message', { to: bareOf(session.jid), type: 'chat', id }, xml('body', {}, 'switchyard doctor')));
    await session.ping(stepMs);
    await this.#until(() => ours() !== undefined, 100);
    const refused = ours()?.attrs['type'] === 'error' ? ours()!.toString() : null;
    if (refused !== null || ours()) return { stored: null, announced, refused };
    session.send(xml('presence', { type: 'unavailable' }));
    session.announce(0);
    await session.ping(stepMs);
    await this.#until(() => ours() !== undefined, announced ? 2_000 : 300);
    session.announce(SELF_PRIORITY);
    return { stored: ours()?.getChild('delay') ? ours()!.toString().slice(0, 2_000) : null, announced, refused };
  }
}

function domainOf(jid: string): string {
  const bare = bareOf(jid);
  return bare.slice(bare.indexOf('@') + 1).toLowerCase();
}
