import { createHash, randomBytes } from 'node:crypto';
import { type Element, xml } from '@xmpp/client';
import type { Bus, Subscription } from '@switchyard/bus';
import {
  type CarriedFrame,
  type InputOf,
  type OutputOf,
  xmppBody,
  type xmppRequest,
  type XmppStatus,
} from '@switchyard/contracts';
import type { Logger, Metrics } from '@switchyard/platform';
import { CarriedBodies } from '@switchyard/safe-fetch';
import { decodeAztm } from './aztm-v1.ts';
import { type BridgeState, initialState, toStatus, withSeat } from './bridge-state.ts';
import type { BridgeConfig } from './config.ts';
import { IncomingChunks } from './chunks.ts';
import { Credentials } from './credentials.ts';
import { answerDisco, PeerFeatures } from './disco.ts';
import { Answers } from './answers.ts';
import { Exchanges } from './exchanges.ts';
import { type AskGateway, gatewayOverBus } from './gateway-over-bus.ts';
import type { HttpResponse } from './http-exchange.ts';
import { handsOn, Hearing } from './hearing.ts';
import { IncomingStreams } from './ibb.ts';
import { Inbound } from './inbound.ts';
import { InboundAztm } from './inbound-aztm.ts';
import { InboundIq } from './inbound-iq.ts';
import { Keeper, type LoginFlaw } from './keeper.ts';
import { login, type LoginOptions } from './login.ts';
import { type Asked, type CarryCall, Outbound } from './outbound.ts';
import { PeerHealth } from './peer-health.ts';
import { ruleFor } from './peer-policy.ts';
import { PolicyFile } from './policy-file.ts';
import { ACCOUNT_PRIORITY, bareOf, INBOUND_RESOURCE, Peers } from './peers.ts';
import { Replay } from './replay.ts';
import { Roster } from './roster.ts';
import { Seat } from './seat.ts';
import { OUTCOMES, SharedOutcomes } from './shared-outcomes.ts';
import { SESSION_DEFAULTS, type SessionHandlers } from './session.ts';
import { isPolicyViolation, StanzaCap } from './stanza-cap.ts';
import { INLINE_LIMIT } from './xep-0332.ts';

export interface BridgeParts {
  readonly bus: Pick<Bus, 'request' | 'answer' | 'publishSystem' | 'lease' | 'records'>;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Who performs what peers want of us; the gateway, over the bus, where it is absent. */
  readonly askGateway?: AskGateway;
}

/** What is needed of a call on the bus. */
export interface BusCall {
  readonly signal: AbortSignal;
  readonly deadline: number;
  progress(frame: CarriedFrame): void;
}

/**
 * Owns the AZTM login: the one holder of the account's password.
 *
 * Each replica keeps a session of its own, over which it asks. The one that has the seat keeps a second one, under the
 * resource that peers know, over which it answers.
 */
export class Bridge {
  readonly #instance = randomBytes(5).toString('hex');
  readonly #credentials: Credentials | undefined;
  readonly #keeper: Keeper;
  readonly #seat: Seat | undefined;
  readonly #outbound: Outbound;
  readonly #peers: Peers;
  readonly #mapped: ReadonlySet<string>;
  readonly #streams = new IncomingStreams();
  readonly #chunks = new IncomingChunks();
  readonly #features = new PeerFeatures();
  readonly #health = new PeerHealth();
  readonly #bodies = new CarriedBodies();
  readonly #exchanges: Exchanges;
  readonly #hearing: Hearing;
  readonly #answers: Answers;
  readonly #cap: StanzaCap;
  readonly #policy: PolicyFile;
  readonly #roster = new Roster();
  readonly #served: { readonly inbound: Inbound; readonly iq: InboundIq; readonly aztm: InboundAztm } | undefined;
  readonly #waiting = new Set<() => void>();
  readonly #changes: ReturnType<Metrics['counter']>;
  readonly #onFlaw: (flaw: LoginFlaw) => void;
  #told: XmppStatus['state'];
  #pieces: Promise<Subscription> | undefined;

