import { randomBytes } from 'node:crypto';
import { type Bus, SystemEventPublisher } from '@switchyard/bus';
import type { InputOf, OutputOf, xmppRequest, XmppStatus } from '@switchyard/contracts';
import { type Logger, type Metrics, partOf } from '@switchyard/platform';
import { logEvent } from './log-events.ts';
import { Contacts, Answers, handsOn, ReplyListener, PeerFeatures } from './presence/index.ts';
import {
  bridgeGauges,
  type BridgeState,
  dropCounter,
  flawCounter,
  initialState,
  isUndecided,
  ConnectionSupervisor,
  type ConnectionSupervisorParts,
  leaseOf,
  LoginSteps,
  LoginWatch,
  InboundLeader,
  SESSION_DEFAULTS,
  skipCounter,
  toStatus,
  withLeadership,
} from './session/index.ts';
import { type Asked, type BusCall, CarryOverBus, Outbound } from './outbound/index.ts';
import { IncomingChunks } from './http-over-xmpp/chunks.ts';
import type { BridgeConfig } from './config.ts';
import { Credentials } from './login/credentials.ts';
import { Exchanges } from './http-over-xmpp/exchanges.ts';
import { type AskGateway, createServed, type Served } from './inbound/index.ts';
import type { CarryCall, HttpResponse } from './wire/index.ts';
import { IncomingStreams } from './http-over-xmpp/ibb.ts';
import { login, loginLog, type LoginOptions, type OpenStream } from './login/index.ts';
import { ACCOUNT_PRIORITY, bareOf, INBOUND_RESOURCE, PeerHealth, Peers, PolicyFile } from './peers/index.ts';
import { isPolicyViolation, StanzaCap } from './http-over-xmpp/stanza-cap.ts';
import { Stanzas } from './stanza-router.ts';
import { INLINE_LIMIT } from './http-over-xmpp/xep-0332.ts';

/*
 * Owns the AZTM login: the bridge is the only process with the account's password. This class wires the parts.
 *
 * - Each replica has a session of its own, over which it sends requests. The replica that is the inbound leader has a
 *   second session, under the resource that peers know, over which it answers.
 * - When the session of a replica ends, the replica forgets its knowledge of peers and ends the exchanges under way
 *   with them.
 * - When a server ends a session for its policy, the bridge from then on puts half as much into one stanza.
 */

export interface BridgeParts {
  readonly bus: Pick<Bus, 'request' | 'answer' | 'publishSystem' | 'lease' | 'records'>;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Performs the requests of peers; default: the gateway, over the bus. */
  readonly askGateway?: AskGateway;
}

export class Bridge {
  readonly #instance = randomBytes(5).toString('hex');
  readonly #credentials: Credentials | undefined;
  readonly #policy: PolicyFile;
  readonly #contacts: Contacts;
  readonly #supervisor: ConnectionSupervisor;
  readonly #watch: LoginWatch;
  readonly #steps: LoginSteps | undefined;
  readonly #loginLog: Logger;
  readonly #leader: InboundLeader | undefined;
  readonly #served: Served | undefined;
  readonly #stanzas: Stanzas;
  readonly #answers: Answers;
  readonly #replyListener: ReplyListener;
  readonly #exchanges: Exchanges;
  readonly #outbound: Outbound;
  readonly #carrier: CarryOverBus;
  readonly #peers: Peers;
  readonly #features = new PeerFeatures();
  readonly #streams: IncomingStreams;
  readonly #chunks = new IncomingChunks();
  readonly #cap: StanzaCap;
  /** Counters that both logins of this replica share. */
  readonly #counters: Required<Pick<ConnectionSupervisorParts, 'log' | 'onFlaw'>>;
  readonly #counted: Pick<ConnectionSupervisorParts['handlers'], 'onDropped' | 'onSkipped'>;

  readonly #config: BridgeConfig;
  readonly #parts: BridgeParts;

