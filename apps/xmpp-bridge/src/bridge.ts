import { randomBytes } from 'node:crypto';
import type { Bus } from '@switchyard/bus';
import type { InputOf, OutputOf, xmppRequest, XmppStatus } from '@switchyard/contracts';
import { type Logger, type Metrics, partOf } from '@switchyard/platform';
import { Acquaintances, Answers, handsOn, Hearing, PeerFeatures } from './presence/index.ts';
import {
  bridgeGauges,
  type BridgeState,
  dropCounter,
  flawCounter,
  initialState,
  isUndecided,
  Keeper,
  type KeeperParts,
  leaseOf,
  LoginSteps,
  LoginWatch,
  Seat,
  SESSION_DEFAULTS,
  skipCounter,
  toStatus,
  withSeat,
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
import { Stanzas } from './stanzas.ts';
import { INLINE_LIMIT } from './http-over-xmpp/xep-0332.ts';

/*
 * Owns the AZTM login: the one holder of the account's password. Wires its parts; what they do is theirs.
 *
 * - Each replica keeps a session of its own, over which it asks. The replica that holds the seat keeps a second
 *   session, under the resource that peers know, over which it answers.
 * - When the session of a replica ends, the replica forgets what it knew of peers and ends what is under way with them.
 * - When a server ends a session for its policy, the bridge from then on puts half as much into one stanza.
 */

export interface BridgeParts {
  readonly bus: Pick<Bus, 'request' | 'answer' | 'publishSystem' | 'lease' | 'records'>;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Who performs what peers want of us; the gateway, over the bus, where it is absent. */
  readonly askGateway?: AskGateway;
}

export class Bridge {
  readonly #instance = randomBytes(5).toString('hex');
  readonly #credentials: Credentials | undefined;
  readonly #policy: PolicyFile;
  readonly #acquaintances: Acquaintances;
  readonly #keeper: Keeper;
  readonly #watch: LoginWatch;
  readonly #steps: LoginSteps | undefined;
  readonly #loginLog: Logger;
  readonly #seat: Seat | undefined;
  readonly #served: Served | undefined;
  readonly #stanzas: Stanzas;
  readonly #answers: Answers;
  readonly #hearing: Hearing;
  readonly #exchanges: Exchanges;
  readonly #outbound: Outbound;
  readonly #carrier: CarryOverBus;
  readonly #peers: Peers;
  readonly #features = new PeerFeatures();
  readonly #streams: IncomingStreams;
  readonly #chunks = new IncomingChunks();
  readonly #cap: StanzaCap;
  /** What both logins of this replica have in common. */
  readonly #counters: Required<Pick<KeeperParts, 'log' | 'onFlaw'>>;
  readonly #counted: Pick<KeeperParts['handlers'], 'onDropped' | 'onSkipped'>;

  constructor(
    private readonly config: BridgeConfig,
    private readonly parts: BridgeParts,
  ) {
    const { log: base, metrics } = parts;
    const [log, streamLog, httpLog] = [partOf(base, 'login'), partOf(base, 'stream'), partOf(base, 'interceptor')];
    const ofStream = { ...parts, log: streamLog };
    const ofHttp = { ...parts, log: httpLog };
    const { login: account, serviceMap } = config;
    this.#loginLog = log;
    this.#steps = account && new LoginSteps(account, log);
    const own = bareOf(account?.jid ?? '');
    const asking = () => this.#keeper.session;
    const health = new PeerHealth();
    this.#counters = { log, onFlaw: flawCounter(metrics) };
    this.#counted = { onDropped: dropCounter(metrics, streamLog), onSkipped: skipCounter(metrics, streamLog) };
    this.#credentials = account && new Credentials(account, () => this.#tryAgain('a file of the login changed'), log);
    this.#policy = new PolicyFile(config.peerPolicyFile, config.peerPolicy, streamLog);
    const policy = () => this.#policy.policy;
    this.#cap = new StanzaCap(Math.min(config.inlineLimitBytes, INLINE_LIMIT));
    const acquaintances = new Acquaintances({ serviceMap, policy, own: account?.jid ?? '', log: streamLog });
    this.#acquaintances = acquaintances;
    this.#streams = new IncomingStreams((jid) => acquaintances.isMapped(jid));
    this.#peers = new Peers((jid) => acquaintances.isMapped(jid), {
      onGone: (fullJid) => {
        this.#features.forget(fullJid);
        asking()?.failTo(fullJid);
      },
      onThere: (bareJid) => health.forget(bareJid),
    });
    this.#exchanges = new Exchanges({ ...ofHttp, own });
    this.#hearing = new Hearing(own);
    this.#answers = new Answers({
      ...ofStream,
      name: this.#instance,
      take: (message, corr) => asking()?.takeAnswer(message, corr),
      isPeer: (jid) => acquaintances.isMapped(jid),
      onDropped: (from) => this.#counted.onDropped('unknown', from),
    });
    const shared = { acquaintances, chunks: this.#chunks, exchanges: this.#exchanges, cap: this.#cap };
    const seated = () => this.#seat?.session ?? null;
    this.#served = config.serverMode
      ? createServed(config, { ...ofHttp, ...shared, policy, session: seated })
      : undefined;
    this.#stanzas = new Stanzas({
      ...shared,
      asking,
      served: this.#served,
      streams: this.#streams,
      peers: this.#peers,
      hearing: this.#hearing,
      answers: this.#answers,
    });
    this.#watch = new LoginWatch(initialState(config), {
      ...ofStream,
      seat: () => this.#seat?.view ?? null,
      stands: () => asking() !== null,
      onOnline: () => this.#onOnline(),
      onGone: (state) => this.#onGone(state),
    });
    this.#seat = this.#served && this.#makeSeat();
    this.#keeper = this.#makeKeeper();
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
      hearing: this.#hearing,
      sentence: () => this.#keeper.state.sentence,
      online: (signal) => this.#watch.online(signal),
      newId: () => this.#answers.newId(),
    });
    this.#carrier = new CarryOverBus(config.streamLimitBytes, (asked, call) => this.exchange(asked, call));
    bridgeGauges(metrics, {
      online: () => this.#keeper.state.state === 'online',
      serving: () => seated() !== null,
      open: () => asking()?.pending ?? 0,
    });
  }

  start(): void {
    this.#steps?.begin();
    this.#keeper.start();
    this.#answers.start();
    this.#carrier.start(this.parts.bus);
  }

  async stop(): Promise<void> {
    this.#credentials?.stop();
    this.#policy.stop();
    await this.#seat?.leave();
    await this.#keeper.stop();
    await this.#answers.stop();
    await this.#carrier.stop();
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

  /** True while it is not known yet whether the login stands. */
  get undecided(): boolean {
    return isUndecided(withSeat(this.#keeper.state, this.#seat?.view ?? null));
  }

  /** Carries one request of a service on the bus. Rejects with AppError. */
  carry(input: InputOf<typeof xmppRequest>, call: BusCall): Promise<OutputOf<typeof xmppRequest>> {
    return this.#carrier.carry(input, call);
  }

  /** Carries one request to the agent that serves its host. Rejects with AppError. */
  exchange(asked: Asked, call: CarryCall): Promise<HttpResponse> {
    return this.#outbound.carry(asked, call);
  }

  /** Keeps the session over which this replica asks, under a resource of its own. */
  #makeKeeper(): Keeper {
    return new Keeper(initialState(this.config), {
      ...this.#counters,
      login: (signal, onStep) => {
        const resource = `${this.config.login!.resource}.${this.#instance}.${randomBytes(3).toString('hex')}`;
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

  /** Keeps the session over which this replica answers while it holds the seat. */
  #makeSeat(): Seat {
    const { bus } = this.parts;
    const log = partOf(this.parts.log, 'stream');
    const name = leaseOf(this.config.login?.jid ?? '');
    const seat: Seat = new Seat({
      log,
      lease: (onChange) => bus.lease({ name, holder: this.#instance, onChange }),
      keeper: (onChange) =>
        new Keeper(initialState(this.config), {
          ...this.#counters,
          login: (signal, onStep) => this.#login(INBOUND_RESOURCE, signal, onStep),
          handlers: { ...this.#stanzas.ofServing(() => seat.session !== null), ...this.#counted },
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
    return seat;
  }

  readonly #login = (resource: string, ...[signal, onStep]: Parameters<KeeperParts['login']>): Promise<OpenStream> =>
    login(this.#loginOptions(resource), signal, onStep, loginLog(this.#loginLog));

  #loginOptions(resource: string): LoginOptions {
    const { config } = this;
    if (!config.login || !this.#credentials) throw new Error('no account');
    const { password, ca } = this.#credentials;
    return { ...config.login, resource, password, ca };
  }

  #tryAgain(why: string): void {
    this.#seat?.tryAgain();
    if (this.#keeper.state.state === 'online') return;
    this.#loginLog.info({ why }, 'the AZTM login is tried again');
    this.#keeper.tryAgain();
  }

  #onOnline(): void {
    if (this.#keeper.session) this.#acquaintances.greet(this.#keeper.session);
    this.#seat?.loginStands(true);
  }

  /** Forgets what was known of peers, and ends what is under way, when the session is gone. */
  #onGone(state: BridgeState): void {
    this.#halveOn(state);
    this.#peers.clear();
    this.#features.clear();
    this.#acquaintances.clear();
    this.#hearing.clear();
    this.#streams.cutAll();
    this.#chunks.cutAll();
    this.#served?.inbound.cancelAll();
    this.#seat?.loginStands(false);
  }

  /** Halves what one stanza may hold where the server ended the session for its policy. */
  #halveOn({ state, sentence }: BridgeState): void {
    if (state === 'offline' && isPolicyViolation(sentence)) this.#cap.halve();
  }
}
