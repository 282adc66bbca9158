import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { xml } from '@xmpp/client';
import type { Bus } from '@switchyard/bus';
import type { InputOf, OutputOf, xmppRequest, XmppStatus } from '@switchyard/contracts';
import type { Logger, Metrics } from '@switchyard/platform';
import { type BridgeState, initialState, toStatus } from './bridge-state.ts';
import type { BridgeConfig } from './config.ts';
import { IncomingStreams } from './ibb.ts';
import { Inbound } from './inbound.ts';
import { Keeper } from './keeper.ts';
import { login } from './login.ts';
import { type CarryCall, Outbound } from './outbound.ts';
import { ruleFor } from './peer-policy.ts';
import { bareOf, INBOUND_RESOURCE, Peers } from './peers.ts';
import { SESSION_DEFAULTS } from './session.ts';

export interface BridgeParts {
  readonly bus: Pick<Bus, 'request' | 'publishSystem'>;
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
  readonly #served: Inbound | undefined;

  constructor(
    private readonly config: BridgeConfig,
    private readonly parts: BridgeParts,
  ) {
    const { log, metrics } = parts;
    this.#mapped = new Set([...config.serviceMap.values()].map(bareOf));
    this.#peers = new Peers((jid) => this.#mapped.has(jid));
    const dropped = metrics.counter('xmpp_replies_dropped_total', 'Answers that nobody waited for', ['why']);
    this.#served = this.#inbound();
    this.#keeper = new Keeper(initialState(config), {
      login: (signal, onStep) => login(loginOptions(config), signal, onStep),
      handlers: {
        onQuestion: (iq) => this.#streams.onQuestion(iq) ?? this.#served?.onQuestion(iq),
        onMessage: (message) => {
          this.#streams.onMessage(message);
          this.#served?.onMessage(message);
        },
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
      peers: this.#peers,
      streams: this.#streams,
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
  }

  stop(): Promise<void> {
    return this.#keeper.stop();
  }

  status(): XmppStatus {
    return toStatus(this.config, this.#keeper.state);
  }

  carry(input: InputOf<typeof xmppRequest>, call: CarryCall): Promise<OutputOf<typeof xmppRequest>> {
    return this.#outbound.carry(input, call);
  }

  /** Undefined where peers cannot call us. */
  #inbound(): Inbound | undefined {
    const { bus, log, metrics } = this.parts;
    if (!this.config.serverMode) return undefined;
    const served = metrics.counter('xmpp_requests_served_total', 'Requests of peers', ['outcome']);
    return new Inbound({
      bus,
      log,
      policy: () => this.config.peerPolicy,
      session: () => this.#keeper.session,
      onOutcome: (outcome) => served.inc({ outcome }),
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
      if (state === 'online') this.#subscribe();
      else if (state === 'offline' || state === 'failed') this.#forget();
      if (state !== 'online' && state !== 'offline' && state !== 'failed') return;
      bus
        .publishSystem({ type: 'xmpp.login.changed', data: { state, sentence } })
        .catch((error: unknown) => log.warn({ err: error }, 'a fact was not published'));
    };
  }

  /** The connection is gone, and with it whatever went over it. */
  #forget(): void {
    this.#peers.clear();
    this.#streams.cutAll();
    this.#served?.cancelAll();
  }

  /** Asks the peers of the map to let us see which of their sessions are there. */
  #subscribe(): void {
    for (const jid of this.#mapped) this.#keeper.session?.send(xml('presence', { to: jid, type: 'subscribe' }));
  }

  /** Whoever may call us, or is called by us, may see that we are there. */
  #onSubscribe(from: string): void {
    const jid = bareOf(from);
    const known = this.#mapped.has(jid) || ruleFor(this.config.peerPolicy, jid) !== undefined;
    this.#keeper.session?.send(xml('presence', { to: jid, type: known ? 'subscribed' : 'unsubscribed' }));
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
