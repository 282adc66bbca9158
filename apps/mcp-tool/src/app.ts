import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { createService, serveOnBus, type Service, type ServiceOverrides, SystemEventPublisher } from '@switchyard/bus';
import { answerQuestion, AppError, type HttpToolDefinition } from '@switchyard/contracts';
import { type Clock, partOf, systemClock } from '@switchyard/platform';
import { connectRedis } from '@switchyard/redis';
import { carryOverXmpp, createSafeFetch, mappedJid } from '@switchyard/safe-fetch';
import { type Effects, openStore, type Registrations, type Store, type ToolPins } from '@switchyard/store';
import { AgentJournal, StepAgent, StepHandler, ToolAgent } from './agent/index.ts';
import {
  Catalog,
  CatalogChangePublisher,
  KEPT_MS,
  type ProviderAuthorisations,
  SharedManifests,
  Toolbox,
} from './catalog/index.ts';
import type { McpToolConfig } from './config.ts';
import { LedgeredExecutor, OrphanedEffectSweeper, EffectRecords, EffectsHandler } from './effects/index.ts';
import { Executor, OpenCalls, ToolsHandler } from './calls/index.ts';
import { AuthHandler } from './credentials/index.ts';
import {
  FileCheck,
  FileTools,
  httpTool,
  NO_DEFINITIONS,
  ToolAdminHandler,
  ToolRegistrar,
} from './declared-tools/index.ts';
import { openAuthorisations } from './open-authorisations.ts';
import { authorisationChanged, followReplicas } from './replica-invalidation.ts';
import { shippedTools } from './shipped-tools/index.ts';
import { builtinTools } from './builtin-tools/index.ts';
import type { Tool } from './tool/index.ts';
import { UpstreamsHandler } from './upstreams/calls/index.ts';
import { sandboxCheck } from './upstreams/definitions/index.ts';
import { openUpstreams, type UpstreamsParts } from './open-upstreams.ts';
import type { UserTokens } from './oauth/index.ts';

/** Replacements that a test may pass in. */
export interface McpToolOverrides extends ServiceOverrides {
  readonly store?: Pick<Store, 'notes' | 'effects' | 'agentTurns' | 'connections' | 'ping'> &
    Partial<Pick<Store, 'toolPins' | 'toolDefinitions' | 'registrations'>>;
  /** Wraps the ledger, for example to end this process before or after one of its writes. */
  readonly effects?: (effects: Effects) => Effects;
  /** Further tools beside the built-in ones. */
  readonly tools?: readonly Tool[];
  /** Knows which providers a user has authorised. */
  readonly authorisations?: ProviderAuthorisations;
  /** The token that a user gave for the provider of an upstream. */
  readonly userToken?: UpstreamsParts['userToken'];
  readonly clock?: Clock;
  /** How long a caller has for an answer to a question in the middle of a call. */
  readonly answerMs?: number;
  /** Secrets that the operator's files name. Default: the environment of the process. */
  readonly read?: (name: string) => string | undefined;
}

const HANDLERS = [ToolsHandler, StepHandler, EffectsHandler, AuthHandler, UpstreamsHandler, ToolAdminHandler];

/** Of Redis, which keeps lists of tools; SharedManifests reports an outage of it. */
const REDIS_LIMITS = { commandTimeoutMs: 500, maxPauseMs: 5_000 };

/** Without a database no data of an upstream is used. */
const away = () => Promise.reject(new AppError('unavailable', 'There is no database for the pins of tools.'));
const NO_PINS: ToolPins = { of: away, note: away, waiting: away, get: away, decide: away };
const NO_REGISTRATIONS: Registrations = {
  get: away,
  save: away,
  remove: away,
  reseal: away,
  sealedOtherwise: away,
};

