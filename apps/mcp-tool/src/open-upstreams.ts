import { randomBytes } from 'node:crypto';
import type { SystemEventPublisher } from '@switchyard/bus';
import type { Principal } from '@switchyard/contracts';
import type { Lifecycle, Logger, Metrics } from '@switchyard/platform';
import type { XmppRoute } from '@switchyard/safe-fetch';
import type { ToolPins } from '@switchyard/store';
import type { Catalog, ProviderAuthorisations } from './catalog/index.ts';
import { logEvent } from './log-events.ts';
import { compileSchema, OPERATORS, UNTRUSTED_SCHEMA, type Trust } from './tool/index.ts';
import type { DiscoveredProviders } from './credentials/discovered/index.ts';
import { InputStates, loadMcpSdk, OperatorFile } from './common/index.ts';
import { Quarantine, UpstreamRegistry } from './upstreams/definitions/index.ts';
import { parseUpstreams, type ReadVariable, type UpstreamConfig } from './upstreams/connections/config.ts';
import { UpstreamPool } from './upstreams/connections/index.ts';
import { UpstreamRequests, UpstreamTools } from './upstreams/calls/index.ts';

export interface UpstreamsOptions {
  /** The operator's file; absent: there are no upstreams. */
  readonly file: string | undefined;
  readonly lookEveryMs: number;
  /** Seals the state that upstreams want back; the same for all replicas. */
  readonly stateSecret: string | undefined;
}

export interface UpstreamsParts {
  readonly catalog: Catalog;
  readonly pins: ToolPins;
  readonly authorisations: ProviderAuthorisations;
  readonly systemEvents: Pick<SystemEventPublisher, 'publish'>;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly lifecycle: Pick<Lifecycle, 'onStop'>;
  readonly read?: ReadVariable;
  readonly route?: XmppRoute;
  /** The token that this user gave for the provider of an upstream. */
  readonly userToken?: (principal: Principal, upstream: UpstreamConfig) => Promise<string>;
  /** The providers that upstreams lead to. */
  readonly discovered?: DiscoveredProviders;
}

export interface Upstreams {
  readonly registry: UpstreamRegistry;
  readonly requests: UpstreamRequests;
  readonly quarantine: Quarantine;
  readonly pool: UpstreamPool;
  /** Seals the states that callers hold for us. */
  readonly states: InputStates;
}

/** Wires the MCP upstreams. Waits for none of them; a wrong file ends the start. */
export async function openUpstreams(options: UpstreamsOptions, parts: UpstreamsParts): Promise<Upstreams> {
  const { catalog, pins, authorisations, systemEvents, log, metrics, lifecycle, userToken, discovered } = parts;
  const { file, lookEveryMs, stateSecret } = options;
  if (file !== undefined) await loadMcpSdk();
  if (file !== undefined && stateSecret === undefined) logEvent(log, 'mcp_state_secret_missing');
  const states = new InputStates(stateSecret ?? randomBytes(32));
  const pool: UpstreamPool = new UpstreamPool({
    log,
    metrics,
    route: parts.route,
    read: parts.read ?? ((name) => process.env[name]),
    ...(userToken ? { userToken } : {}),
    ...(discovered
      ? {
          ownToken: (upstream) => discovered.ownToken(upstream),
          onChallenged: (upstream, who, refusal) => discovered.challenged(upstream, who, refusal),
        }
      : {}),
    onListChanged: (name) => registry.heard(name),
    onOpened: (name, who) => registry.usedBy(name, who),
  });
  const compile = (schema: Record<string, unknown>, trust: Trust) =>
    compileSchema(schema, 'untrusted', trust === 'trusted' ? OPERATORS : UNTRUSTED_SCHEMA);
  const tools = new UpstreamTools({ catalog, pool, states, compile });
  const registry: UpstreamRegistry = new UpstreamRegistry({
    pool,
    pins,
    systemEvents,
    log,
    metrics,
    publish: (name, active) => tools.publish(name, active),
    otherNames: () => tools.otherNames(),
    objections: (definition, trust) => tools.objections(definition, trust),
    authorisationOf: (upstream) => discovered?.viewOf(upstream) ?? null,
    waitsFor: (upstream) => discovered?.waitsFor(upstream),
  });
  discovered?.onLooked((name) => registry.heard(name));
  lifecycle.onStop('upstreams', async () => {
    await registry.stop();
    await pool.close();
  });
  if (file !== undefined) {
    const source = new OperatorFile<readonly UpstreamConfig[]>({
      path: file,
      of: 'upstreams',
      log,
      everyMs: lookEveryMs,
      parse: (text) => {
        const parsed = parseUpstreams(text);
        return 'upstreams' in parsed ? { value: parsed.upstreams } : parsed;
      },
      onChange: (all) => {
        discovered?.configure(all);
        registry.configure(all);
      },
    });
    await source.start();
    lifecycle.onStop('file of upstreams', () => source.stop());
  }
  const requests = new UpstreamRequests({
    pool,
    states,
    log,
    upstreams: () => registry.all(),
    unavailable: () => registry.unavailable(),
    mayUse: async (principal, provider) => {
      const { status } = await authorisations.statusOf(principal, provider);
      return status === 'not_needed' || status === 'authorised';
    },
  });
  return { registry, pool, states, requests, quarantine: new Quarantine({ pins, registry, systemEvents }) };
}
