import {
  type LiveDelta,
  type OutputOf,
  type RequestContract,
  type RequestOf,
  type RunEvent,
  type StreamLimits,
  type StreamName,
  subjects,
  type SystemEvent,
  type SystemFact,
} from '@switchyard/contracts';
import type { Logger, Metrics, TlsFiles } from '@switchyard/platform';
import { type JetStreamClient, nuid } from 'nats';
import { logEvent } from '../log-events.ts';
import { RpcServer, RpcClient } from '../requests/index.ts';
import {
  type Bus,
  type BusStatus,
  type BusTrust,
  Callers,
  type ConsumeOptions,
  createInstruments,
  DRAIN_LIMIT_MS,
  encode,
  type Following,
  type FollowOptions,
  type Handler,
  type Instruments,
  operatorAsked,
  type Records,
  type RecordsOptions,
  type RequestOptions,
  settledWithin,
  type Subscription,
  SystemEventSequencer,
  type WakeUp,
  type WakeUpOptions,
} from '../protocol/index.ts';
import { Follower, subscribeSystem, subscribeWakeUps } from '../events/index.ts';
import { HeldLease, type Lease, type LeaseOptions } from '../lease/index.ts';
import { NatsConsumers } from './consumers.ts';
import { NatsLeaseRegister } from './lease.ts';
import { NatsPublisher } from './publisher.ts';
import { NatsRecords } from './records.ts';
import { NatsStreams, STREAM_TIMEOUT_MS } from './nats-streams.ts';
import { NatsWire } from './wire.ts';
import { checkServerVersion } from './streams.ts';

export interface ConnectOptions {
  readonly url: string;
  readonly app: string;
  readonly log: Logger;
  /** The keys to sign requests and to check those of others. */
  readonly trust: BusTrust;
  /** If `app` is `operator`: the person. */
  readonly person?: string;
  /** Set: TLS, with a certificate of its own where one is named. */
  readonly tls?: TlsFiles | undefined;
  readonly metrics?: Metrics;
  /** Names this process in its facts outside runs; default: a random name. */
  readonly instance?: string;
  /** How long requests under way may take at a stop; then their callers learn that the worker is lost. */
  readonly stopLimitMs?: number;
  /** Ends the wait for an unavailable server. */
  readonly signal?: AbortSignal;
}

/** Connects to nats-server; waits until it is available. Throws if it is too old, and with the signal's reason. */
export async function connectBus(options: ConnectOptions): Promise<Bus> {
  const wire = await NatsWire.open(options);
  try {
    checkServerVersion(wire.serverVersion);
  } catch (error) {
    await wire.close();
    throw error;
  }
  const { app, log, metrics, instance = nuid.next(), stopLimitMs, trust, person } = options;
  if (trust === 'open') logEvent(log, 'bus_trust_open');
  return new NatsBus(
    wire,
    app,
    instance,
    log,
    createInstruments(metrics),
    new Callers(app, trust, person),
    stopLimitMs,
  );
}

/** One connection to NATS. It wires the parts, which do the work, and closes them at the end. */
class NatsBus implements Bus {
  readonly #rpcClient: RpcClient;
  readonly #rpcServer: RpcServer;
  readonly #follower: Follower;
  readonly #js: JetStreamClient;
  readonly #streams: NatsStreams;
  readonly #publisher: NatsPublisher;
  readonly #consumers: NatsConsumers;
  readonly #sequencer: SystemEventSequencer;
  readonly #leases = new Set<Lease>();

  readonly #wire: NatsWire;
  readonly #app: string;
  readonly #log: Logger;

