import 'reflect-metadata';
import {
  type Bus,
  createService,
  serveOnBus,
  type Service,
  type ServiceOverrides,
  type ServiceParts,
  SystemEventPublisher,
} from '@switchyard/bus';
import {
  backoffMs,
  type Clock,
  HealthChecks,
  type Logger,
  type Metrics,
  partOf,
  sleep,
  systemClock,
} from '@switchyard/platform';
import { carryOverXmpp, createSafeFetch } from '@switchyard/safe-fetch';
import { agentFetch, Delegator, type DelegatorParts, sendFailure, StepHandler } from './delegation/index.ts';
import { type Config, hostAndPort } from './config.ts';
import { AgentsHandler, cardReader, Directory, type DirectoryFact, OwnCard } from './agents/index.ts';
import { logEvent } from './log-events.ts';

/** Replacements that a test may pass in. */
export interface A2aOverrides extends ServiceOverrides {
  readonly clock?: Clock;
}

const MAX_CARD_BYTES = 256 * 1024;
const CARD_TIMEOUT_MS = 5_000;
/** The limit of all answers to one call, in bytes; a longer stream is cut off as an error. */
const MAX_ANSWER_BYTES = 8 * 1024 ** 2;
const BACKOFF = { baseMs: 100, maxMs: 3_000 };

/** Wires one replica. Nothing is opened before start(); agents may come and go later. */
export function createA2a(config: Config, overrides: A2aOverrides = {}): Service {
  return createService('a2a', config, overrides, (parts) => wire(config, overrides.clock ?? systemClock, parts));
}

async function wire(
  config: Config,
  clock: Clock,
  { bus, log: base, metrics, health, lifecycle }: ServiceParts,
): Promise<void> {
  const log = partOf(base, 'agents');
  const systemEvents = new SystemEventPublisher(bus, log);
  const directory = directoryOf(bus, config, clock, (fact) => {
    if (fact.type === 'a2a.agent.unreachable') logEvent(log, 'agent_unreachable', fact.data);
    else if (fact.type === 'a2a.card.refused') logEvent(log, 'agent_card_refused', fact.data);
    else logEvent(log, 'agent_card_changed', fact.data);
    systemEvents.publish(fact);
  });
  registerAgents(health, directory);
  const delegator = new Delegator({
    directory,
    clock,
    fetch: agentFetch(egress(bus, config, { timeoutMs: config.timeoutMs, maxResponseBytes: MAX_ANSWER_BYTES })),
    timeoutMs: config.timeoutMs,
    retries: config.retries,
    backoffMs: (attempt) => backoffMs(attempt, BACKOFF),
    sleep,
    onBreaker: (agent, state) =>
      logEvent(log, state === 'open' ? 'agent_left_alone' : 'agent_reached_again', { agent }),
    onOutcome: outcomeMetrics(metrics, partOf(base, 'delegations')),
  });

  const handlers = await serveOnBus(
    { handlers: [AgentsHandler, StepHandler], parts: [directory, new OwnCard(config.signingKeys, clock), delegator] },
    bus,
    base,
  );
  lifecycle.onStop('handlers', () => handlers.close());
  // The first cards are read now, so that the first planning does not wait for them.
  void directory.refreshDue();
  logEvent(log, 'agents_configured', { agents: config.agents.length });
}

function directoryOf(
  bus: Pick<Bus, 'request'>,
  config: Config,
  clock: Clock,
  onFact: (fact: DirectoryFact) => void,
): Directory {
  const fetchCard = egress(bus, config, { timeoutMs: CARD_TIMEOUT_MS, maxResponseBytes: MAX_CARD_BYTES });
  return new Directory({
    agents: config.agents,
    allowedHosts: config.egressAllowHosts,
    ttlMs: config.cardTtlMs,
    clock,
    onFact,
    codeOf: (error) => sendFailure(error).code,
    reader: cardReader(fetchCard),
  });
}

/** The guarded fetch. Only an agent that the operator names may be on a private network. */
function egress(
  bus: Pick<Bus, 'request'>,
  config: Config,
  limits: { timeoutMs: number; maxResponseBytes: number },
): typeof fetch {
  return createSafeFetch({
    ...limits,
    allowHosts: [...config.egressAllowHosts, ...config.agents.map(({ url }) => hostAndPort(new URL(url)))],
    serviceMap: config.serviceMap,
    overXmpp: carryOverXmpp(bus),
  });
}

/** Not required for readiness: without agents, everything but delegation works. */
function registerAgents(health: HealthChecks, directory: Directory): void {
  health.register(
    'agents',
    async () => {
      const away = await directory.missing();
      return away.length === 0 ? { ok: true } : { ok: false, detail: `Not reachable: ${away.join(', ')}.` };
    },
    { required: false },
  );
}

function outcomeMetrics(metrics: Metrics, log: Logger): DelegatorParts['onOutcome'] {
  const delegations = metrics.counter('a2a_delegations_total', 'Delegations by agent and result', ['agent', 'status']);
  const sends = metrics.counter('a2a_messages_sent_total', 'Messages sent to agents, retries included', ['agent']);
  const seconds = metrics.histogram('a2a_delegation_seconds', 'How long a delegation took', ['agent']);
  return (agent, result, sent, durationMs) => {
    delegations.inc({ agent, status: result.status });
    sends.inc({ agent }, sent);
    seconds.observe({ agent }, durationMs / 1_000);
    if (result.status !== 'succeeded') logEvent(log, 'delegation_failed', { agent, code: result.code, durationMs });
  };
}