  constructor(config: BridgeConfig, parts: BridgeParts) {
    this.#config = config;
    this.#parts = parts;
    const { log: base, metrics } = parts;
    const [log, streamLog, httpLog] = [partOf(base, 'login'), partOf(base, 'stream'), partOf(base, 'interceptor')];
    const systemEvents = new SystemEventPublisher(parts.bus, streamLog);
    const ofStream = { ...parts, systemEvents, log: streamLog };
    const ofHttp = { ...parts, systemEvents, log: httpLog };
    const { login: account, serviceMap } = config;
    this.#loginLog = log;
    this.#steps = account && new LoginSteps(account, log);
    const own = bareOf(account?.jid ?? '');
    const asking = () => this.#supervisor.session;
    const health = new PeerHealth();
    this.#counters = { log, onFlaw: flawCounter(metrics) };
    this.#counted = { onDropped: dropCounter(metrics, streamLog), onSkipped: skipCounter(metrics, streamLog) };
    this.#credentials = account && new Credentials(account, () => this.#tryAgain('a file of the login changed'), log);
    this.#policy = new PolicyFile(config.peerPolicyFile, config.peerPolicy, streamLog);
    const policy = () => this.#policy.policy;
    this.#cap = new StanzaCap(Math.min(config.inlineLimitBytes, INLINE_LIMIT));
    const contacts = new Contacts({ serviceMap, policy, own: account?.jid ?? '', log: streamLog });
    this.#contacts = contacts;
    this.#streams = new IncomingStreams((jid) => contacts.isMapped(jid));
    this.#peers = new Peers((jid) => contacts.isMapped(jid), {
      onGone: (fullJid) => {
        this.#features.forget(fullJid);
        asking()?.failTo(fullJid);
      },
      onThere: (bareJid) => health.forget(bareJid),
    });
    this.#exchanges = new Exchanges({ ...ofHttp, own });
    this.#replyListener = new ReplyListener(own);
    this.#answers = new Answers({
      ...ofStream,
      name: this.#instance,
      take: (message, corr) => asking()?.takeAnswer(message, corr),
      isPeer: (jid) => contacts.isMapped(jid),
      onDropped: (from) => this.#counted.onDropped('unknown', from),
    });
    const shared = { contacts, chunks: this.#chunks, exchanges: this.#exchanges, cap: this.#cap };
    const leading = () => this.#leader?.session ?? null;
    this.#served = config.serverMode
      ? createServed(config, { ...ofHttp, ...shared, policy, session: leading })
      : undefined;
    this.#stanzas = new Stanzas({
      ...shared,
      asking,
      served: this.#served,
      streams: this.#streams,
      peers: this.#peers,
      replyListener: this.#replyListener,
      answers: this.#answers,
    });
    this.#watch = new LoginWatch(initialState(config), {
      ...ofStream,
      leader: () => this.#leader?.view ?? null,
      stands: () => asking() !== null,
      onOnline: () => this.#onOnline(),
      onGone: (state) => this.#onGone(state),
    });
    this.#leader = this.#served && this.#makeLeader();
    this.#supervisor = this.#makeSupervisor();
    this.#outbound = new Outbound({
      ...shared,
      serviceMap,
      health,
      log: httpLog,
      session: asking,
      bodyLimit: config.streamLimitBytes,
      peers: this.#peers,
      features: this.#features,
      streams: this.#streams,
      replyListener: this.#replyListener,
      sentence: () => this.#supervisor.state.sentence,
      online: (signal) => this.#watch.online(signal),
      newId: () => this.#answers.newId(),
    });
    this.#carrier = new CarryOverBus(config.streamLimitBytes, (asked, call) => this.exchange(asked, call));
    bridgeGauges(metrics, {
      online: () => this.#supervisor.state.state === 'online',
      serving: () => leading() !== null,
      open: () => asking()?.pending ?? 0,
    });
  }

  start(): void {
    this.#steps?.begin();
    this.#supervisor.start();
    this.#answers.start();
    this.#carrier.start(this.#parts.bus);
  }

  async stop(): Promise<void> {
    this.#credentials?.stop();
    this.#policy.stop();
    await this.#leader?.leave();
    await this.#supervisor.stop();
    await this.#answers.stop();
    await this.#carrier.stop();
    await this.#exchanges.flush();
  }

  /** Reads credential files again and at once retries a login that does not stand, whatever it failed of. */
  async reload(): Promise<void> {
    await Promise.all([this.#credentials?.look(), this.#policy.look()]);
    this.#tryAgain('it was asked to');
  }

  status(): XmppStatus {
    return toStatus(this.#config, this.#supervisor.state, this.#leader?.view ?? null);
  }

  /** True until the first login succeeds or fails. */
  get undecided(): boolean {
    return isUndecided(withLeadership(this.#supervisor.state, this.#leader?.view ?? null));
  }

  /** Carries one request of a service on the bus. Rejects with AppError. */
  carry(input: InputOf<typeof xmppRequest>, call: BusCall): Promise<OutputOf<typeof xmppRequest>> {
    return this.#carrier.carry(input, call);
  }

  /** Carries one request to the agent that serves its host. Rejects with AppError. */
  exchange(asked: Asked, call: CarryCall): Promise<HttpResponse> {
    return this.#outbound.carry(asked, call);
  }

  /** Makes the supervisor of the session for this replica's own requests, under a resource of its own. */
  #makeSupervisor(): ConnectionSupervisor {
    return new ConnectionSupervisor(initialState(this.#config), {
      ...this.#counters,
      login: (signal, onStep) => {
        const resource = `${this.#config.login!.resource}.${this.#instance}.${randomBytes(3).toString('hex')}`;
        return this.#login(resource, signal, onStep);
      },
      handlers: { ...this.#stanzas.ofAsking(), ...this.#counted },
      session: SESSION_DEFAULTS,
      onChange: (state) => {
        this.#watch.take(state);
        this.#steps?.take(state);
      },
    });
  }

  /** Makes the leader election; while this replica leads, it answers peers over a second session. */
  #makeLeader(): InboundLeader {
    const { bus } = this.#parts;
    const log = partOf(this.#parts.log, 'stream');
    const name = leaseOf(this.#config.login?.jid ?? '');
    const leader: InboundLeader = new InboundLeader({
      log,
      lease: (onChange) => bus.lease({ name, holder: this.#instance, onChange }),
      supervisor: (onChange) =>
        new ConnectionSupervisor(initialState(this.#config), {
          ...this.#counters,
          login: (signal, onStep) => this.#login(INBOUND_RESOURCE, signal, onStep),
          handlers: { ...this.#stanzas.ofServing(() => leader.session !== null), ...this.#counted },
          session: { ...SESSION_DEFAULTS, priority: ACCOUNT_PRIORITY, presence: handsOn },
          resource: INBOUND_RESOURCE,
          onChange: (state) => {
            this.#halveOn(state);
            if (state.state === 'offline' || state.state === 'failed') this.#served?.inbound.cancelAll();
            onChange(state);
          },
        }),
      onChange: () => this.#watch.tell(),
    });
    return leader;
  }

  readonly #login = (
    resource: string,
    ...[signal, onStep]: Parameters<ConnectionSupervisorParts['login']>
  ): Promise<OpenStream> => login(this.#loginOptions(resource), signal, onStep, loginLog(this.#loginLog));

  #loginOptions(resource: string): LoginOptions {
    const config = this.#config;
    if (!config.login || !this.#credentials) throw new Error('no account');
    const { password, ca } = this.#credentials;
    return { ...config.login, resource, password, ca };
  }

  #tryAgain(why: string): void {
    this.#leader?.tryAgain();
    if (this.#supervisor.state.state === 'online') return;
    logEvent(this.#loginLog, 'xmpp_login_retried', { why });
    this.#supervisor.tryAgain();
  }

  #onOnline(): void {
    if (this.#supervisor.session) this.#contacts.greet(this.#supervisor.session);
    this.#leader?.loginStands(true);
  }

  /** Forgets the peers and ends the exchanges under way when the session is gone. */
  #onGone(state: BridgeState): void {
    this.#halveOn(state);
    this.#peers.clear();
    this.#features.clear();
    this.#contacts.clear();
    this.#replyListener.clear();
    this.#streams.cutAll();
    this.#chunks.cutAll();
    this.#served?.inbound.cancelAll();
    this.#leader?.loginStands(false);
  }

  /** Halves the size of a stanza if the server ended the session for its policy. */
  #halveOn({ state, sentence }: BridgeState): void {
    if (state === 'offline' && isPolicyViolation(sentence)) this.#cap.halve();
  }
}
