import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { type Element, xml } from '@xmpp/client';
import type { Bus, Subscription } from '@switchyard/bus';
import {
  httpBody,
  type InputOf,
  type OutputOf,
  xmppBody,
  type xmppRequest,
  type XmppStatus,
} from '@switchyard/contracts';
import type { Logger, Metrics } from '@switchyard/platform';
import { bodyOnTheBus, CarriedBodies } from '@switchyard/safe-fetch';
import { decodeAztm } from './aztm-v1.ts';
import { type BridgeState, initialState, toStatus } from './bridge-state.ts';
import type { BridgeConfig } from './config.ts';
import { IncomingChunks } from './chunks.ts';
import { answerDisco, PeerFeatures } from './disco.ts';
import { IncomingStreams } from './ibb.ts';
import { Inbound } from './inbound.ts';
import { InboundAztm } from './inbound-aztm.ts';
import { InboundIq } from './inbound-iq.ts';
import { Keeper } from './keeper.ts';
import { login } from './login.ts';
import { type CarryCall, Outbound } from './outbound.ts';
import { PeerHealth } from './peer-health.ts';
import { ruleFor } from './peer-policy.ts';
import { bareOf, INBOUND_RESOURCE, Peers } from './peers.ts';
import { Replay } from './replay.ts';
import { SESSION_DEFAULTS } from './session.ts';

export interface BridgeParts {
  readonly bus: Pick<Bus, 'request' | 'answer' | 'publishSystem'>;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Priority of the session that takes what is addressed to the account. */
const INBOUND_PRIORITY = 10;

/** Owns the AZTM login: the one holder of the account's password. */
export class Bridge {
  readonly #keeper: Keeper;
  readonly #outbound: Outbound;
  readonly #peers: Peers;
  readonly #mapped: ReadonlySet<string>;
  readonly #streams = new IncomingStreams();
  readonly #chunks = new IncomingChunks();
  readonly #features = new PeerFeatures();
  readonly #health = new PeerHealth();
  readonly #bodies = new CarriedBodies();
  readonly #served: { readonly inbound: Inbound; readonly iq: InboundIq; readonly aztm: InboundAztm } | undefined;
  readonly #waiting = new Set<() => void>();
  #pieces: Promise<Subscription> | undefined;

