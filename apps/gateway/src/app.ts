import { type Bus, connectBus, SystemEventPublisher } from '@switchyard/bus';
import {
  type Clock,
  createLogger,
  createMetrics,
  HealthChecks,
  type Logger,
  partOf,
  sleep,
  startOpsServer,
  startTelemetry,
  systemClock,
  VERSION,
} from '@switchyard/platform';
import { carryOverXmpp, createSafeFetch } from '@switchyard/safe-fetch';
import { logEvent } from './log-events.ts';
import { Denials, FactQueue, FailedLogins, Logins, StreamReporter } from './reports/index.ts';
import { A2aTasks, Cards, Operations } from './a2a/index.ts';
import { AgUiTurns } from './ag-ui/index.ts';
import { answerPeers, AuthGuard, createTokenVerifiers, Tickets } from './identity/index.ts';
import type { GatewayConfig } from './config.ts';
import { GatewayModule } from './gateway.module.ts';
import { type HookDeps, registerHooks } from './hooks.ts';
import {
  aztmLogin,
  createRateLimit,
  AbsenceWaiter,
  ProblemFilter,
  registerReadiness,
  StreamSlots,
  traceRequests,
  Traffic,
} from './http/index.ts';
import { LazyMcpRouter } from './mcp/index.ts';
import { BODY_LIMIT_BYTES, createServer, instanceOf, publicUrl } from './server.ts';
import { BUS, CONFIG, METRICS } from './tokens.ts';
import { StartGate, StreamMetrics, Streams, Watches } from './streams/index.ts';

export interface Gateway {
  /** The address on which it listens; known after start(). */
  readonly url: string;
  /** Port of /health, /readiness, /metrics, /metrics-debug and /config; known after start(). */
  readonly opsPort: number;
  start(): Promise<void>;
  /** Drains: not ready, open streams end so that clients go on elsewhere, then everything closes. */
  stop(): Promise<void>;
}

export interface GatewayOverrides {
  readonly bus?: Bus;
  readonly log?: Logger;
  readonly clock?: Clock;
  /** Fetches the keys of tokens. */
  readonly fetch?: typeof fetch;
}

/** Refusals that the audit log is told a second; a flood of further ones is cut. */
const SYSTEM_EVENTS_PER_SECOND = 20;

