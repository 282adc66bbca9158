import type { Bus, SystemEventPublisher } from '@switchyard/bus';
import type { Logger, Metrics } from '@switchyard/platform';
import type { Contacts } from '../presence/index.ts';
import type { IncomingChunks } from '../http-over-xmpp/chunks.ts';
import type { BridgeConfig } from '../config.ts';
import type { Exchanges } from '../http-over-xmpp/exchanges.ts';
import { type AskGateway, gatewayOverBus } from './gateway-over-bus.ts';
import { Inbound } from './inbound.ts';
import { InboundAztm } from './aztm.ts';
import { InboundIq } from './iq.ts';
import { bareOf, type PeerPolicy } from '../peers/index.ts';
import { Replay } from './replay.ts';
import type { Session } from '../session/index.ts';
import { OUTCOMES, SharedOutcomes } from './shared-outcomes.ts';
import type { StanzaCap } from '../http-over-xmpp/stanza-cap.ts';

/* Wires the inbound side: requests of peers, in whichever form they arrive, lead to one handler. */

export interface ServedParts {
  readonly bus: Pick<Bus, 'request' | 'records'>;
  readonly systemEvents: Pick<SystemEventPublisher, 'publish'>;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly askGateway?: AskGateway;
  readonly policy: () => PeerPolicy;
  readonly contacts: Contacts;
  readonly exchanges: Exchanges;
  readonly chunks: IncomingChunks;
  readonly cap: StanzaCap;
  /** The session over which answers leave. */
  readonly session: () => Session | null;
}

export interface Served {
  readonly inbound: Inbound;
  readonly iq: InboundIq;
  readonly aztm: InboundAztm;
}

export function createServed({ login, streamLimitBytes: bodyLimit }: BridgeConfig, parts: ServedParts): Served {
  const { bus, systemEvents, log, metrics, exchanges, session, chunks, cap, contacts } = parts;
  const served = metrics.counter('xmpp_requests_served_total', 'Requests of peers', ['outcome']);
  const repeated = metrics.counter('xmpp_requests_repeated_total', 'Requests of peers that were asked before', []);
  const refused = metrics.counter('xmpp_messages_refused_total', 'Messages of peers that were not performed', ['why']);
  // Without an account there are no peers.
  const shared = login && new SharedOutcomes(bus.records(OUTCOMES), bareOf(login.jid), log);
  const inbound = new Inbound({
    systemEvents,
    log,
    policy: parts.policy,
    isContact: (jid) => contacts.isContact(jid),
    askGateway: parts.askGateway ?? gatewayOverBus(bus, bodyLimit),
    replay: new Replay(() => repeated.inc({}), shared),
    exchanges,
    onOutcome: (outcome) => served.inc({ outcome }),
  });
  const onDropped = (why: string): void => refused.inc({ why });
  return {
    inbound,
    iq: new InboundIq({ inbound, chunks, session, bodyLimit, cap, log }),
    aztm: new InboundAztm({ inbound, session, cap, onDropped, log }),
  };
}