  constructor(
    private readonly config: BridgeConfig,
    private readonly parts: BridgeParts,
  ) {
    const { log, metrics } = parts;
    this.#told = initialState(config).state;
    this.#changes = metrics.counter('xmpp_login_changes_total', 'Changes of the state of the login', ['state']);
    this.#onFlaw = flawCounter(metrics);
    this.#policy = new PolicyFile(config.peerPolicyFile, config.peerPolicy, log);
    this.#cap = new StanzaCap(Math.min(config.inlineLimitBytes, INLINE_LIMIT));
    this.#mapped = new Set([...config.serviceMap.values()].map(bareOf));
    this.#peers = new Peers((jid) => this.#mapped.has(jid), {
      onGone: (fullJid) => {
        this.#features.forget(fullJid);
        this.#keeper.session?.failTo(fullJid);
      },
      onThere: (bareJid) => this.#health.forget(bareJid),
    });
    const dropped = metrics.counter('xmpp_replies_dropped_total', 'Answers that nobody waited for', ['why']);
    const onDropped: SessionHandlers['onDropped'] = (outcome, from) => {
      dropped.inc({ why: outcome });
      if (outcome === 'spoofed')
        log.warn({ from: from?.slice(0, 200) }, 'an answer came from somebody who was not asked');
    };
    const { login: account } = config;
    this.#credentials = account && new Credentials(account, () => this.#tryAgain('a file of the login changed'), log);
    this.#exchanges = new Exchanges({ ...parts, own: bareOf(config.login?.jid ?? '') });
    this.#hearing = new Hearing(bareOf(config.login?.jid ?? ''));
    this.#answers = new Answers({
      ...parts,
      name: this.#instance,
      take: (message) => this.#keeper.session?.takeAnswer(message),
      isPeer: (jid) => this.#mapped.has(jid),
      onDropped: (from) => onDropped('unknown', from),
    });
    this.#served = this.#inbound();
    this.#seat = this.#served && this.#makeSeat(onDropped);
    this.#keeper = new Keeper(initialState(config), {
      login: (signal, onStep) => {
        const resource = `${config.login!.resource}.${this.#instance}.${randomBytes(3).toString('hex')}`;
        return login(this.#loginOptions(resource), signal, onStep);
      },
      handlers: { ...this.#handlers(undefined), onDropped },
      session: SESSION_DEFAULTS,
      log,
      onFlaw: this.#onFlaw,
      onChange: this.#ownTeller(),
    });
    this.#outbound = new Outbound({
      serviceMap: config.serviceMap,
      session: () => this.#keeper.session,
      sentence: () => this.#keeper.state.sentence,
      online: (signal) => this.#online(signal),
      peers: this.#peers,
      features: this.#features,
      health: this.#health,
      streams: this.#streams,
      chunks: this.#chunks,
      bodyLimit: config.streamLimitBytes,
      cap: this.#cap,
      exchanges: this.#exchanges,
      hearing: this.#hearing,
      newId: () => this.#answers.newId(),
      log,
    });
    metrics.gauge('xmpp_online', 'Whether the AZTM login stands', [], () =>
      this.#keeper.state.state === 'online' ? 1 : 0,
    );
    metrics.gauge('xmpp_serving', 'Whether this replica takes what peers ask', [], () => (this.#seat?.session ? 1 : 0));
    metrics.gauge(
      'xmpp_requests_open',
      'Requests over XMPP without an answer',
      [],
      () => this.#keeper.session?.pending ?? 0,
    );
  }

  start(): void {
    this.#keeper.start();
    const { bus } = this.parts;
    const { name } = this.#bodies;
    this.#answers.start();
    this.#pieces = bus.answer(xmppBody, (piece) => Promise.resolve(this.#bodies.piece(piece)), { as: name });
  }

  async stop(): Promise<void> {
    this.#credentials?.stop();
    this.#policy.stop();
    await this.#seat?.leave();
    await this.#keeper.stop();
    await this.#answers.stop();
    await (await this.#pieces)?.stop();
    await this.#exchanges.flush();
  }

  /** Reads again what lies in files, and tries a login that does not stand at once, whatever it failed of. */
  async reload(): Promise<void> {
    await Promise.all([this.#credentials?.look(), this.#policy.look()]);
    this.#tryAgain('it was asked to');
  }

  status(): XmppStatus {
    return toStatus(this.config, this.#keeper.state, this.#seat?.view ?? null);
  }

  /** Carries one request of a service on the bus. */
  async carry(input: InputOf<typeof xmppRequest>, call: BusCall): Promise<OutputOf<typeof xmppRequest>> {
    const body = (): Promise<Buffer> => this.#bodies.take(input, this.config.streamLimitBytes, call);
    const pairs = (headers: HttpResponse['headers']) => headers.map(([name, value]): [string, string] => [name, value]);
    const {
      status,
      headers,
      body: answered,
    } = await this.exchange(
      { ...input, body },
      {
        signal: call.signal,
        deadline: call.deadline,
        onHead: (head) => call.progress({ head: { status: head.status, headers: pairs(head.headers) } }),
        onPiece: (piece) => call.progress({ chunk: piece.toString('base64') }),
      },
    );
    return { status, headers: pairs(headers), body: answered.toString('base64') };
  }

  /** Carries one request to the agent that serves its host. Rejects with AppError. */
  exchange(asked: Asked, call: CarryCall): Promise<HttpResponse> {
    return this.#outbound.carry(asked, call);
  }

  /** Undefined where peers cannot call us. */
  #inbound() {
    const { bus, log, metrics, askGateway } = this.parts;
    if (!this.config.serverMode) return undefined;
    const served = metrics.counter('xmpp_requests_served_total', 'Requests of peers', ['outcome']);
    const repeated = metrics.counter('xmpp_requests_repeated_total', 'Requests of peers that were asked before', []);
    const refused = metrics.counter('xmpp_messages_refused_total', 'Messages of peers that were not performed', [
      'why',
    ]);
    const bodyLimit = this.config.streamLimitBytes;
    const inbound = new Inbound({
      bus,
      log,
      policy: () => this.#policy.policy,
      isContact: (jid) => this.#roster.has(jid),
      askGateway: askGateway ?? gatewayOverBus(bus, bodyLimit),
      replay: new Replay(() => repeated.inc({}), this.#sharedOutcomes()),
      exchanges: this.#exchanges,
      onOutcome: (outcome) => served.inc({ outcome }),
    });
    const session = () => this.#seat?.session ?? null;
    const onDropped = (why: string): void => refused.inc({ why });
    return {
      inbound,
      iq: new InboundIq({ inbound, chunks: this.#chunks, session, bodyLimit, cap: this.#cap, log }),
      aztm: new InboundAztm({ inbound, session, onDropped, log }),
    };
  }

  /** Undefined without an account: there are no peers. */
  #sharedOutcomes(): SharedOutcomes | undefined {
    const { bus, log } = this.parts;
    const { jid } = this.config.login ?? {};
    return jid === undefined ? undefined : new SharedOutcomes(bus.records(OUTCOMES), bareOf(jid), log);
  }

  /** `seated`: of the session that takes what peers ask, whether it does at this moment; undefined for the one that asks. */
  #handlers(seated: (() => boolean) | undefined): Omit<SessionHandlers, 'onClose' | 'onDropped'> {
    const serves = (): boolean => seated?.() ?? false;
    return {
      onQuestion: (iq) =>
        answerDisco(iq, (jid) => this.#knows(jid), serves()) ??
        this.#roster.onQuestion(iq, this.config.login?.jid ?? '') ??
        this.#streams.onQuestion(iq) ??
        (serves() ? this.#served?.iq.onQuestion(iq) : undefined),
      onMessage: (message) => this.#onMessage(message, seated === undefined, serves()),
      onPresence: (presence) => {
        if (presence.attrs['type'] === 'subscribe') this.#onSubscribe(presence.attrs['from'] ?? '');
        else this.#peers.takePresence(presence);
        if (seated === undefined) this.#hearing.takePresence(presence, this.#keeper.session);
      },
    };
  }

  #makeSeat(onDropped: SessionHandlers['onDropped']): Seat {
    const { bus, log } = this.parts;
    const { jid } = this.config.login ?? { jid: '' };
    const seat: Seat = new Seat({
      log,
      lease: (onChange) => bus.lease({ name: leaseOf(jid), holder: this.#instance, onChange }),
      keeper: (onChange) =>
        new Keeper(initialState(this.config), {
          login: (signal, onStep) => login(this.#loginOptions(INBOUND_RESOURCE), signal, onStep),
          handlers: { ...this.#handlers(() => seat.session !== null), onDropped },
          session: { ...SESSION_DEFAULTS, priority: ACCOUNT_PRIORITY, presence: handsOn },
          resource: INBOUND_RESOURCE,
          log,
          onFlaw: this.#onFlaw,
          onChange: (state) => {
            if (state.state === 'offline' && isPolicyViolation(state.sentence)) this.#cap.halve(); // L1
            if (state.state === 'offline' || state.state === 'failed') this.#served?.inbound.cancelAll();
            onChange(state);
          },
        }),
      onChange: () => this.#tell(),
    });
    return seat;
  }

  #loginOptions(resource: string): LoginOptions {
    const { config } = this;
    if (!config.login || !this.#credentials) throw new Error('no account');
    const { password, ca } = this.#credentials;
    return { ...config.login, resource, password, ca };
  }

  #tryAgain(why: string): void {
    if (this.#keeper.state.state === 'online') return;
    this.parts.log.info({ why }, 'the AZTM login is tried again');
    this.#keeper.tryAgain();
  }

  #onMessage(message: Element, asks: boolean, serves: boolean): void {
    if (this.#chunks.onMessage(message)) return;
    this.#streams.onMessage(message);
    if (serves) this.#served?.iq.onMessage(message);
    // Whoever asked hears the answer over the session that asked, also where it comes to the account.
    const session = asks ? this.#keeper.session : null;
    if (message.attrs['type'] === 'error') {
      if (session?.asked(message.attrs['id'] ?? '')) session.takeAnswer(message);
      return;
    }
    const said = decodeAztm(message);
    if (said?.kind === 'response') return asks ? session?.takeAnswer(message) : this.#answers.handOn(message);
    if (said && serves) this.#served?.aztm.onMessage(message, said);
  }

  /** Whoever may call us, or is called by us. */
  #knows(bareJid: string): boolean {
    const rule = ruleFor(this.#policy.policy, bareJid);
    return this.#mapped.has(bareJid) || (rule !== undefined && (!rule.contactsOnly || this.#roster.has(bareJid)));
  }

  #online(signal: AbortSignal): Promise<void> {
    if (this.#keeper.session) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = (then: () => void): void => {
        this.#waiting.delete(onOnline);
        signal.removeEventListener('abort', onAbort);
        then();
      };
      const onOnline = (): void => end(resolve);
      const onAbort = (): void => end(() => reject(new Error('the login does not stand')));
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(onOnline);
    });
  }

  /** What follows from a change of the replica's own login. */
  #ownTeller(): (state: BridgeState) => void {
    let last = initialState(this.config).state;
    return ({ state, sentence }) => {
      if (state === last) return this.#tell();
      last = state;
      if (state === 'offline' && isPolicyViolation(sentence)) this.#cap.halve(); // L1
      if (state === 'online') {
        this.#subscribe();
        for (const onOnline of [...this.#waiting]) onOnline();
        this.#seat?.loginStands(true);
      } else if (state === 'offline' || state === 'failed') {
        this.#forget();
        this.#seat?.loginStands(false);
      }
      this.#tell();
    };
  }

  /** Tells each change of the replica as a whole once, on the bus. */
  #tell(): void {
    const { state, sentence } = withSeat(this.#keeper.state, this.#seat?.view ?? null);
    if (state === this.#told) return;
    this.#told = state;
    this.#changes.inc({ state });
    if (state !== 'online' && state !== 'offline' && state !== 'failed') return;
    this.parts.bus
      .publishSystem({ type: 'xmpp.login.changed', data: { state, sentence } })
      .catch((error: unknown) => this.parts.log.warn({ err: error }, 'a fact was not published'));
  }

  /** The connection is gone, and with it whatever went over it. */
  #forget(): void {
    this.#peers.clear();
    this.#features.clear();
    this.#roster.clear();
    this.#hearing.clear();
    this.#streams.cutAll();
    this.#chunks.cutAll();
    this.#served?.inbound.cancelAll();
  }

  /** Asks the peers of the map to let us see which of their sessions are there. */
  #subscribe(): void {
    const session = this.#keeper.session;
    if (!session) return;
    for (const jid of this.#mapped) session.send(xml('presence', { to: jid, type: 'subscribe' }));
    this.#roster
      .fetch(session)
      .catch((error: unknown) =>
        this.parts.log.warn({ err: error }, 'the roster could not be read; nobody is a contact'),
      );
  }

  /** Whom we know may see that we are there. Who may call as a contact alone becomes one by a person, not by asking. */
  #onSubscribe(from: string): void {
    const jid = bareOf(from);
    if (!this.#knows(jid) && ruleFor(this.#policy.policy, jid)?.contactsOnly) return;
    this.#keeper.session?.send(xml('presence', { to: jid, type: this.#knows(jid) ? 'subscribed' : 'unsubscribed' }));
  }
}

/** Labels are codes of ours and names of binding types: their number is bounded. */
function flawCounter(metrics: Metrics): (flaw: LoginFlaw) => void {
  const failures = metrics.counter('xmpp_login_failures_total', 'Logins that did not stand', ['code']);
  const unbound = metrics.counter(
    'xmpp_login_unbound_total',
    'Logins without channel binding, which the server had offered and refused',
    ['type'],
  );
  return (flaw) => (flaw.kind === 'failed' ? failures.inc({ code: flaw.code }) : unbound.inc({ type: flaw.type }));
}

/** One lease per account; a JID may hold what a name may not. */
function leaseOf(jid: string): string {
  return `inbound-${createHash('sha256').update(bareOf(jid)).digest('hex').slice(0, 32)}`;
}