/** Wires the gateway. Nothing is opened before start(). */
export function createGateway(config: GatewayConfig, overrides: GatewayOverrides = {}): Gateway {
  const log = overrides.log ?? createLogger({ app: 'gateway', level: config.logLevel, levels: config.logLevels });
  const clock = overrides.clock ?? systemClock;
  let url = '';
  let opsPort = 0;
  let stop: () => Promise<void> = () => Promise.resolve();

  return {
    get url() {
      return url;
    },
    get opsPort() {
      return opsPort;
    },
    async start() {
      const telemetry = await startTelemetry(config.telemetry);
      const { natsUrl, natsTls: tls, busTrust: trust } = config;
      const busLog = partOf(log, 'bus');
      const httpLog = partOf(log, 'http');
      const streamsLog = partOf(log, 'streams');
      const metrics = createMetrics('gateway');
      const bus =
        overrides.bus ?? (await connectBus({ url: natsUrl, tls, trust, app: 'gateway', log: busLog, metrics }));
      const absence = new AbsenceWaiter({ ...config.absence, clock });
      /** The bus for requests of clients; the process itself uses `bus`. */
      const patientBus = absence.over(bus);
      metrics.gauge(
        'requests_waiting',
        'Requests that wait for a service of which no replica is there',
        [],
        () => absence.waiting,
      );
      const health = new HealthChecks();
      const systemEvents = new SystemEventPublisher(bus, log, { perSecond: SYSTEM_EVENTS_PER_SECOND });
      const denials = new Denials((fact) => systemEvents.publish(fact), clock);
      const facts = new FactQueue(bus, log, metrics);
      const rateLimit = createRateLimit({
        perMinute: config.rateLimitPerMinute,
        redisUrl: config.redisUrl,
        redisTls: config.redisTls,
        log: httpLog,
      });
      const slots = new StreamSlots(config.streams);
      const traffic = new Traffic(metrics, () => slots.open);
      const { heartbeatMs, maxBufferedBytes } = config.streams;
      const watches = new Watches(bus, streamsLog);
      const login = config.aztmRequired ? aztmLogin(bus, clock) : undefined;
      const gate = new StartGate(login);
      const streamReporter = new StreamReporter(facts.tell, clock);
      const streams = new Streams({
        bus: patientBus,
        gate,
        slots,
        watches,
        streamReporter,
        heartbeatMs,
        maxBufferedBytes,
        clock,
        log: streamsLog,
        metrics: new StreamMetrics(metrics, clock),
      });
      const { identity } = config;
      const cards = new Cards({ bus, clock, ...config.a2a, identity: identity.mode });
      const tasks = new A2aTasks({ bus: patientBus, streams, waitMs: config.orchestrateTimeoutMs });
      const keysFetch =
        overrides.fetch ??
        createSafeFetch({
          ...config.egress,
          overXmpp: carryOverXmpp(bus),
          timeoutMs: 5_000,
          maxResponseBytes: 262_144,
        });
      const verifiers =
        identity.mode === 'jwt'
          ? createTokenVerifiers(identity, { now: () => clock.now(), fetch: keysFetch })
          : undefined;
      const verify = identity.mode === 'jwt' ? verifiers?.(identity.audience) : undefined;
      const verifyMcp = config.mcp.audience === undefined ? verify : verifiers?.(config.mcp.audience);
      const { callTimeoutMs, lookEveryMs, sessions, allowedHosts } = config.mcp;
      const mcp = new LazyMcpRouter({
        bus: patientBus,
        log: partOf(log, 'mcp'),
        callTimeoutMs,
        lookEveryMs,
        sessions,
        keepAliveMs: heartbeatMs,
        now: () => clock.now(),
        maxSubscriptions: config.streams.perProcess,
      });
      const subscriptions = [
        await bus.subscribeSystem(() => mcp.toolsChanged(), 'tools.catalog'),
        await bus.subscribeSystem(({ data }) => {
          const { tenant_id: tenantId, user_id: userId } = data as Readonly<Record<string, unknown>>;
          if (typeof tenantId === 'string' && typeof userId === 'string') mcp.toolsChanged({ tenantId, userId });
        }, 'tools.provider'),
      ];
      // Events published during the outage are not published again.
      const unhear = bus.onReconnect(() => mcp.toolsChanged());
      metrics.gauge('mcp_sessions', 'MCP sessions of clients of the older protocol', [], () => mcp.sessions);
      const tickets = new Tickets();
      const guard = new AuthGuard(identity, verify, config.http.corsOrigins, tickets, verifyMcp);
      registerReadiness(health, { bus, rateLimit, login, clock });

      let draining = false;
      let leaving = false;
      const { corsOrigins: allowedOrigins } = config.http;
      const mcpNames = [...config.allowedHosts, ...allowedHosts];
      const hooks: HookDeps = {
        guard,
        rateLimit,
        traffic,
        denials,
        failedLogins: new FailedLogins(config.failedLoginsPerMinute, clock),
        logins: new Logins(facts.tell, clock),
        metricsToken: config.ops.token,
        hosts: { allowedHosts: config.allowedHosts, checked: config.checksHosts },
        allowedOrigins,
        mcp: {
          hosts: { allowedHosts: mcpNames, checked: config.checksHosts || allowedHosts.length > 0 },
          publicUrl: config.mcp.publicUrl,
          tellsOfTokens: identity.mode === 'jwt',
        },
        absence,
        draining: () => draining,
        leaving: () => leaving,
      };
      const app = await createServer(
        GatewayModule.of(
          [
            { provide: BUS, useValue: patientBus },
            { provide: CONFIG, useValue: config },
            { provide: METRICS, useValue: metrics },
            { provide: HealthChecks, useValue: health },
            { provide: Traffic, useValue: traffic },
            { provide: Streams, useValue: streams },
            { provide: Cards, useValue: cards },
            { provide: Operations, useValue: new Operations(patientBus, tasks, streams, cards) },
            { provide: AgUiTurns, useValue: new AgUiTurns(streams, patientBus) },
            { provide: StartGate, useValue: gate },
            { provide: AuthGuard, useValue: guard },
            { provide: LazyMcpRouter, useValue: mcp },
            { provide: StreamSlots, useValue: slots },
          ],
          config.opsOnGatewayPort,
        ),
        allowedOrigins,
      );
      app.useGlobalFilters(new ProblemFilter(httpLog, denials));
      traceRequests(instanceOf(app), (request) => guard.isPeer(request));
      registerHooks(instanceOf(app), hooks);
      const peers = await answerPeers(bus, instanceOf(app), tickets, BODY_LIMIT_BYTES);
      const ops = await startOpsServer({
        ...config.ops,
        port: config.opsPort,
        health,
        metrics,
        more: { '/metrics-debug': () => traffic.debug(), '/config': () => config.defaults },
      });
      opsPort = ops.port;
      await app.listen(config.http.port, config.http.host);
      url = publicUrl(instanceOf(app));
      systemEvents.publish({
        type: 'gateway.service.started',
        data: { version: VERSION, identity_mode: config.identity.mode },
      });
      logEvent(log, 'gateway_listening', { url, opsPort, identity: config.identity.mode });

      stop = async () => {
        const until = Date.now() + config.drainTimeoutMs;
        leaving = true;
        health.drain();
        if (config.lingerMs > 0) await sleep(config.lingerMs);
        draining = true;
        // Who keeps one for later notices now, and not when its next request is refused.
        instanceOf(app).server.closeIdleConnections();
        absence.drain();
        streams.drain();
        mcp.drain();
        await peers.stop();
        while (traffic.underWay > 0 && Date.now() < until) await sleep(20);
        unhear();
        await Promise.all(subscriptions.map((subscription) => subscription.stop()));
        await mcp.close();
        await app.close();
        denials.close();
        await facts.close();
        rateLimit.close();
        if (overrides.bus === undefined) await bus.close();
        await ops.stop();
        await telemetry.shutdown();
      };
    },
    async stop() {
      const once = stop;
      stop = () => Promise.resolve();
      await once();
    },
  };
}