  constructor(
    private readonly config: BridgeConfig,
    private readonly parts: BridgeParts,
  ) {
    const { log, metrics } = parts;
    this.#mapped = new Set([...config.serviceMap.values()].map(bareOf));
    this.#peers = new Peers((jid) => this.#mapped.has(jid), {
      onGone: (fullJid) => {
        this.#features.forget(fullJid);
        this.#keeper.session?.failTo(fullJid);
      },
      onThere: (bareJid) => this.#health.forget(bareJid),
    });
    const dropped = metrics.counter('xmpp_replies_dropped_total', 'Answers that nobody waited for', ['why']);
    this.#served = this.#inbound();
    this.#keeper = new Keeper(initialState(config), {
      login: (signal, onStep) => login(loginOptions(config), signal, onStep),
      handlers: {
        onQuestion: (iq) =>
          answerDisco(iq, (jid) => this.#knows(jid), config.serverMode) ??
          this.#streams.onQuestion(iq) ??
          this.#served?.iq.onQuestion(iq),
        onMessage: (message) => this.#onMessage(message),
        onPresence: (presence) => {
          if (presence.attrs['type'] === 'subscribe') this.#onSubscribe(presence.attrs['from'] ?? '');
          else this.#peers.takePresence(presence);
        },
        onDropped: (outcome, from) => {
          dropped.inc({ why: outcome });
          if (outcome === 'spoofed')
            log.warn({ from: from?.slice(0, 200) }, 'an answer came from somebody who was not asked');
        },
      },
      session: { ...SESSION_DEFAULTS, priority: config.serverMode ? INBOUND_PRIORITY : SESSION_DEFAULTS.priority },
      log,
      onChange: this.#changeTeller(),
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
      bodyOf: (input, call) => this.#bodies.take(input, config.streamLimitBytes, call),
      log,
    });
    metrics.gauge('xmpp_online', 'Whether the AZTM login stands', [], () =>
      this.#keeper.state.state === 'online' ? 1 : 0,
    );
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
    this.#pieces = bus.answer(xmppBody, (piece) => Promise.resolve(this.#bodies.piece(piece)), { as: name });
  }

  async stop(): Promise<void> {
    await this.#keeper.stop();
    await (await this.#pieces)?.stop();
  }

  status(): XmppStatus {
    return toStatus(this.config, this.#keeper.state);
  }

  carry(input: InputOf<typeof xmppRequest>, call: CarryCall): Promise<OutputOf<typeof xmppRequest>> {
    return this.#outbound.carry(input, call);
  }

  /** Undefined where peers cannot call us. */
  #inbound() {
    const { bus, log, metrics } = this.parts;
    if (!this.config.serverMode) return undefined;
    const served = metrics.counter('xmpp_requests_served_total', 'Requests of peers', ['outcome']);
    const repeated = metrics.counter('xmpp_requests_repeated_total', 'Requests of peers that were asked before', []);
    const refused = metrics.counter('xmpp_messages_refused_total', 'Messages of peers that were not performed', [
      'why',
    ]);
    const inbound = new Inbound({
      bus,
      log,
      policy: () => this.config.peerPolicy,
      isContact: () => false,
      replay: new Replay(() => repeated.inc({})),
      onOutcome: (outcome) => served.inc({ outcome }),
      sendBody: (body, signal) => bodyOnTheBus(bus, httpBody, body, signal),
    });
    const session = () => this.#keeper.session;
    const onDropped = (why: string): void => refused.inc({ why });
    return {
      inbound,
      iq: new InboundIq({ inbound, chunks: this.#chunks, session, bodyLimit: this.config.streamLimitBytes, log }),
      aztm: new InboundAztm({ inbound, session, onDropped, log }),
    };
  }

  #onMessage(message: Element): void {
    if (this.#chunks.onMessage(message)) return;
    this.#streams.onMessage(message);
    this.#served?.iq.onMessage(message);
    const session = this.#keeper.session;
    if (message.attrs['type'] === 'error') {
      if (session?.asked(message.attrs['id'] ?? '')) session.takeAnswer(message);
      return;
    }
    const said = decodeAztm(message);
    if (said?.kind === 'response') session?.takeAnswer(message);
    else if (said) this.#served?.aztm.onMessage(message, said);
  }

  /** Whoever may call us, or is called by us. */
  #knows(bareJid: string): boolean {
    return this.#mapped.has(bareJid) || ruleFor(this.config.peerPolicy, bareJid) !== undefined;
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

  /** Tells each change of the login once, on the bus. */
  #changeTeller(): (state: BridgeState) => void {
    const { bus, log, metrics } = this.parts;
    const changes = metrics.counter('xmpp_login_changes_total', 'Changes of the state of the login', ['state']);
    let last = initialState(this.config).state;
    return ({ state, sentence }) => {
      if (state === last) return;
      last = state;
      changes.inc({ state });
      if (state === 'online') {
        this.#subscribe();
        for (const onOnline of [...this.#waiting]) onOnline();
      } else if (state === 'offline' || state === 'failed') this.#forget();
      if (state !== 'online' && state !== 'offline' && state !== 'failed') return;
      bus
        .publishSystem({ type: 'xmpp.login.changed', data: { state, sentence } })
        .catch((error: unknown) => log.warn({ err: error }, 'a fact was not published'));
    };
  }

  /** The connection is gone, and with it whatever went over it. */
  #forget(): void {
    this.#peers.clear();
    this.#features.clear();
    this.#streams.cutAll();
    this.#chunks.cutAll();
    this.#served?.inbound.cancelAll();
  }

  /** Asks the peers of the map to let us see which of their sessions are there. */
  #subscribe(): void {
    for (const jid of this.#mapped) this.#keeper.session?.send(xml('presence', { to: jid, type: 'subscribe' }));
  }

  /** Whom we know may see that we are there. */
  #onSubscribe(from: string): void {
    const jid = bareOf(from);
    this.#keeper.session?.send(xml('presence', { to: jid, type: this.#knows(jid) ? 'subscribed' : 'unsubscribed' }));
  }
}

function loginOptions({ login: account, serverMode }: BridgeConfig) {
  if (!account) throw new Error('no account');
  const { caFile, validateCertificate, ...rest } = account;
  const ca = caFile === undefined ? undefined : `${rootCertificates.join('\n')}\n${readFileSync(caFile, 'utf8')}`;
  // Peers find the session that serves by its resource; one that only asks has a resource of its own.
  const resource = serverMode ? INBOUND_RESOURCE : `${account.resource}.${randomBytes(5).toString('hex')}`;
  return { ...rest, validateCertificate, ca, resource };
}