/** Wires one replica. Nothing is opened before start(). */
export function createMcpTool(config: McpToolConfig, overrides: McpToolOverrides = {}): Service {
  return createService('mcp-tool', config, overrides, async ({ bus, log: base, metrics, health, lifecycle }) => {
    const [log, effectsLog] = [partOf(base, 'tools'), partOf(base, 'effects')];
    const { url, tls, poolSize } = config.database;
    const opened = overrides.store
      ? undefined
      : openStore({ url, tls, app: 'mcp-tool', maxConnections: poolSize, log: partOf(base, 'store') });
    const store = overrides.store ?? opened!;
    if (opened) lifecycle.onStop('store', () => opened.close());
    health.register('postgres', () => store.ping().then(() => ({ ok: true })));

    const catalog = new Catalog();
    catalog.put('the built-in tools', [...builtinTools(store.notes), ...(overrides.tools ?? [])]);
    const { directory, reloadMs: everyMs, allowHosts } = config.tools;
    const route = { serviceMap: config.serviceMap, overXmpp: carryOverXmpp(bus) };
    const fetch = createSafeFetch({ ...route, allowHosts, log });
    const isMapped = (target: URL) => mappedJid(config.serviceMap, target) !== undefined;
    const tokens: UserTokens = {
      tokenFor: (principal, of) => own.tokenFor(principal, of),
      challenged: (principal, provider, refusal) => own.challenged(principal, provider, refusal),
    };
    const byOperator = { fetch, allowHosts: new Set(allowHosts), isMapped, tokens, writtenBy: 'operator' as const };
    catalog.putShipped('the tools that ship', shippedTools(config.authorisations.shipped, { fetch, tokens }));
    const make = (definition: HttpToolDefinition) => httpTool(definition, byOperator);
    const systemEvents = new SystemEventPublisher(bus, log);
    const clock = overrides.clock ?? systemClock;
    const read = overrides.read ?? ((name: string) => process.env[name]);
    const { connections } = store;
    const files = new FileTools({
      directory,
      everyMs,
      catalog,
      make,
      log,
      metrics,
      onPolicies: () => {
        toolbox.forget();
        catalogChanges.changed();
      },
    });
    const catalogChanges = new CatalogChangePublisher({ catalog, systemEvents });
    lifecycle.onStop('news of the catalogue', () => catalogChanges.stop());
    const registrations = store.registrations ?? NO_REGISTRATIONS;
    const { authorisations: own, ...found } = await openAuthorisations(config.authorisations, {
      registrations,
      route,
      connections,
      systemEvents,
      clock,
      log: partOf(base, 'authorisations'),
      lifecycle,
      read,
      onProviders: () => catalogChanges.changed(),
    });
    const authorisations = overrides.authorisations ?? own;
    const policyOf = (tenantId: string) => files.policyOf(tenantId);
    const redis =
      config.redisUrl === undefined
        ? undefined
        : connectRedis(config.redisUrl, { ...REDIS_LIMITS, tls: config.redisTls, log });
    if (redis) lifecycle.onStop('redis', () => redis.disconnect());
    const shared = redis && new SharedManifests({ redis, ttlMs: KEPT_MS, log });
    const toolbox = new Toolbox({ catalog, authorisations, policyOf, shared, log, metrics });
    await files.start();
    lifecycle.onStop('files with tools', () => files.stop());
    const effects = overrides.effects?.(store.effects) ?? store.effects;
    const { leaseMs, keepMs } = config.effects;
    const ledgered = new LedgeredExecutor({
      effects,
      systemEvents,
      log: effectsLog,
      metrics,
      leaseMs,
      instance: randomUUID(),
    });
    ledgered.start();
    lifecycle.onStop('effects', (leftMs) => ledgered.stop(leftMs));
    const turns = store.agentTurns;
    const mayTakeOver = () => ledgered.mayTakeOver();
    const sweeper = new OrphanedEffectSweeper({
      effects,
      turns,
      systemEvents,
      log: effectsLog,
      metrics,
      leaseMs,
      keepMs,
      mayTakeOver,
    });
    sweeper.start();
    lifecycle.onStop('effect sweeper', () => sweeper.stop());
    const executor = new Executor({
      toolbox,
      effects: ledgered,
      systemEvents,
      log,
      metrics,
      credentials: config.credentials,
    });
    const records = new EffectRecords(effects, systemEvents);
    const pins = store.toolPins ?? NO_PINS;
    const upstreams = await openUpstreams(config.upstreams, {
      route,
      catalog,
      pins,
      authorisations,
      systemEvents,
      log: partOf(base, 'upstreams'),
      metrics,
      lifecycle,
      read,
      discovered: found.discovered,
      userToken: overrides.userToken ?? ((who, { provider }) => own.tokenOf(who, provider)),
    });
    own.onChange((owner, change) => authorisationChanged(upstreams, owner, change));
    health.register('sandbox', () => Promise.resolve(sandboxCheck(upstreams.registry.unconfined())), {
      required: false,
    });
    const calls = new OpenCalls({
      executor,
      bus,
      metrics,
      states: upstreams.states,
      answerMs: overrides.answerMs,
    });
    lifecycle.onStop('open calls', () => calls.stop());
    const journal = new AgentJournal({ turns, effects });
    const toolAgent = new ToolAgent({ bus, journal, ...config.toolAgent });
    const agent = new StepAgent({ toolbox, executor, toolAgent, clock });
    // A tenant's tool reaches public hosts alone: neither those that the operator excepted nor those behind our JID.
    const guarded = createSafeFetch({ serviceMap: config.serviceMap, log });
    const nowhere = { allowHosts: new Set<string>(), isMapped: () => false };
    const byTenant = { ...nowhere, fetch: guarded, writtenBy: 'tenant' as const };
    const makeOfTenant = (definition: HttpToolDefinition) => httpTool(definition, byTenant);
    const registrar = new ToolRegistrar({
      definitions: store.toolDefinitions ?? NO_DEFINITIONS,
      catalog,
      make: makeOfTenant,
      systemEvents,
      log,
      everyMs,
    });
    await registrar.start();
    lifecycle.onStop('registered tools', () => registrar.stop());
    await followReplicas({ bus, lifecycle, registrar, ...upstreams });
    const checked = new FileCheck({ operator: make, tenant: makeOfTenant });
    const { logins, clients, discovered } = found;
    const parts = [toolbox, calls, agent, records, own, logins, clients, discovered, registrar, checked];
    const { requests, quarantine } = upstreams;
    const handlers = await serveOnBus({ handlers: HANDLERS, parts: [...parts, requests, quarantine] }, bus, base);
    lifecycle.onStop('handlers', () => handlers.close());
    const answers = await bus.answer(answerQuestion, (input, call) => calls.answer(input, call), { as: calls.name });
    lifecycle.onStop('answers', () => answers.stop());
  });
}