  constructor(
    wire: NatsWire,
    app: string,
    instance: string,
    log: Logger,
    instruments: Instruments,
    callers: Callers,
    stopLimitMs?: number,
  ) {
    this.#wire = wire;
    this.#app = app;
    this.#log = log;
    this.#rpcClient = new RpcClient(wire, instruments, callers);
    this.#rpcServer = new RpcServer(
      wire,
      log,
      instruments,
      callers,
      (person, subject, input) => this.publishSystem(operatorAsked(app, person, subject, input)),
      stopLimitMs,
    );
    this.#follower = new Follower(wire, log);
    this.#js = wire.connection.jetstream({ timeout: STREAM_TIMEOUT_MS });
    this.#streams = new NatsStreams(wire);
    this.#publisher = new NatsPublisher(this.#rpcClient, this.#streams);
    this.#consumers = new NatsConsumers(this.#js, this.#streams, log, instruments);
    this.#sequencer = new SystemEventSequencer(app, instance);
    this.onReconnect(() => this.#follower.recheck());
  }

  request<C extends RequestContract>(contract: C, input: RequestOf<C>, options?: RequestOptions): Promise<OutputOf<C>> {
    return this.#rpcClient.request(contract, input, options);
  }

  answer<C extends RequestContract>(
    contract: C,
    handler: Handler<C>,
    options?: { maxInFlight?: number; as?: string },
  ): Promise<Subscription> {
    return this.#rpcServer.answer(contract, handler, options);
  }

  publishEvents(events: readonly RunEvent[]): Promise<void> {
    return this.#publisher.events(events);
  }

  async publishSystem(fact: SystemFact): Promise<void> {
    await this.#publisher.system(this.#sequencer.numbered(fact));
  }

  publishLive(tenantId: string, delta: LiveDelta): void {
    if (this.#wire.connected()) this.#wire.publish(subjects.liveDelta(tenantId, delta.runId), encode(delta));
  }

  async wakeUp(tenantId: string, runId: string): Promise<void> {
    await this.#publisher.wakeUp(tenantId, runId);
  }

  onWakeUp(handler: (wakeUp: WakeUp) => Promise<'done' | 'busy'>, options: WakeUpOptions = {}): Subscription {
    return this.#consumers.wakeUps(handler, options);
  }

  subscribeWakeUps(listener: (wakeUp: WakeUp) => void): Promise<Subscription> {
    return subscribeWakeUps(this.#wire, listener);
  }

  subscribeSystem(listener: (event: SystemEvent) => void, about?: string): Promise<Subscription> {
    return subscribeSystem(this.#wire, listener, about);
  }

  follow(options: FollowOptions): Following {
    return this.#follower.follow(options);
  }

  consume(options: ConsumeOptions): Subscription {
    return this.#consumers.facts(options);
  }

  lease(options: LeaseOptions): Lease {
    const lease = new HeldLease(options, new NatsLeaseRegister(this.#js, `${this.#app}.${options.name}`), this.#log);
    this.#leases.add(lease);
    return lease;
  }

  records(options: RecordsOptions): Records {
    return new NatsRecords(this.#js, this.#app, options);
  }

  ensureStreams(runs?: StreamLimits, copies?: number): Promise<void> {
    return this.#streams.ensure(runs, copies);
  }

  streamPosition(stream: StreamName): Promise<{ made: string; lastSeq: number }> {
    return this.#streams.position(stream);
  }

  status(): BusStatus {
    const { serverVersion, rttMs, url, reconnects } = this.#wire;
    return {
      connected: this.#wire.connected(),
      reconnects,
      url,
      ...(serverVersion === undefined ? {} : { serverVersion }),
      ...(rttMs === undefined ? {} : { rttMs }),
    };
  }

  onStatus(listener: (status: BusStatus) => void): () => void {
    return this.#wire.onChange(() => listener(this.status()));
  }

  onReconnect(listener: () => void): () => void {
    return this.#wire.onChange((connected) => connected && listener());
  }

  async drain(): Promise<void> {
    await settledWithin([this.#consumers.stop(), this.#rpcServer.drain(DRAIN_LIMIT_MS)], DRAIN_LIMIT_MS);
  }

  async close(): Promise<void> {
    await this.drain();
    await Promise.all([...this.#leases].map((lease) => lease.close()));
    this.#rpcClient.close();
    this.#rpcServer.close();
    await this.#wire.close();
  }
}
